"""A real ledger for tests: a writer process of its own, real keys, real sockets, real files."""

from __future__ import annotations

import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from counterfoil.config_ledger import PostgresqlPlace, postgresql_place
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.keys import VERIFIER_KEY, load_receipt_key, read_verifier_key
from counterfoil.ledger.postgresql.connection import SCHEMA
from counterfoil.ledger.report import Report
from counterfoil.ledger.store import Store
from counterfoil.ledger.verify import verify_ledger
from counterfoil.ports import Event
from counterfoil.processes import bound_to_this_process
from counterfoil.system import SystemClock
from servers import ledger_server

ORIGIN = "ledger.example.test/development"
ALICE = ("https://idp.example.test", "alice")
PROMPT = b"Add an invoices table to the orders database"
SQL = b'{"database":"orders","sql":"CREATE TABLE public.invoices (id int)"}'
CLOCK = SystemClock()
_WAITING = """SELECT count(*) FROM records r
    WHERE NOT EXISTS (SELECT 1 FROM positions p WHERE p.record = r.id)"""
_INTEGRATOR = (sys.executable, "-I", "-m", "counterfoil.ledger.postgresql.integrator")
_WRITER = (sys.executable, "-I", "-m", "counterfoil.ledger.writer")
_SECONDS = 20.0  # a loaded machine; usually a tenth of a second


def soon(seconds: float = _SECONDS) -> float:
    """A deadline."""
    return CLOCK.monotonic() + seconds


def new_id(prefix: str) -> str:
    """A fresh id of the product's form."""
    return f"{prefix}_{secrets.token_hex(13)}"


def event(**changes: Any) -> Event:
    """One decided event as the main path makes it."""
    base = Event(
        kind="decided",
        event_id=new_id("evt"),
        time=CLOCK.now(),
        tenant="default",
        subject=ALICE,
        decision_id=new_id("dec"),
        plain={"effect": "allow", "reasons": ["rbac.granted"], "expires": 1_900_000_000},
        payload={"arguments": SQL, "prompt": PROMPT},
    )
    return replace(base, **changes)


