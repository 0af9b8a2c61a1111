"""A connection that is bounded in time, and a server that is told apart by what it promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.errors import ConfigError
from counterfoil.ledger.database import StorageFailed, StorageUnavailable

SCHEMA: Final = "counterfoil"
STATEMENT_MS: Final = 2_000  # nothing that a writer or reader asks takes a tenth of it
FENCE_MS: Final = 5_000  # a stopped process loses its transaction, and with it the head row
_CONNECT_SECONDS: Final = 2
_DURABLE: Final = ("on", "remote_apply", "remote_write")
_LOCALLY: Final = "local"  # durable here; enough where nobody fails over to another server

SETTINGS: Final = (
    "SELECT current_setting('fsync'), current_setting('full_page_writes'),"
    " current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),"
    " current_setting('data_sync_retry')"
)

Connection = psycopg.Connection[tuple[Any, ...]]


class NotDurable(ConfigError):
    """The server acknowledges a commit that a power cut can take back."""


def connect(
    place: PostgresqlPlace, name: str, *, statement_ms: int = STATEMENT_MS, fence_ms: int = FENCE_MS
) -> Connection:
    """Open a connection in autocommit.

    Every parameter that libpq would take from the environment or a file of the account is
    given here, so that nobody's shell redirects it.

    Raises:
        ConfigError: the password file cannot be read.
        psycopg.Error: no connection in time.
    """
    settings = {
        "search_path": SCHEMA,
        "statement_timeout": statement_ms,
        "lock_timeout": statement_ms,
        "idle_in_transaction_session_timeout": fence_ms,
        "default_transaction_isolation": r"read\ committed",
        "default_transaction_read_only": "off",
        "DateStyle": "ISO",
        "client_min_messages": "warning",
    }
    tls: dict[str, Any] = dict(place.tls)
    return psycopg.connect(
        host=place.host,
        port=place.port,
        dbname=place.database,
        user=place.user,
        password=_password(place),
        passfile="/dev/null/none",
        application_name=f"counterfoil {name}",
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        client_encoding="UTF8",
        connect_timeout=_CONNECT_SECONDS,
        gssencmode="disable",
        target_session_attrs="any",
        channel_binding="prefer",
        tcp_user_timeout=FENCE_MS,
        keepalives=1,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=2,
        autocommit=True,
        **tls,
    )


def check_durable(row: Sequence[str]) -> None:
    """Judge a row of `SETTINGS`, which are this session's: by server, database or role.

    Raises:
        NotDurable: a setting under which an acknowledged record can be lost.
    """
    fsync, pages, commit, standbys, retry = row
    weak = [
        f"{name} = {value}"
        for name, value, good in (
            ("fsync", fsync, fsync == "on"),
            ("full_page_writes", pages, pages == "on"),
            (
                "synchronous_commit",
                commit,
                commit in _DURABLE or (commit == _LOCALLY and not standbys),
            ),
            ("data_sync_retry", retry, retry == "off"),
        )
        if not good
    ]
    if weak:
        raise NotDurable(
            f"PostgreSQL does not keep what it acknowledges: {', '.join(weak)}."
            " Set it back, for the server and for this role and database.",
            pointer="ledger.url",
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into the two that a writer knows; `UniqueViolation` passes.

    Raises:
        StorageUnavailable: no server, no space, a timeout, a standby: it may end by itself.
        StorageFailed: anything else, a missing right or table above all.
    """
    try:
        yield
    except errors.UniqueViolation:
        raise
    except (
        psycopg.OperationalError,
        errors.ReadOnlySqlTransaction,
        psycopg.InterfaceError,
        errors.IdleInTransactionSessionTimeout,
    ) as error:
        raise StorageUnavailable(f"PostgreSQL: {said(error)}") from error
    except psycopg.Error as error:
        raise StorageFailed(f"PostgreSQL: {said(error)}") from error


def said(error: psycopg.Error) -> str:
    """The first line of what the server or libpq said; it repeats no password."""
    text = error.diag.message_primary or str(error)
    return text.strip().partition("\n")[0] or type(error).__name__


def _password(place: PostgresqlPlace) -> str | None:
    if place.password_file is None:
        return place.password or None
    try:
        return place.password_file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{place.password_file} cannot be read", pointer="ledger.password_file"
        ) from error


class Rows:
    """Implements `port.Database` on a connection: `?` for parameters, as in the queries of both."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def execute(
        self, sql: str, parameters: Sequence[Any] = (), /
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one query."""
        return self.connection.execute(translate(sql), parameters)

    def query(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        """All rows of one query, as `port.Source.query`."""
        return [*self.execute(sql, parameters).fetchall()]


def translate(sql: str) -> bytes:
    """Our queries hold no `?` or `%` but for parameters."""
    return sql.replace("?", "%s").encode()
