"""Builds and runs the load generator (`benchmarks/load`, Go, standard library only)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.paths import BENCHMARKS, TOOLS

SOURCE = BENCHMARKS / "load"
BINARY = TOOLS / "load"
LATE = "status_503"


class LoadError(RuntimeError):
    """The generator cannot be built, or an answer was not what a good one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One endpoint under load: what is sent, and how many allows a good answer holds."""

    name: str
    address: str
    path: str
    body: Path
    headers: tuple[str, ...] = ()
    allows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One closed-loop run; times in microseconds."""

    connections: int
    seconds: float
    good: int
    throughput: float
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    cpu_us_per_request: float
    errors: dict[str, int]
    first_error: str


def build() -> Path:
    """The generator's path, compiled anew only when its source changed.

    Raises:
        LoadError: no Go, or it does not compile.
    """
    stamp = TOOLS / "load.stamp"
    digest = _source_digest()
    if BINARY.exists() and stamp.exists() and stamp.read_text("ascii") == digest:
        return BINARY
    TOOLS.mkdir(exist_ok=True)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}
    fresh = TOOLS / f"load.{os.getpid()}"  # others may build or run it at the same moment
    done = subprocess.run(
        [_go(), "build", "-o", str(fresh), "."],
        cwd=SOURCE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LoadError(f"the load generator does not compile:\n{done.stderr}")
    fresh.replace(BINARY)
    stamp.write_text(digest, "ascii")
    return BINARY


def run(target: Target, *, connections: int, seconds: float, count: int = 0) -> Measured:
    """Load `target` and return what was measured, bad answers included.

    Raises:
        LoadError: the generator itself failed.
    """
    command = [
        *(str(BINARY), "-address", target.address, "-path", target.path),
        *("-body", str(target.body), "-c", str(connections), "-allows", str(target.allows)),
        *("-duration", f"{seconds:.3f}s", "-count", str(count)),
        *(part for line in target.headers for part in ("-header", line)),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds + 60
    )
    if done.returncode != 0:
        raise LoadError(done.stderr)
    return Measured(**json.loads(done.stdout))


def demand_good(target: Target, measured: Measured) -> Measured:
    """Pass a run on in which the answers were good.

    A busy machine may push one question in a thousand over its deadline: an honest 503 is
    forgiven so far, counted and printed. Any other answer is not.

    Raises:
        LoadError: the run measured refusals or failures, which is worth nothing.
    """
    late = measured.errors.get(LATE, 0)
    forgiven = max(1, measured.good // 1000)
    if not measured.good or late > forgiven or measured.errors.keys() - {LATE}:
        raise LoadError(f"{target.name}: {measured.errors}; the first: {measured.first_error}")
    return measured


def _source_digest() -> str:
    digest = hashlib.sha256()
    for file in _sources():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _sources() -> Sequence[Path]:
    return [SOURCE / "go.mod", *sorted(SOURCE.glob("*.go"))]


def _go() -> str:
    here = BENCHMARKS.parent / ".venv" / "bin"
    found = shutil.which("go") or shutil.which("go", path=f"{here}:{TOOLS}:{TOOLS / 'go' / 'bin'}")
    if found is None:
        raise LoadError("Go is needed to build the load generator; `make setup` brings it.")
    return found
