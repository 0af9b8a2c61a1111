"""A real MariaDB on a unix socket of its own, from Debian's package (end-to-end tests only)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql  # type: ignore[import-untyped]  # has no annotations

START_SECONDS = 60.0
_ME = "--user=root" if os.geteuid() == 0 else f"--user={os.environ.get('USER', '')}"


@contextmanager
def running() -> Iterator[Path]:
    """Start a server without network or files of the machine's; yields its socket."""
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    assert server, "apt-get install mariadb-server"
    assert install, "apt-get install mariadb-server"
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-mariadb-"))
    socket = folder / "s"
    with (folder / "log").open("wb") as log:
        make = [install, "--no-defaults", "--auth-root-authentication-method=normal", _ME]
        subprocess.run([*make, f"--datadir={folder}/data"], stdout=log, stderr=log, check=True)
        process = subprocess.Popen(
            [
                *(server, "--no-defaults", _ME, f"--datadir={folder}/data"),
                *(f"--socket={socket}", "--skip-networking", f"--pid-file={folder}/pid"),
                *(f"--secure-file-priv={folder}", "--skip-log-bin"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(socket, process)
        yield socket
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def connect(socket: Path, user: str = "root", database: str | None = None) -> pymysql.Connection:
    """A connection as a user without a password; the tables' own mode of SQL."""
    return pymysql.connect(
        unix_socket=str(socket), user=user, database=database, autocommit=True, charset="utf8mb4"
    )


def _wait(socket: Path, process: subprocess.Popen[bytes]) -> None:
    """The socket is there once the server listens; a connection then waits in its queue."""
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists():
        assert process.poll() is None, "MariaDB ended"
        assert time.monotonic() < deadline, "MariaDB does not answer"
        time.sleep(0.1)
    connect(socket).close()
