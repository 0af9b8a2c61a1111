"""Builds the OPA binary that `tools/opa/go.mod` pins, every dependency by its go.sum hash.

An `opa` on PATH of exactly the pinned version is taken as it is.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from go_toolchain import MODULE, ask, drop_caches, find_go

PACKAGE = "github.com/open-policy-agent/opa"
OPA_INPUTS = ("tools/opa/go.mod", "tools/opa/go.sum")
_BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")


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
    go = find_go(pip=pip, run=run)
    print(f"setup:   building OPA {wanted} with {go} (1 to 4 minutes, once)", flush=True)
    run(
        (go, "build", *_BUILD_FLAGS, "-o", str(fresh), PACKAGE),
        "OPA could not be built; check that the Go module proxy is reachable (GOPROXY), or put "
        f"an `opa` {wanted} on PATH, then run this again",
        cwd=MODULE,
        environment={
            "CGO_ENABLED": "0",
            "GOFLAGS": "",
            "GOTOOLCHAIN": "local",  # never fetch another Go than the one chosen here
            "GOWORK": "off",
        },
    )
    drop_caches(go)


def pinned_version() -> str:
    """The version of OPA in go.mod, without the v."""
    path = MODULE / "go.mod"
    match = re.search(rf"{re.escape(PACKAGE)} v(\S+)", path.read_text(encoding="utf-8"))
    if match is None:
        message = f"{path} pins no {PACKAGE}"
        raise OSError(message)
    return match.group(1)


def opa_version(opa: Path) -> str:
    """What an OPA says it is; empty when it does not run."""
    match = re.search(r"^Version: (\S+)$", ask(str(opa), "version"), re.MULTILINE)
    return match.group(1) if match else ""
