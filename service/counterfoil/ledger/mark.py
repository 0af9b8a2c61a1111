"""What was signed last, kept beside the keys: an older ledger, or another, is not gone on with.

A restored backup adds up, and so does a clone; only something outside of the ledger tells. Three
things do: `signed.txt` in the keys folder, which the signing process writes about once a second
(signed checkpoints of all logs, in the form of `counterfoil anchor`); the same kind of file, which
an operator or a witness kept elsewhere and puts into `anchors/` there; and receipts that hooks hold
(`receipt_watch.py`). Before anything is signed, every log must still hold what these say. While it
signs, somebody else's `signed.txt` in place of its own says that a twin signs too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.core.checkpoint import (
    Checkpoint,
    InvalidNote,
    VerifierKey,
    log_origin,
    note_origin,
)
from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.held import InvalidEvidence, read_note, split_notes
from counterfoil.ledger.keys import replace_file
from counterfoil.ledger.nodes import Head, Nodes, Rows

SIGNED: Final = "signed.txt"
ANCHORS: Final = "anchors"
MARK_SECONDS: Final = 1.0
MANY_LOGS: Final = 500  # about 150 kB: with more, it is written less often
_HEADS = "SELECT tenant, log, size, frontier, note, kept FROM logs ORDER BY log"
_REMEDY: Final = (
    "It is an older copy, or a twin signs as well. Nothing was signed. Put the right ledger back;"
    " or, if what is missing is lost for good, run: counterfoil ledger recover"
)


class Mark:
    """The mark of one signing process.

    Args:
        directory: the keys folder.
        query: `port.Source.query`, for what stands in the ledger now.
        line: the ledger's present sign, with those before it.
        monotonic: for intervals.
    """

    def __init__(
        self, directory: Path, query: Rows, line: VerifierKey, monotonic: Callable[[], float]
    ) -> None:
        self._directory, self._query, self.line = directory, query, line
        self._monotonic = monotonic
        self._written = b""
        self._at = float("-inf")
        self._every_seconds = MARK_SECONDS

    def check(self) -> None:
        """Hold the ledger to all that was signed before.

        Raises:
            LedgerCorrupt: a log lacks some of it, or has something else in its place.
            ConfigError: a file there is no evidence of this ledger.
        """
        files = [self._directory / SIGNED]
        if (self._directory / ANCHORS).is_dir():
            files += sorted((self._directory / ANCHORS).iterdir())
        for path in files:
            self._hold(path, _contents(path))

    def keep(self, *, now: bool = False) -> None:
        """Write what is signed, about once a second or `now`; a twin's mark is held first.

        Raises:
            LedgerCorrupt: a twin signs something else.
        """
        if not now and self._monotonic() - self._at < self._every_seconds:
            return
        self._at = self._monotonic()
        path = self._directory / SIGNED
        found = _contents(path)
        if found != self._written:
            self._hold(path, found)
        notes = [head.note for _, head in self._heads() if head.note]
        self._every_seconds = MARK_SECONDS * max(1.0, len(notes) / MANY_LOGS)
        data = b"\n".join(notes)
        if data == found:
            return
        try:
            replace_file(path, data)
        except OSError:
            return  # keys from a read-only mount: then `anchors/` alone tells
        self._written = data

    def _hold(self, path: Path, data: bytes) -> None:
        if not data:
            return
        heads = {log_origin(self.line.name, tenant): head for tenant, head in self._heads()}
        try:
            notes = [note for note in split_notes(data) if not self._of_another(path, note)]
            held = [read_note(note, self.line).checkpoint for note in notes]
        except (InvalidEvidence, InvalidNote) as error:
            raise ConfigError(f"{path}: {error}") from error
        for checkpoint in held:
            # Of a name that a recovery has ended, the record of that recovery speaks.
            if checkpoint.origin.startswith(f"{self.line.name}/log/"):
                self._hold_one(checkpoint, heads.get(checkpoint.origin))

    def _of_another(self, path: Path, note: bytes) -> bool:
        """Left there by a ledger that somebody ended on purpose, with its `receipt.pub`."""
        return path.name == SIGNED and self.line.log(note_origin(note)) is None

    def _hold_one(self, signed: Checkpoint, head: Head | None) -> None:
        size = 0 if head is None else head.size
        if head is None or size < signed.size:
            raise LedgerCorrupt(
                f"{signed.origin} has {size} entries, and {signed.size} were signed. {_REMEDY}"
            )
        if signed.size and Nodes(self._query, head).root((0, signed.size)) != signed.root:
            raise LedgerCorrupt(
                f"{signed.origin}: its first {signed.size} entries are not those that were"
                f" signed. {_REMEDY}"
            )

    def _heads(self) -> Iterator[tuple[str, Head]]:
        for row in self._query(_HEADS, ()):
            match row:
                case (str(tenant), int(log), int(size), bytes(frontier), bytes(note), int(kept)):
                    yield tenant, Head(log, size, frontier, note, kept)
                case _:
                    raise LedgerCorrupt("a row of the ledger has another shape")


@contextmanager
def only_signer(directory: Path) -> Iterator[None]:
    """Hold the keys folder: of a ledger and its copy beside it, one is signed.

    Raises:
        ConfigError: another process signs by these keys, or there is no such folder.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f"{directory} cannot be opened: {error.strerror}") from error
    try:
        _lock(folder, directory)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, directory: Path) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"another writer signs by the keys in {directory}") from error
    except OSError as error:
        raise ConfigError(f"{directory} cannot be locked: {error.strerror}") from error


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
