"""Builds the Go programs that a module under tools/ pins, every dependency by its go.sum hash.

Once, into a folder under `.tools`, with a stamp of what they were built from. Only the tests
with real servers need them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from go_toolchain import TOOLS, drop_caches, find_go

_STAMP = "built-from"


def build_programs(module: Path, programs: Mapping[str, str], *, ldflags: str) -> int:
    """Put the programs into `.tools/<name of the module>`, unless they are there.

    Args:
        module: the folder of `go.mod` and `go.sum`.
        programs: their packages by the names of the files.
        ldflags: for the linker.

    Returns:
        An exit code; what failed is on standard error, with what to do.
    """
    try:
        _build(module, programs, ldflags)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"{module.name}: {error}; check that the Go module proxy is reachable (GOPROXY), then "
            "run this again",
            file=sys.stderr,
        )
        return 1
    return 0


def _build(module: Path, programs: Mapping[str, str], ldflags: str) -> None:
    pins = b"".join((module / name).read_bytes() for name in ("go.mod", "go.sum"))
    wanted = hashlib.sha256(pins).hexdigest()
    target = TOOLS / module.name
    stamp = target / _STAMP
    there = all((target / name).exists() for name in programs)
    if there and stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    target.mkdir(parents=True, exist_ok=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    go = find_go(pip=pip, run=_run)
    for name, package in programs.items():
        print(f"{module.name}: building {name} (minutes, once)", flush=True)
        flags = ("-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={ldflags}")
        fresh = target / f"{name}.new"
        _run((go, "build", *flags, "-o", str(fresh), package), "", cwd=module)
        fresh.replace(target / name)
    stamp.write_text(wanted, "utf-8")
    drop_caches(go)


def _run(command: tuple[str, ...], remedy: str, cwd: Path | None = None) -> None:
    del remedy  # said once, for all of them
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, env=environment)
