"""Check one log from its first record to its signed size (steps 3 to 5 of `verify.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import sleep

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import KEY_ID_BYTES, Checkpoint, InvalidNote, open_checkpoint
from counterfoil.core.model import JsonObject
from counterfoil.core.privacy import ERASURES, erased_key
from counterfoil.core.retention import DROPS, Drops, read_dropped, stays
from counterfoil.core.succession import MARKS, RECOVERED, Signs
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.ledger.data_keys import DataKeys
from counterfoil.ledger.evidence import (
    BadRecord,
    Leaf,
    LogName,
    StoredRecord,
    Verdict,
    check_record,
    read_leaf,
)
from counterfoil.ledger.held import Held, HeldNote
from counterfoil.ledger.keys import signed_by
from counterfoil.ledger.port import Database
from counterfoil.ledger.report import Report
from counterfoil.ledger.signatures import Signatures
from counterfoil.ledger.stories import Stories

_ROWS = 1_000  # read in one go: the length of a read transaction
_REACHED = 20_000  # records between places where a check can be taken up again
_NUMBERING_SECONDS = 1.0  # a record gets its number in a tenth of that

_RECORDS = (
    "SELECT e.seq, e.idx, e.event_id, e.decision_id, e.leaf, e.signature, p.sealed"
    " FROM entries e LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE e.log = ? AND e.idx > ? AND e.idx < ? ORDER BY e.idx LIMIT ?"
)
_TRAIL = (  # the plus keeps SQLite from walking the log by its other index
    "SELECT leaf FROM entries WHERE decision_id = ? AND +log = ? AND +idx < ? ORDER BY idx"
)
_FIXED = "SELECT idx, leaf FROM entries WHERE decision_id = ? AND +log = ? ORDER BY idx"
_CHECKPOINTS = (
    "SELECT number, size, frontier, note FROM checkpoints"
    " WHERE log = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of `logs` as it stood at the start; `stored` is (frontier, root, note)."""

    log: int
    name: LogName
    size: int
    stored: tuple[object, ...]
    kept: int


