"""The service as `counterfoil serve --dev` starts it, on its own ports and folders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import cpu, documents
from benchmarks.harness.paths import ROOT, free_port

_START_SECONDS = 30.0
COUNTERFOIL = Path(sys.executable).with_name("counterfoil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: where it listens, who calls it, and which process does what."""

    address: str
    pid: int | None
    token: str
    settings: dict[str, str]

    @property
    def headers(self) -> tuple[str, ...]:
        """What each request carries."""
        return (f"Authorization: Bearer {self.token}",)

    def roles(self) -> dict[int, str]:
        """Each process and its part in a decision; empty for a service started elsewhere."""
        return {} if self.pid is None else roles_of(cpu.tree(self.pid))


@contextmanager
def started(folder: Path) -> Iterator[Service]:
    """Run the service in `folder` until the end."""
    folder.mkdir()
    address = f"127.0.0.1:{free_port()}"
    environment = _environment(folder, address)
    log = (folder / "service.log").open("wb")
    process = subprocess.Popen(
        [str(COUNTERFOIL), "serve", "--dev"], cwd=folder, env=environment, stdout=log, stderr=log
    )
    try:
        _wait(f"http://{address}/readyz", process, folder)
        token = mint(folder, environment)
        yield Service(
            address=address,
            pid=process.pid,
            token=token,
            settings=_settings(folder, address),
        )
    finally:
        process.terminate()
        process.wait(timeout=_START_SECONDS)
        log.close()


def elsewhere(address: str, token: str) -> Service:
    """A service that somebody else started; its processes are not looked at."""
    return Service(address=address, pid=None, token=token, settings={})


def mint(folder: Path, environment: dict[str, str]) -> str:
    """A development token for the person and the agent of `documents`."""
    who = ["--sub", documents.PERSON, "--group", documents.GROUP, "--agent", documents.AGENT]
    done = subprocess.run(
        [str(COUNTERFOIL), "token", *who],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[-1]


def roles_of(tree: list[tuple[int, int]]) -> dict[int, str]:
    """Name the parent's descendants by what they run and where they hang."""
    roles: dict[int, str] = {}
    for pid, depth in tree:
        command = cpu.command_line(pid)
        if depth == 0:
            roles[pid] = "parent"
        elif depth == 1:
            roles[pid] = _child(command)
        else:
            roles[pid] = "workers" if depth == 2 else "readers"
    return roles


def _child(command: str) -> str:
    program = command.split(" ", 1)[0].rpartition("/")[2]
    if program == "opa":
        return "opa"
    return "gunicorn master" if "gunicorn" in command else "ledger writer"


def _environment(folder: Path, address: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL")}
    return kept | _settings(folder, address)


def _settings(folder: Path, address: str) -> dict[str, str]:
    return {
        "COUNTERFOIL_SERVER__LISTEN": address,
        "COUNTERFOIL_SERVER__METRICS_LISTEN": f"127.0.0.1:{free_port()}",
        "COUNTERFOIL_SERVER__RUN_DIRECTORY": str(folder / "run"),
        "COUNTERFOIL_LEDGER__URL": f"sqlite:///{folder / 'ledger.db'}",
        "COUNTERFOIL_KEYS__DIRECTORY": str(folder / "keys"),
        "COUNTERFOIL_POLICY__BUNDLE": str(ROOT / "rego"),
        # On a busy machine a slow answer is to be measured, not refused.
        "COUNTERFOIL_POLICY__TIMEOUT_MS": "2000",
        "COUNTERFOIL_LEDGER__TIMEOUT_MS": "5000",
    }


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback, http only
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    log = (folder / "service.log").read_text("utf-8", "replace")[-4000:]
    raise RuntimeError(f"the service did not become ready at {url}; its last words:\n{log}")
