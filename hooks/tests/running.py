"""The real service for the hook's tests: a process of its own, met over HTTP alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(
    os.environ.get("COUNTERFOIL", Path(__file__).resolve().parents[2] / ".venv/bin/counterfoil")
)
START_SECONDS = 60.0  # a loaded machine; usually two


@dataclass(slots=True)
class Running:
    """A started service."""

    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [str(PROGRAM), *words], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def token(self, *more: str, sub: str = "alice", group: str = "developers") -> str:
        return self.command("token", "--sub", sub, "--group", group, "--agent", "coder", *more)


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running_service(folder: Path, config: str = "") -> Iterator[Running]:
    """Start `counterfoil serve --dev` in `folder`, with a configuration file; stop it."""
    if config:
        (folder / "counterfoil.toml").write_text(config)
    port, metrics = free_ports(2)
    run_directory = tempfile.mkdtemp(prefix="cf-")  # a socket's path is short
    environment = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder),
        "COUNTERFOIL_SERVER__LISTEN": f"127.0.0.1:{port}",
        "COUNTERFOIL_SERVER__METRICS_LISTEN": f"127.0.0.1:{metrics}",
        "COUNTERFOIL_SERVER__RUN_DIRECTORY": run_directory,
        "COUNTERFOIL_SERVER__WORKERS": "1",
    }  # fmt: skip
    log = (folder / "service.log").open("wb")
    process = subprocess.Popen(
        [str(PROGRAM), "serve", "--dev"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        end = time.monotonic() + START_SECONDS
        while b"is ready" not in (folder / "service.log").read_bytes():
            assert process.poll() is None, (folder / "service.log").read_text()
            assert time.monotonic() < end, (folder / "service.log").read_text()
            time.sleep(0.05)
        yield Running(folder, port, environment, process)
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        shutil.rmtree(run_directory, ignore_errors=True)
