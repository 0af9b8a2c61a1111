"""The writer's SQLite connection: settings that make a commit durable, and its failures in ours.

`synchronous=FULL` in WAL mode syncs the log before COMMIT returns. SQLite's own automatic
checkpoint is off: it swallows its errors, so a failed fsync of the main file would be tried
again, and the second try succeeds on pages that the kernel has already dropped.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SETTINGS = (
    ("page_size", "8192", None),  # a leaf or a payload is 1 to 3 kB: 4096 leaves a third empty
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("wal_autocheckpoint", "0", 0),
    ("secure_delete", "ON", 1),  # a destroyed key must not linger in a free page
    ("trusted_schema", "OFF", None),
    ("cell_size_check", "ON", None),
)


class StorageUnavailable(Exception):
    """This group was rolled back whole; the writer goes on (no space, a foreign lock)."""


class StorageFailed(Exception):
    """What the disk holds is unknown or not ours any more: the writer must exit, never retry."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into the two that the writer knows; `IntegrityError` passes.

    Raises:
        StorageUnavailable: SQLITE_FULL, SQLITE_BUSY: nothing was written.
        StorageFailed: anything else, a failed write or sync above all.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", -1) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageUnavailable("there is no space left for the ledger") from error
        if code == sqlite3.SQLITE_BUSY:
            raise StorageUnavailable("another process holds the ledger's lock") from error
        raise StorageFailed(f"the ledger's storage failed: {error}") from error


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open or create the file with every setting checked.

    Raises:
        StorageFailed: a setting that durability rests on was not taken.
        StorageUnavailable: locked by another process.
    """
    with translated():
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        for name, value, expected in _SETTINGS:
            row = connection.execute(f"PRAGMA {name} = {value}").fetchone()
            if row is None:  # most pragmas answer only when asked
                row = connection.execute(f"PRAGMA {name}").fetchone()
            if expected is not None and row[0] != expected:
                raise StorageFailed(f"SQLite did not take {name} = {value}")
    return connection


class FileGuard:
    """Remembers which files were opened: database, its WAL and its index.

    A deleted or replaced file goes on "working" for who holds it open, and takes all that
    was acknowledged with it. So the names are looked up again around each commit.
    """

    def __init__(self, path: Path) -> None:
        self._paths = [f"{path}{suffix}" for suffix in ("", "-wal", "-shm")]
        self._known = [self._identity(name) for name in self._paths]
        self.wal_bytes = 0

    def check(self) -> None:
        """Look at all three names.

        Raises:
            StorageFailed: one of them is gone or another file.
        """
        if [self._identity(name) for name in self._paths] != self._known:
            raise StorageFailed("the ledger's file was deleted or replaced")

    def _identity(self, name: str) -> tuple[int, int]:
        try:
            status = os.stat(name)  # noqa: PTH116 (a Path costs more than the call)
        except OSError as error:
            raise StorageFailed("the ledger's file was deleted or replaced") from error
        if name.endswith("-wal"):
            self.wal_bytes = status.st_size
        return status.st_dev, status.st_ino


def check_reserve(path: Path, reserve_bytes: int) -> None:
    """Refuse to write where less than the reserve is free: the last bytes belong to recovery.

    Raises:
        StorageUnavailable: too little space.
        StorageFailed: the file system does not answer.
    """
    try:
        status = os.statvfs(path)
    except OSError as error:
        raise StorageFailed("the ledger's file system does not answer") from error
    if status.f_bavail * status.f_frsize < reserve_bytes:
        raise StorageUnavailable("less space is left than the ledger's reserve")
