"""A reader's rows out of the ledger's file, by a connection that cannot write."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from urllib.parse import quote

from counterfoil.errors import LedgerUnavailable

_BUSY_SECONDS = 0.25  # the writer holds readers off only while it empties the WAL


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, shared by threads under the caller's lock.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


class SqliteSource:
    """Implements `port.Source`."""

    trail = (
        "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
        " LEFT JOIN payloads p ON p.seq = e.seq"
        " WHERE e.decision_id = ? AND l.tenant = ? ORDER BY e.idx"
    )
    leaf = "SELECT leaf FROM entries WHERE event_id = ?"
    unnumbered = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._opened = 0  # counts connections: each has a data_version of its own

    def query(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        """All rows of one query (`port.Source`).

        Raises:
            LedgerUnavailable: the file cannot be read.
        """
        with self._lock:
            try:
                return self._connection().execute(sql, parameters).fetchall()
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def version(self) -> tuple[object, ...]:
        """Differs after any commit (`port.Source`).

        Raises:
            LedgerUnavailable: as `query`.
        """
        (row,) = self.query("PRAGMA data_version", ())
        return (self._opened, *row)

    def close(self) -> None:
        """Close the connection; the next query opens another."""
        with self._lock:
            self._close()

    def _connection(self) -> sqlite3.Connection:
        """The open file, opened anew where another one has taken its name (a restore)."""
        status = self._path.stat()
        inode = (status.st_dev, status.st_ino)
        if self._db is None or inode != self._inode:
            self._close()
            self._db, self._inode = open_read_only(self._path), inode
            self._opened += 1
        return self._db

    def _close(self) -> None:
        database, self._db = self._db, None
        if database is not None:
            database.close()
