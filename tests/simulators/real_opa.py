"""A real OPA, started as the service starts it, on a policy folder of the test's choice."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterfoil.policy.opa import Opa
from counterfoil.policy.server import OpaProcess, prepare_opa
from counterfoil.policy.session import Address
from counterfoil.resources import packaged

ENTRYPOINT = "counterfoil/main/decision"


@dataclass(frozen=True)
class RealOpa:
    """A running OPA with a verified bundle."""

    socket_path: Path
    revision: str
    process: subprocess.Popen[bytes]
    prepared: OpaProcess

    @contextmanager
    def restarted(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start the same OPA again after it died."""
        with _running(self.prepared) as process:
            _wait_until_ready(self.engine(), process)
            yield process

    def engine(self) -> Opa:
        """A fresh client."""
        return Opa(
            Address(path=str(self.socket_path)),
            entrypoint=ENTRYPOINT,
            known_revisions=frozenset({self.revision}),
        )


def policy_folder(target: Path, extra: Mapping[str, str] | None = None) -> Path:
    """The product's policy, with files added or replaced."""
    shutil.copytree(packaged("rego"), target)
    for name, text in (extra or {}).items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return target


@contextmanager
def real_opa(extra: Mapping[str, str] | None = None) -> Iterator[RealOpa]:
    """Run OPA until the block ends."""
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:  # short: socket paths are bounded
        run = Path(scratch)
        folder = policy_folder(run / "rego", extra)
        prepared = prepare_opa(folder, ENTRYPOINT, run)
        with _running(prepared) as process:
            opa = RealOpa(prepared.socket_path, prepared.revision, process, prepared)
            _wait_until_ready(opa.engine(), process)
            yield opa


@contextmanager
def _running(prepared: OpaProcess) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        prepared.command, env=prepared.environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_until_ready(engine: Opa, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while not engine.health(deadline=time.monotonic() + 1).ready:
        assert time.monotonic() < until, "OPA did not become ready"
        assert process.poll() is None, "OPA ended"
        threading.Event().wait(0.02)
    engine.close()