class LogCheck:
    """One walk over one log; findings go to the report."""

    def __init__(
        self,
        db: Database,
        row: LogRow,
        held: Held,
        report: Report,
        *,
        keys: DataKeys,
        pool: ProcessPoolExecutor | None,
        progress: Callable[[int], None],
    ) -> None:
        self._db, self._row, self._report = db, row, report
        self._keys, self._progress = keys, progress
        self._origin = row.name.key.name
        self._signs = Signs(row.name.key, row.name.ledger, signed_by)
        names = {key.name for key in row.name.key.line()}
        notes = [note for name in names for note in held.checkpoints.get(name, ())]
        self._held = iter(sorted(notes, key=lambda note: note.checkpoint.size))
        self._checked = max(held.checked.get(name, 0) for name in names)
        self._receipts = {
            event: one for name in names for event, one in held.receipts.get(name, {}).items()
        }
        self._frontier = Frontier()
        self._stories = Stories(self._earlier, whole=self._checked == 0)
        self._signatures = Signatures(pool)
        self._previous_seq = 0
        self._payloads = 0
        self._erased: dict[str, int] | None = None  # data key → the place of its erasure
        self._drops = self._dropped()
        self._looked_again = False

    def run(self) -> int:
        """Walk the log; returns how many payload rows belong to it."""
        self._report.held_receipts += len(self._receipts)
        kept = self._kept()
        due, held = next(kept, None), next(self._held, None)
        due, held = self._at_this_size(due, kept, held)
        for record in self._records():
            if not self._take(record):
                break
            due, held = self._at_this_size(due, kept, held)
        while due is not None:
            self._find(f"kept checkpoint {due[0]}", "is out of order or beyond the log")
            due = next(kept, None)
        while held is not None:
            size = held.checkpoint.size
            self._find("log", f"ends at {self._frontier.size}, a held checkpoint at {size}")
            held = next(self._held, None)
        for event_id, approval in self._stories.unspent():
            self._find("log", f"{event_id} was allowed by {approval}, which was never spent")
        for event_id in self._stories.unanswered():
            self._find("log", f"{event_id} used a template, and no approval was answered by it")
        for event_id in self._receipts:
            self._find("log", f"{event_id} is gone, and a held receipt shows that it was there")
        self._check_row()
        self._failed_signatures()
        return self._payloads

    def _take(self, record: StoredRecord) -> bool:
        """One record; False where nothing after it can be placed."""
        where = f"entry {record.index} ({record.event_id})"
        if record.index != self._frontier.size:
            self._find(where, f"stands where entry {self._frontier.size} should")
            return False
        if not isinstance(record.seq, int) or record.seq <= self._previous_seq:
            self._find(where, "has a number in the file that is out of order")
        else:
            self._previous_seq = record.seq
        if self._known(record.index, record.leaf) and isinstance(record.leaf, bytes):
            verdict = Verdict(leaf_hash(record.leaf), None, None)
        else:
            verdict = self._checked_record(record)
        if verdict.problem is not None:
            self._stories.skipped()
            self._find(where, verdict.problem)
        elif verdict.leaf is not None:
            if verdict.signed is not None:
                self._signatures.add(where, verdict.signed)
            wrong = self._signs.step(
                verdict.sign, verdict.leaf, size=self._frontier.size, root=self._frontier.root
            )
            if wrong is not None:
                self._find(where, wrong)
            if verdict.leaf["event"] == RECOVERED:
                kept = f"{record.index:,} entries of {verdict.leaf['plain'].get('previous_origin')}"
                self._report.recoveries.append(f"{verdict.leaf['time']}: went on from {kept}")
            self._judge(record.index, where, verdict.leaf)
        if verdict.hashed is None:
            return False
        receipt = self._receipts.pop(str(record.event_id), None)
        if receipt is not None:
            stored = record.signature[:KEY_ID_BYTES] if isinstance(record.signature, bytes) else b""
            if receipt != (b64url(verdict.hashed), stored.hex()):
                self._find(where, "is not what a held receipt says")
        self._payloads += record.sealed is not None
        self._frontier.append(verdict.hashed)
        self._report.entries += 1
        if self._report.entries % _ROWS == 0:
            if self._report.entries % _REACHED == 0:
                self._note_reached()
            self._progress(self._report.entries)
        return True

    def _known(self, index: int, leaf: object) -> bool:
        """Checked before; what says which key counts is looked at all the same."""
        if not 0 < index < self._checked or not isinstance(leaf, bytes):
            return False
        return not any(mark in leaf for mark in MARKS)

    def _checked_record(self, record: StoredRecord) -> Verdict:
        index = record.index if isinstance(record.index, int) else -1
        dropped = self._drops.of(index)
        verdict = check_record(record, self._row.name, self._signs, dropped=dropped is not None)
        lacks = verdict.leaf is not None and record.sealed is None and bool(verdict.leaf["sealed"])
        if lacks and dropped is None and not self._looked_again:
            self._look_again()  # dropped while this check ran
            dropped = self._drops.of(index)
            verdict = check_record(record, self._row.name, self._signs, dropped=dropped is not None)
        if dropped is not None and verdict.leaf is not None and verdict.problem is None:
            leaf = verdict.leaf
            if leaf["time"] >= dropped.cutoff or stays(leaf["decision_id"]):
                return Verdict(verdict.hashed, leaf, "its payload was dropped before its time")
        return verdict

    def _look_again(self) -> None:
        """Once, for what was destroyed while this check ran, and is perhaps not numbered yet."""
        self._looked_again = True
        sleep(_NUMBERING_SECONDS)
        self._erased, self._drops = self._erasures(), self._dropped()

    def _note_reached(self) -> None:
        self._failed_signatures()
        if not self._report.found and self._stories.whole:
            self._report.reached[self._origin] = self._here()

    def _failed_signatures(self) -> None:
        for where in self._signatures.drain():
            what = "the stored receipt is not that of the leaf"
            self._report.add(f"log {self._origin}, {where}", what)

    def _judge(self, index: int, where: str, leaf: Leaf) -> None:
        """What the record says: its data key, its place in its story, its clock."""
        key = leaf["subject_key"]
        problem = None if key is None else self._key_problem(key, index)
        told = self._stories.step(index, leaf)
        for what in (problem, told):
            if what is not None:
                self._find(where, what)
        skew = self._stories.skew_seconds(leaf)
        if skew:
            self._report.flag_skew(f"log {self._origin}, {where}", skew)

    def _key_problem(self, key: str, index: int) -> str | None:
        """What is wrong with the data key of a record at a place, if anything.

        An erasure's own record is judged in its turn like any other, so one that was put in
        is found there.
        """
        if self._erased is None:
            self._erased = self._erasures()
        problem = None if key in self._erased else self._keys.problem(key)
        if problem is not None and not self._looked_again and not self._keys.there(key):
            self._look_again()
        at = self._erased.get(key)
        if at is None:
            return problem
        if index > at:
            return f"is sealed under the data key {key}, which was erased before"
        return (
            f"its data key {key} was erased, and is there again" if self._keys.there(key) else None
        )

    def _erasures(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for index, leaf in self._fixed(ERASURES):
            key = erased_key(leaf)
            if key is not None:
                found.setdefault(key, index)
        return found

    def _dropped(self) -> Drops:
        drops = Drops()
        for _, leaf in self._fixed(DROPS):
            dropped = read_dropped(leaf)
            if dropped is not None:
                drops.add(dropped)
        return drops

    def _fixed(self, trail: str) -> Iterator[tuple[int, Leaf]]:
        for index, leaf in self._db.execute(_FIXED, (trail, self._row.log)).fetchall():
            with suppress(BadRecord, TypeError):  # found and named when its turn comes
                yield index, read_leaf(leaf)

    def _earlier(self, trail: str, index: int) -> Iterator[JsonObject]:
        for (leaf,) in self._db.execute(_TRAIL, (trail, self._row.log, index)):
            with suppress(BadRecord, TypeError):  # found and named when its turn came
                yield read_leaf(leaf)

    def _at_this_size(
        self,
        due: tuple[object, ...] | None,
        kept: Iterator[tuple[object, ...]],
        held: HeldNote | None,
    ) -> tuple[tuple[object, ...] | None, HeldNote | None]:
        """Compare every kept and held checkpoint of the current size; the next ones."""
        size = self._frontier.size
        while due is not None and due[1] == size:
            self._check_note(f"kept checkpoint {due[0]}", due[2], due[3])
            self._report.checkpoints += 1
            due = next(kept, None)
        while held is not None and held.checkpoint.size == size:
            if held.checkpoint.root != self._frontier.root():
                self._find("log", f"a held checkpoint of size {size} has another root")
            sign = (held.checkpoint.origin, held.public)
            if held.public and sign != (self._signs.now.name, self._signs.now.public):
                what = "is of a key or name that had ended"
                self._find("log", f"a held checkpoint of size {size} {what}")
            self._report.held_checkpoints += 1
            held = next(self._held, None)
        return due, held

    def _check_row(self) -> None:
        """Step 4."""
        if self._frontier.size and self._signs.now != self._row.name.key.line()[0]:
            self._find("log", "was never handed over to its present key and name")
        frontier, root, note = self._row.stored
        if self._row.size != self._frontier.size:
            self._find("log", f"says {self._row.size} entries and has {self._frontier.size}")
        if root != self._frontier.root():
            self._find("log", "the stored root is not that of its records")
        self._check_note("log", frontier, note)
        self._report.logs.append(self._here())
        self._progress(self._report.entries)

    def _here(self) -> Checkpoint:
        return Checkpoint(self._origin, self._frontier.size, self._frontier.root())

    def _check_note(self, where: str, frontier: object, note: object) -> None:
        if frontier != self._frontier.to_bytes():
            self._find(where, "the stored frontier is not that of the records")
        try:
            data = note if isinstance(note, bytes) else b""
            key = self._signs.now
            checkpoint = open_checkpoint(data, key, partial(signed_by, key.public))
        except InvalidNote as error:
            self._find(where, f"the signed checkpoint: {error}")
            return
        if checkpoint.size != self._frontier.size or checkpoint.root != self._frontier.root():
            self._find(where, "the signed checkpoint is not that of the records")

    def _kept(self) -> Iterator[tuple[object, ...]]:
        last = 0
        while rows := self._db.execute(
            _CHECKPOINTS, (self._row.log, last, self._row.kept, _ROWS)
        ).fetchall():
            for row in rows:
                if row[0] != last + 1:
                    self._find(f"kept checkpoint {last + 1}", "is missing")
                    # A damaged index may lead backwards: going on from there would never end.
                    if not isinstance(row[0], int) or row[0] <= last:
                        return
                last = row[0]
                yield row
        if last < self._row.kept:
            self._find(f"kept checkpoint {last + 1}", "is missing")

    def _records(self) -> Iterator[StoredRecord]:
        last = -1
        while rows := self._db.execute(
            _RECORDS, (self._row.log, last, self._row.size, _ROWS)
        ).fetchall():
            last = rows[-1][1]
            for row in rows:
                yield StoredRecord(*row)

    def _find(self, where: str, what: str) -> None:
        self._failed_signatures()  # those lie before it, and the first one is named first
        place = f"log {self._origin}"
        self._report.add(place if where == "log" else f"{place}, {where}", what)
