"""The real service for the hook's tests: a process of its own, met over HTTP alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("COUNTERFOIL", ROOT / ".venv/bin/counterfoil"))
START_SECONDS = 60.0  # a loaded machine; usually two


@dataclass(slots=True)
class Running:
    """A started service."""

    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def _log(self) -> Path:
        return self.folder / "service.log"

    def start(self) -> None:
        """Start it, the first time or again after its end, and wait until it is ready."""
        with self._log.open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(
                [str(PROGRAM), "serve", "--dev"], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while b"is ready" not in self._log.read_bytes()[before:]:
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as its operator would."""
        self.process.terminate()
        self.process.wait(30)

    def command(self, *words: str) -> str:
        return self._run(str(PROGRAM), *words)

    def token(self, *more: str, sub: str = "alice", group: str = "developers") -> str:
        return self.command("token", "--sub", sub, "--group", group, "--agent", "coder", *more)

    def decisions(self) -> list[dict[str, Any]]:
        """What the record says of each decision."""
        python, script = PROGRAM.with_name("python"), ROOT / "tests" / "print_decisions.py"
        return [json.loads(line) for line in self._run(str(python), str(script)).splitlines()]

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running_service(folder: Path, config: str = "", **settings: str) -> Iterator[Running]:
    """Start `counterfoil serve --dev` in `folder`, with a configuration file; stop it.

    `settings` are variables of the configuration, such as `SERVER__WORKERS="2"`.
    """
    if config:
        (folder / "counterfoil.toml").write_text(config)
    port, metrics = free_ports(2)
    run_directory = tempfile.mkdtemp(prefix="cf-")  # a socket's path is short
    values = {
        "SERVER__LISTEN": f"127.0.0.1:{port}",
        "SERVER__METRICS_LISTEN": f"127.0.0.1:{metrics}",
        "SERVER__RUN_DIRECTORY": run_directory,
        "SERVER__WORKERS": "1",
        **settings,
    }
    environment = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder),
        **{f"COUNTERFOIL_{name}": value for name, value in values.items()},
    }  # fmt: skip
    running = Running(folder, port, environment)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(run_directory, ignore_errors=True)
