"""A reader's rows out of PostgreSQL; a record is read as soon as it is committed."""

from __future__ import annotations

import threading
from typing import Final

import psycopg

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.errors import ConfigError, LedgerUnavailable
from counterfoil.ledger.postgresql.connection import Connection, connect, said, translate

_STATEMENT_MS: Final = 1_000


class PostgresqlSource:
    """Implements `port.Source`; one connection, for threads and greenlets alike."""

    trail = (
        "SELECT p.idx, r.leaf, r.signature, s.sealed FROM records r"
        " LEFT JOIN positions p ON p.record = r.id LEFT JOIN sealed s ON s.record = r.id"
        " WHERE r.decision_id = ? AND r.tenant = ? ORDER BY r.xid, r.id"
    )
    leaf = "SELECT leaf FROM records WHERE event_id = ?"
    unnumbered = (
        "SELECT 0::bigint, r.tenant, r.leaf, r.signature FROM records r"
        " WHERE r.decision_id = ? AND NOT EXISTS (SELECT 1 FROM positions p WHERE p.record = r.id)"
        " AND (r.xid, r.id) > (SELECT xid, id FROM head) ORDER BY r.xid, r.id"
    )

    def __init__(self, place: PostgresqlPlace) -> None:
        self._place = place
        self._lock = threading.Lock()  # owns the connection
        self._db: Connection | None = None

    def query(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        """All rows of one query (`port.Source`).

        Raises:
            LedgerUnavailable: PostgreSQL did not answer in time.
        """
        with self._lock:
            old = self._db is not None
            try:
                try:
                    return self._run(sql, parameters)
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    # A connection that lay idle may have ended with the server's last life.
                    if not old or (self._db is not None and not self._db.broken):
                        raise
                    return self._run(sql, parameters)
            except psycopg.Error as error:
                self._close()
                raise LedgerUnavailable(f"the ledger cannot be read: {said(error)}") from error
            except ConfigError as error:
                raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def version(self) -> tuple[object, ...]:
        """Differs after any commit (`port.Source`).

        Raises:
            LedgerUnavailable: as `query`.
        """
        return self.query("SELECT pg_current_snapshot()::text", ())[0]

    def close(self) -> None:
        """Close the connection; the next query opens another."""
        with self._lock:
            self._close()

    def _run(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        if self._db is None or self._db.closed or self._db.broken:
            self._close()
            self._db = connect(self._place, "reader", statement_ms=_STATEMENT_MS)
        return self._db.execute(translate(sql), parameters).fetchall()

    def _close(self) -> None:
        database, self._db = self._db, None
        if database is not None:
            database.close()