@dataclass(slots=True)
class Ledger:
    """A folder with a ledger in it, and its writer process while that runs."""

    folder: Path
    server: ledger_server.Server | None = None  # where it lies; without one, in a file
    beside: Ledger | None = None  # another replica of the same ledger
    host: Path | None = None  # a socket's folder in place of the server's own
    role: str = "postgres"
    command: Sequence[str] = _WRITER
    arguments: Sequence[str] = ("--reserve-bytes=0",)
    socket: Path = field(init=False)
    _database: str = field(init=False)
    process: subprocess.Popen[bytes] | None = None
    integrator: subprocess.Popen[bytes] | None = None
    integrates: bool = True
    clients: list[LedgerClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A socket's name has 107 bytes at most, and pytest's folders are long.
        self.socket = Path(tempfile.mkdtemp(prefix="cf", dir="/tmp")) / "ledger.sock"
        if self.beside:
            self.server, self._database = self.beside.server, self.beside._database
        else:
            self._database = self.server.new_database() if self.server else ""

    @property
    def database(self) -> Path:
        """The ledger's file."""
        return self.folder / "ledger.db"

    @property
    def place(self) -> Path | PostgresqlPlace:
        """Where the ledger lies."""
        if self.server is None:
            return self.database
        return postgresql_place(self.server.url(self._database, user=self.role, host=self.host))

    @property
    def keys(self) -> Path:
        """The keys folder."""
        return self.folder / "keys"

    @property
    def key(self) -> VerifierKey:
        """The public key, named by the origin prefix."""
        return read_verifier_key(self.keys / VERIFIER_KEY)

    def launch(self, **options: Any) -> subprocess.Popen[bytes]:
        """Start a writer and do not wait."""
        if self.process is not None and self.process.stderr is not None:
            self.process.stderr.close()
        where = [f"--url={self.place}"] if self.server else [f"--database={self.database}"]
        keys = [f"--keys={self.keys}", f"--origin={ORIGIN}", "--create-keys"]
        self.process = subprocess.Popen(
            [*self.command, *where, f"--socket={self.socket}", *keys, *self.arguments],
            stderr=subprocess.PIPE,
            preexec_fn=bound_to_this_process(),  # noqa: PLW1509  # a killed run leaves no writer
            **options,
        )
        return self.process

    def integrate(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start an integrator of a PostgreSQL ledger and do not wait."""
        keys = [f"--keys={self.keys}", f"--origin={ORIGIN}", "--create-keys"]
        self.integrator = subprocess.Popen(
            [*_INTEGRATOR, f"--url={self.place}", *keys, *arguments],
            preexec_fn=bound_to_this_process(),  # noqa: PLW1509  # as above
        )
        return self.integrator

    def start(self, **options: Any) -> None:
        """Start a writer (and integrator) and wait until it answers."""
        process = self.launch(**options)
        if self.server and self.integrates and self.integrator is None:
            self.integrate()
        client = self.client()
        until = soon()
        while not client.health(deadline=soon(1.0)).ready:
            assert process.poll() is None, self.said()
            assert CLOCK.monotonic() < until
            time.sleep(0.005)  # another process's socket: it can only be asked

    def client(self) -> LedgerClient:
        """A worker's client."""
        client = LedgerClient(
            socket_path=self.socket,
            place=self.place,
            keys_directory=self.keys,
            clock=CLOCK,
            create_keys=True,
        )
        self.clients.append(client)
        return client

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """SIGKILL, as an operator or the kernel would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        assert self.process is not None
        return self.process.wait(_SECONDS)

    def said(self) -> str:
        """What a writer that has ended printed."""
        assert self.process is not None
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def close_integrator(self) -> None:
        """SIGKILL of the integrator, if one runs."""
        integrator, self.integrator = self.integrator, None
        if integrator is not None:
            integrator.kill()
            integrator.wait(_SECONDS)

    def verify(self, *, path: Path | None = None, **held: Any) -> Report:
        """Check the ledger with the public key."""
        self.settle()
        return verify_ledger(path or self.place, self.key, **held)

    def settle(self) -> None:
        """Wait until every record has its number, where they get it later."""
        until = soon()
        while self.server and self.integrator and self._run(_WAITING, ()) != [(0,)]:
            assert CLOCK.monotonic() < until
            time.sleep(0.01)  # another process's rows: they can only be asked for

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the tables hold, every record numbered."""
        self.settle()
        return self._run(sql, ())

    def stored(self) -> bytes:
        """Every byte that the store keeps."""
        if not self.server:
            return b"".join(path.read_bytes() for path in self.folder.glob("ledger.db*"))
        values = [
            value
            for (table,) in self._run(
                "SELECT tablename FROM pg_tables WHERE schemaname = ?", [SCHEMA]
            )
            for row in self._run(f"SELECT * FROM {table}", ())  # noqa: S608 (a name of ours)
            for value in row
        ]
        return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)

    def edit(self, sql: str, *parameters: Any) -> None:
        """Change the tables as somebody could who owns them."""
        for table, numbered in (("records", "entries"), ("sealed", "payloads")):
            sql = sql.replace(numbered, table) if self.server else sql
        self._run(sql, parameters)

    def _run(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self.server:
            return self.server.run(self._database, sql.replace("?", "%s"), parameters)
        with closing(sqlite3.connect(self.database)) as database, database:
            return database.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """End what still runs."""
        for client in self.clients:
            client.close()
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.kill()
            if self.process.stderr is not None:
                self.process.stderr.close()
        self.close_integrator()
        if self.server is not None and self.beside is None:
            self.server.release(self._database)
        shutil.rmtree(self.socket.parent, ignore_errors=True)


@contextmanager
def running_ledger(folder: Path, **options: Any) -> Iterator[Ledger]:
    """A started ledger in `folder`, ended afterwards."""
    ledger = Ledger(folder, **options)
    try:
        ledger.start()
        yield ledger
    finally:
        ledger.close()


def open_store(folder: Path, **changes: Any) -> Store:
    """The writer's store in this process, for what needs a hand on its connection."""
    options: dict[str, Any] = {
        "base": ORIGIN,
        "reserve_bytes": 0,
        "now": CLOCK.now,
        "monotonic": CLOCK.monotonic,
    }
    key = load_receipt_key(folder / "keys", create=True)
    return Store(folder / "ledger.db", key, **{**options, **changes})
