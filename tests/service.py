"""The real service for tests: `counterfoil serve --dev` with its own folders and ports.

`running_service(folder)` starts one and stops it; `service` is the one of a test process
for tests that do not disturb it (a fixture in conftest.py).
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.core.canonical import digest
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from counterfoil.keys import DELEGATION_KEY_FILE, load_es256_key

PROGRAM = (sys.executable, "-I", "-m", "counterfoil.cli")
START_SECONDS = 40.0  # a loaded machine; usually one second
PROMPT = "Add an invoices table to the orders database"
_PORTS = range(15_000, 32_000)  # below the kernel's ephemeral range


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and parsed body."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class Service:
    """A started service; `lines` is all that it has printed."""

    folder: Path
    port: int
    metrics_port: int
    command: tuple[str, ...]
    environment: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)
    lines: list[str] = field(default_factory=list)
    _silent: bool = field(default=False, init=False)  # it has ended, nothing more will come
    _said: threading.Condition = field(default_factory=threading.Condition)

    def start(self, *, wait: bool = True) -> None:
        """Start it (again), by the same command."""
        self.lines.clear()
        process = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with self._said:
            self.process, self._silent = process, False
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        if wait:
            self.wait_for("Counterfoil is ready")

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._said:
                    self.lines.append(line.rstrip("\n"))
                    self._said.notify_all()
        with self._said:
            self._silent = self.process is process
            self._said.notify_all()

    def wait_for(self, text: str, seconds: float = START_SECONDS) -> str:
        """Wait until it prints a line that holds `text`; return the line."""

        def said() -> str | None:
            return next((line for line in self.lines if text in line), None)

        with self._said:
            self._said.wait_for(lambda: said() or self._silent, seconds)
            found = said()
        assert found, f"{text!r} was not printed:\n" + "\n".join(self.lines)
        return found

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_SECONDS)

    @property
    def run_directory(self) -> Path:
        """Where the sockets are."""
        return Path(self.environment["COUNTERFOIL_SERVER__RUN_DIRECTORY"])

    @property
    def keys(self) -> Path:
        """The development keys."""
        return self.folder / "var" / "keys"

    @property
    def database(self) -> Path:
        """The ledger's file."""
        return self.folder / "var" / "ledger.db"

    def token(
        self,
        sub: str = "alice",
        groups: Sequence[str] = ("developers",),
        agent: str | None = "coder",
        **claims: Any,
    ) -> str:
        """Mint a development token; `claims` replace or add, None removes."""
        now = int(time.time())  # noqa: TID251
        body: dict[str, Any] = {
            "iss": DEVELOPMENT_ISSUER,
            "sub": sub,
            "aud": "counterfoil",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": secrets.token_hex(13),
            "groups": list(groups),
        }
        if agent is not None:
            body["act"] = {"iss": DEVELOPMENT_ISSUER, "sub": agent}
            body["run"] = f"run_{secrets.token_hex(13)}"
        body.update(claims)
        body = {name: value for name, value in body.items() if value is not None}
        key = load_es256_key(self.keys / DELEGATION_KEY_FILE)
        return Es256Signer(key, typ=DELEGATION_TYPE).sign(body)

    def connect(self, seconds: float = 10.0) -> http.client.HTTPConnection:
        """A connection to the service's port."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """One request; a body that is not bytes goes as JSON."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        own = connection or self.connect()
        try:
            own.request(method, path, data, sent)
            response = own.getresponse()
            raw = response.read()
        finally:
            if connection is None:
                own.close()
        parsed = json.loads(raw) if "json" in (response.getheader("Content-Type") or "") else raw
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, parsed)

    def authorize(
        self,
        sql: str = "CREATE TABLE public.invoices (id int)",
        *,
        token: str | None = None,
        prompt: str | None = PROMPT,
        **more: Any,
    ) -> Answer:
        """Ask for one `run_sql` on the database `orders`."""
        return self.request(
            "POST", "/authorize", sql_request(sql, prompt), token=token or self.token(), **more
        )

    def metrics(self) -> str:
        """The text of the metrics listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def sql_request(sql: str, prompt: str | None = PROMPT) -> dict[str, Any]:
    """The body of `/authorize` for one statement."""
    arguments = {"database": "orders", "sql": sql}
    return {
        "action": {"name": "run_sql", "properties": {"arguments": arguments}},
        "context": {} if prompt is None else {"prompt": prompt},
    }


def prompt_digest(prompt: str) -> str:
    """What `counterfoil token --prompt` puts into the token."""
    return digest(prompt.encode())


def free_port() -> int:
    """A port that nobody listens on, and that no other test process on this machine takes.

    Held by a lock of its own until this process ends: a service under test may be down
    for a while and must find its port again.
    """
    claims = Path(tempfile.gettempdir()) / f"counterfoil-test-ports-{os.getuid()}"
    claims.mkdir(mode=0o700, exist_ok=True)
    for _ in range(len(_PORTS)):
        port = secrets.choice(_PORTS)
        claim = os.open(claims / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            continue
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    message = "no free port"
    raise RuntimeError(message)


def make_service(folder: Path, run_directory: Path, **overrides: object) -> Service:
    """A service that is not started yet; `server__workers=1` overrides `server.workers`."""
    port, metrics_port = free_port(), free_port()
    settings: dict[str, object] = {
        "server__listen": f"127.0.0.1:{port}",
        "server__metrics_listen": f"127.0.0.1:{metrics_port}",
        "server__run_directory": run_directory,
        **overrides,
    }
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    environment |= {f"COUNTERFOIL_{name.upper()}": str(value) for name, value in settings.items()}
    return Service(
        folder=folder,
        port=port,
        metrics_port=metrics_port,
        command=(*PROGRAM, "serve", "--dev"),
        environment=environment,
    )


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Start it; at the end stop it, leave no process, and remove its sockets' folder."""
    try:
        service.start()
        yield service
    finally:
        if service.process.poll() is None:
            service.process.terminate()
            try:
                service.process.wait(20)
            except subprocess.TimeoutExpired:
                service.process.kill()
                service.process.wait()
        shutil.rmtree(service.run_directory, ignore_errors=True)


@contextmanager
def running_service(folder: Path, **overrides: object) -> Iterator[Service]:
    """Start the real service with its own folders and ports; stop it, and leave no process."""
    # The sockets' path must stay below 108 bytes, which pytest's folders do not.
    run_directory = Path(tempfile.mkdtemp(prefix="cf-"))
    with running(make_service(folder, run_directory, **overrides)) as service:
        yield service
