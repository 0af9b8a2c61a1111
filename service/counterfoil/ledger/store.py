"""The writer's store: one group, one transaction, one sync, then the answers.

Contract: `commit` returns only after COMMIT has returned under `synchronous=FULL` and the file
was found to be still the one that was opened; every record stands under a checkpoint signed in
the same transaction. One thread, one connection, and nobody else writes the file.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError
from counterfoil.ledger import once
from counterfoil.ledger.database import (
    FileGuard,
    StorageFailed,
    StorageUnavailable,
    check_reserve,
    open_for_writing,
    translated,
)
from counterfoil.ledger.frames import Value
from counterfoil.ledger.group import Group
from counterfoil.ledger.keys import ReceiptKey
from counterfoil.ledger.mark import Mark
from counterfoil.ledger.nodes import Rows
from counterfoil.ledger.port import Answer
from counterfoil.ledger.signing import Signing
from counterfoil.ledger.startup import create, load_logs, migrate, read_prefix

WAL_BYTES = 16 * 1024 * 1024  # copied into the main file beyond about this, or when idle
_COMMIT_BYTES = 64 * 1024  # the pages that a small group touches in tables and indexes
PRUNE_SECONDS = 60.0


class Store:
    """The open ledger file.

    Args:
        path: the database.
        signing: the key of receipts and checkpoints, with those before it; where a rotation
            is under way, the logs are handed over before anything else is signed.
        base: what the origin prefix begins with; a file of another base is refused.
            Where the keys folder knows a ledger, another file, or none, in its place is
            refused: a deleted ledger must not come back empty and "go on".
        reserve_bytes: free space under which nothing is written.
        now: seconds since the epoch, for claims and expiries only; order never rests on it.
        monotonic: for intervals.
        handed_over: is told the line that all logs are signed by, at the start and after each
            rotation.
        mark: what remembers outside of the file how much was signed.

    Raises:
        ConfigError: another writer has the file, or it is another ledger's.
        LedgerCorrupt: the log contradicts itself; nothing was signed.
        StorageFailed, StorageUnavailable: the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        signing: Signing | ReceiptKey,
        *,
        base: str,
        reserve_bytes: int,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        handed_over: Callable[[VerifierKey], None] = lambda _line: None,
        mark: Callable[[Rows, VerifierKey], Mark | None] = lambda _rows, _line: None,
    ) -> None:
        signing = signing if isinstance(signing, Signing) else Signing(signing)
        self._path, self._key, self._reserve_bytes = path, signing.key, reserve_bytes
        self._now, self._monotonic = now, monotonic
        self._handed_over = handed_over
        self._lock = _only_writer(path)
        try:
            self._open(base, signing)
            self._mark = mark(self.rows, self.line)
            self._begin(signing)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, base: str, signing: Signing) -> None:
        self._db = open_for_writing(self._path)
        with translated():
            self.prefix = _known_name(self._db, base, signing) or create(self._db, base)
            migrate(self._db)
            _sync_directory(self._path.parent)
            self._rest_on_the_disk()
            self.line = signing.of(self.prefix)
            self._logs = load_logs(self._db, self.line, signs=signing.signs)
            (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()
            self._data_version = self._read_data_version()
        self._guard = FileGuard(self._path)
        self._seq: int = last
        self._trouble = ""
        self._owed_when_idle = False  # and so of before a drop, which comes in many pieces
        self._owed = False  # the WAL still holds pages of before an erasure
        self._uncopied = 0  # about how many bytes of the WAL are not in the main file
        self._pruned_at = self._monotonic()

    def _begin(self, signing: Signing) -> None:
        """Hold the file to what was signed before, and carry out what was ordered."""
        if self._mark is not None and not signing.recovers:
            self._mark.check()
        if signing.endorsement is not None:
            self.hand_over(signing)
        self._handed_over(self.line)

    @property
    def entries(self) -> int:
        """How many entries the file holds."""
        return self._seq

    def commit(self, requests: Sequence[Value]) -> list[Answer]:
        """Carry out all requests in one transaction; answer i belongs to request i.

        Raises:
            StorageUnavailable: the group was rolled back whole.
            StorageFailed, LedgerCorrupt: the writer must exit.
        """
        try:
            answers = self._attempt(requests)
        except sqlite3.IntegrityError as error:
            # An id that exists: find whose it is without failing the others of the group.
            if len(requests) == 1:
                return [["refused", f"the event exists already: {error}"]]
            return [answer for request in requests for answer in self.commit([request])]
        except StorageUnavailable as error:
            self._trouble = str(error)
            raise
        self._trouble = ""
        return answers

    def hand_over(self, signing: Signing) -> None:
        """Go over to another key: from its commit on, each log is signed by that one alone.

        Raises:
            ConfigError: it is no successor of the present key.
            StorageUnavailable, StorageFailed: as `commit`; then the old key goes on.
        """
        line = signing.of(self.prefix)
        if line == self.line and signing.endorsement is None:
            return
        if signing.endorsement is None or line.line()[1] not in self.line.line()[:2]:
            raise ConfigError("the new receipt.pem was not made by `counterfoil keys rotate`")
        endorsement, before = signing.endorsement, (self.line, self._key)
        self.line, self._key = line, signing.key
        try:
            self._transact(lambda group: group.hand_over(endorsement))
            self.prefix = line.name
            if self._mark is not None:
                self._mark.line = line
                self._mark.keep(now=True)
        except BaseException:
            self.line, self._key = before
            raise
        self._handed_over(line)

    def trouble(self) -> str:
        """Why nothing can be recorded now, or the empty string. Writes to find out, if need be.

        Raises:
            StorageFailed: the writer must exit.
        """
        try:
            self._guard.check()
            check_reserve(self._path, self._reserve_bytes)
            if self._trouble:  # the last group failed: only a write shows that it is over
                with translated():
                    self._db.execute("UPDATE meta SET value = value WHERE name = 'format'")
        except StorageUnavailable as error:
            return str(error)
        self._trouble = ""
        return ""

    def rows(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        """Rows of a query between two groups (`port.Source.query`)."""
        with translated():
            return self._db.execute(sql, parameters).fetchall()

    def maintain(self, *, idle: bool) -> None:
        """Copy the WAL into the main file when it is long or there is time; drop ended claims.

        The copied WAL keeps its length and is written again from its start: a sync of blocks
        that the file already has takes half the time of one that makes it longer.

        Raises:
            StorageFailed: as `commit`.
        """
        if self._mark is not None:
            self._mark.keep()
        if not idle and not self._owed and self._uncopied <= WAL_BYTES:
            return
        try:
            self._guard.check()
            with translated():
                if self._owed or (idle and self._owed_when_idle):
                    self._empty_wal()
                elif self._guard.wal_bytes > 4 * WAL_BYTES and idle:
                    self._checkpoint("TRUNCATE")
                elif self._uncopied:
                    self._copy_wal()
                if idle and self._monotonic() - self._pruned_at >= PRUNE_SECONDS:
                    once.prune(self._db, self._now())
                    self._pruned_at = self._monotonic()
        except StorageUnavailable as error:
            self._trouble = str(error)

    def _empty_wal(self) -> None:
        """Leave no older page behind: a reader may hold this up, and then it is tried again."""
        held_up, _, _ = self._checkpoint("TRUNCATE")
        self._owed = self._owed and bool(held_up)
        self._owed_when_idle = self._owed_when_idle and bool(held_up)
        self._uncopied = WAL_BYTES // 2 if held_up else 0

    def _copy_wal(self) -> None:
        _, frames, copied = self._checkpoint("PASSIVE")
        # A reader holds the rest back: try again later, not at every commit.
        self._uncopied = 0 if frames == copied else WAL_BYTES // 2

    def close(self) -> None:
        """Keep each log's last checkpoint, leave one whole file behind, let the lock go."""
        with translated():
            group = self._group()
            self._db.execute("BEGIN IMMEDIATE")
            group.keep_all()
            self._db.execute("COMMIT")
            if self._mark is not None:
                self._mark.keep(now=True)
            self._checkpoint("TRUNCATE")
            self._db.close()
        self._lock.close()

    def _attempt(self, requests: Sequence[Value]) -> list[Answer]:
        answers: list[Answer] = []
        self._transact(lambda group: answers.extend(group.apply(request) for request in requests))
        return answers

    def _transact(self, fill: Callable[[Group], None]) -> None:
        """One transaction: what `fill` adds, and the checkpoints over it."""
        check_reserve(self._path, self._reserve_bytes)
        group = self._group()
        try:
            with translated():
                self._db.execute("BEGIN IMMEDIATE")
                if self._read_data_version() != self._data_version:
                    raise StorageFailed("another process wrote into the ledger")
                fill(group)
                group.sign()
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                with translated():
                    self._db.execute("ROLLBACK")
        # A file deleted before or while COMMIT ran has taken the group with it.
        self._guard.check()
        self._logs.update(group.touched)
        self._seq = group.seq
        self._uncopied += _COMMIT_BYTES + group.written
        self._owed = self._owed or group.erased
        self._owed_when_idle = self._owed_when_idle or group.dropped

    def _group(self) -> Group:
        return Group(
            self._db,
            self._logs,
            line=self.line,
            key=self._key,
            seq=self._seq,
            now=self._now(),
            monotonic=self._monotonic(),
        )

    def _read_data_version(self) -> int:
        """Changes when another connection commits; a committed group of ours leaves it."""
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _rest_on_the_disk(self) -> None:
        """Write what a WAL of an earlier life holds into the main file, and sync it.

        If that life ended on a failed sync, the kernel may show pages that the disk never
        got; new frames behind them would be lost with them.
        """
        self._db.execute("PRAGMA busy_timeout = 1000")
        self._checkpoint("TRUNCATE")
        self._db.execute("PRAGMA busy_timeout = 0")

    def _checkpoint(self, mode: str) -> tuple[int, int, int]:
        """Returns whether it was held up, the frames of the WAL, and how many are copied."""
        row: tuple[int, int, int] = self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return row


def _known_name(db: sqlite3.Connection, base: str, signing: Signing) -> str | None:
    """The file's name if it is one that the keys folder knows, None for a new file."""
    line = () if signing.line is None else signing.line.line()
    if signing.recovers:
        found = db.execute("SELECT value FROM meta WHERE name = 'origin_prefix'").fetchone()
        name = next((sign.name for sign in line if found == (sign.name,)), line[0].name)
        return read_prefix(db, base, name)
    return read_prefix(db, base, line[0].name if line else None)


def _only_writer(path: Path) -> TextIO:
    """Hold `<database>.lock`, never the database itself: closing it would drop SQLite's locks."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ConfigError(f"another writer has the ledger {path}") from error
    return lock


def _sync_directory(directory: Path) -> None:
    """Make the names of new files durable as well."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise StorageFailed("the ledger's folder cannot be synced") from error
    finally:
        os.close(descriptor)
