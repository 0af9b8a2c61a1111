"""Connections of the issuer itself, and changes of the catalogue, one after the other.

PostgreSQL refuses half of what changes a schema's rights at the same moment (`tuple
concurrently updated`), so changes take turns under one advisory lock, and what was refused all
the same is tried again. Anybody who can connect can take that lock too, a job as well: so a
change waits for its turn a bounded time and then goes on without it, by trying again.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar, cast
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import errors

from counterfoil.core.model import JsonValue
from counterfoil.keys import read_private
from counterfoil_issuers.contract import TargetError

TURN: Final = 0x636F756E746572  # "counter"; one lock for a database
TURN_SECONDS: Final = 1
LOCK_SECONDS: Final = 3
STATEMENT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 5
FREE_SECONDS: Final = 15.0  # how long one waits for a connection of the issuer's few
TRIES: Final = 8
_FIRST_PAUSE_SECONDS: Final = 0.02
# A lock on a table that somebody holds is not waited for here: the caller tries again, later.
_AGAIN: Final = (errors.SerializationFailure, errors.DeadlockDetected)
_CONCURRENT: Final = "concurrently"  # tuple concurrently updated, deleted: an internal error
_REMEDY: Final = "Write the issuer role's password there: one line."
Result = TypeVar("Result")
Database = psycopg.Connection[tuple[Any, ...]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One database, how the issuer reaches it, and how holders do."""

    location: str
    database: str
    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    sslmode: str
    ca_file: str | None
    holder_host: str
    holder_port: int
    owner: str
    connection_limit: int
    connections: int

    @classmethod
    def of(cls, settings: Mapping[str, JsonValue]) -> Self:
        """Read `[target]`, which its schema has judged.

        Raises:
            ConfigError: the password's file cannot be read, or others may read it.
        """
        values = cast("Mapping[str, Any]", settings)
        file = values.get("password_file")
        password = None
        if file is not None:
            data = read_private(Path(file), "target.password_file", remedy=_REMEDY)
            password = data.decode("utf-8").strip()
        host, port = values["host"], values.get("port", 5432)
        return cls(
            location=values["location"],
            database=unquote(urlsplit(values["location"]).path.removeprefix("/")),
            host=host,
            port=port,
            user=values["user"],
            password=password,
            sslmode=values.get("sslmode", "verify-full"),
            ca_file=values.get("ca_file"),
            holder_host=values.get("holder_host", host),
            holder_port=values.get("holder_port", port),
            owner=values["owner"],
            connection_limit=values.get("connection_limit", 1),
            connections=values.get("connections", 4),
        )


class Server:
    """Thread safe: each piece of work has a connection of its own, of at most `connections`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._free = threading.BoundedSemaphore(place.connections)

    @contextmanager
    def session(self) -> Iterator[Database]:
        """A connection in autocommit, whose names mean the server's own catalogue alone.

        Raises:
            TargetError: it failed; the server's own sentence, which holds no secret of ours.
        """
        if not self._free.acquire(timeout=FREE_SECONDS):
            raise TargetError("no connection became free in time")
        try:
            with self._connect() as connection:
                yield connection
        except psycopg.Error as error:
            raise TargetError(_sentence(error)) from error
        finally:
            self._free.release()

    def _connect(self) -> Database:
        place = self._place
        return psycopg.connect(
            host=place.host,
            port=place.port,
            dbname=place.database,
            user=place.user,
            password=place.password,
            sslmode=place.sslmode,
            sslrootcert=place.ca_file,
            connect_timeout=CONNECT_SECONDS,
            application_name="counterfoil issuer",
            client_encoding="utf8",
            # What a job left in a schema must not be what a name of ours means.
            options=(
                "-c search_path=pg_catalog -c standard_conforming_strings=on"
                f" -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s"
            ),
            autocommit=True,
        )

    def change(self, work: Callable[[Database], Result], *, in_turn: bool = True) -> Result:
        """Change the catalogue in one transaction; all of it or nothing.

        Args:
            work: does it; may be called again.
            in_turn: whether to wait for others' changes first, a bounded time.

        Raises:
            TargetError: it failed, or was refused time and again.
        """
        pause = _FIRST_PAUSE_SECONDS
        for left in reversed(range(TRIES)):
            try:
                with self.session() as connection, connection.transaction():
                    if in_turn:
                        _take_turn(connection)
                    return work(connection)
            except TargetError as error:
                if not left or not _may_work_later(error.__cause__):
                    raise
            time.sleep(pause * (1 + secrets.randbelow(1000) / 1000))
            pause *= 2
        raise TargetError("it was refused time and again")


def _take_turn(connection: Database) -> None:
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    except errors.LockNotAvailable:
        _log.warning("somebody holds the turn of catalogue changes; going on without it")


def _may_work_later(error: BaseException | None) -> bool:
    if isinstance(error, _AGAIN):
        return True
    return isinstance(error, errors.InternalError_) and _CONCURRENT in str(error)


def _sentence(error: psycopg.Error) -> str:
    # Never the whole text: a failed statement may be quoted in it.
    primary = error.diag.message_primary
    return f"{error.sqlstate}: {primary}" if primary else type(error).__name__
