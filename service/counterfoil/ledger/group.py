"""One group inside one transaction: appends, claims and keys, and the checkpoints over them.

Nothing here commits. A refused request writes nothing, so it takes nobody else with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import Checkpoint, VerifierKey, log_origin, signed_note
from counterfoil.core.entry import receipt_message
from counterfoil.core.privacy import HOLD
from counterfoil.core.succession import begun, record
from counterfoil.core.times import rfc3339
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger import once, states
from counterfoil.ledger.frames import Value
from counterfoil.ledger.keys import ReceiptKey
from counterfoil.ledger.once import OnceRow
from counterfoil.ledger.port import KEPT_SECONDS
from counterfoil.ledger.requests import (
    Drop,
    Erasure,
    Item,
    Refused,
    admit,
    admit_drop,
    admit_erasure,
    check_key,
    new_steps,
    read_drop,
    read_erasure,
    read_item,
)
from counterfoil.ledger.startup import LogState

_INSERT_ENTRY = (
    "INSERT INTO entries (seq, log, idx, event_id, decision_id, leaf, signature)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_RANGE = (
    "SELECT e.idx, e.leaf, e.seq FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE l.tenant = ? AND e.idx >= ? AND e.idx < ? ORDER BY e.idx"
)
_INSERT_PAYLOAD = "INSERT INTO payloads (seq, sealed) VALUES (?, ?)"


class Group:
    """Collects one transaction's changes; `touched` replaces the writer's state after COMMIT."""

    def __init__(
        self,
        db: sqlite3.Connection,
        logs: Mapping[str, LogState],
        *,
        line: VerifierKey,
        key: ReceiptKey,
        seq: int,
        now: float,
        monotonic: float,
    ) -> None:
        self._db, self._logs, self._line, self._key = db, logs, line, key
        self._now, self._monotonic = now, monotonic
        self._known_keys: set[str] = set()
        self.touched: dict[str, LogState] = {}
        self.seq = seq
        self.written = 0  # bytes of leaves and payloads
        self.dropped = False  # the same of payloads
        self.erased = False  # whether something was destroyed that an older page still holds

    def apply(self, request: Value) -> list[Value]:
        """Carry out one request and return its answer: a code, then what belongs to it.

        Raises:
            sqlite3.IntegrityError: an event id that exists.
            LedgerCorrupt: a once row whose event is gone.
        """
        try:
            match request:
                case ["append", list(events)]:
                    return self._append(events)
                case ["reserve", bytes(scope), bytes(body), float(until)]:
                    return self._reserve(scope, body, until)
                case ["take", bytes(scope), bytes(body)]:
                    answer = once.take(self._db, scope, body, self._now)
                    return ["none"] if answer is None else ["done", answer]
                case ["release", bytes(scope), bytes(body)]:
                    once.release(self._db, scope, body)
                    return ["ok"]
                case ["spend", bytes(scope), float(until)]:
                    return ["ok", once.spend(self._db, scope, until, self._now)]
                case ["key", bytes(lookup), str(name), bytes(wrapped)]:
                    return self._key_of(lookup, name, wrapped)
                case ["erase", *erasure]:
                    return self._erase(read_erasure(erasure))
                case ["drop", *drop]:
                    return self._drop(read_drop(drop))
                case _:
                    raise Refused("refused", "unknown request")
        except Refused as refusal:
            return refusal.answer

    def sign(self) -> None:
        """Write the new signed checkpoint of every log that grew, inside the transaction."""
        for state in self.touched.values():
            self._sign_log(state)

    def keep_all(self) -> None:
        """Keep the last checkpoint of each log that has grown since its last kept one."""
        for tenant, state in self._logs.items():
            if state.frontier.size > state.kept_size:
                self.touched[tenant] = replace(state, kept_at=float("-inf"))
        self.sign()

    def hand_over(self, endorsement: bytes) -> None:
        """End the sign before in every log that is still of it (`core/succession.py`).

        A new name becomes the file's in the same transaction.
        """
        for tenant, known in self._logs.items():
            new = self._line.named(log_origin(self._line.name, tenant)).line()[0]
            if known.key == new:
                continue
            state = known.copy()
            plain = begun(
                known.key,
                new,
                size=state.frontier.size,
                root=state.frontier.root(),
                endorsement=endorsement,
                overlap=False,
            )
            _, leaf = record(tenant, new, plain, time=rfc3339(self._now))
            if known.key.name != new.name:
                sql = "UPDATE meta SET value = ? WHERE name = 'origin_prefix'"
                self._db.execute(sql, (self._line.name,))
            state.key, state.key_id, state.kept_at = new, new.key_id(), float("-inf")
            self.touched[tenant] = state
            self._record(read_item([leaf, None, None]))

    def _append(self, events: list[Value]) -> list[Value]:
        """All events of one caller, or none."""
        items = [read_item(event) for event in events]
        admit(items, origin=self._origin, key_exists=self._key_exists, standing=self._standing)
        steps = new_steps(items)
        if steps and not states.take_steps(self._db, steps, self._now):
            raise Refused("state")
        return ["ok", [self._record(item) for item in items]]

    def _erase(self, erasure: Erasure) -> list[Value]:
        """Destroy a data key and record it, in one transaction."""
        row = self._db.execute(
            "SELECT id FROM subject_keys WHERE lookup = ?", (erasure.lookup,)
        ).fetchone()
        held = any(
            states.stands(self._db, erasure.item.tenant, HOLD, name) for name in erasure.holds
        )
        admit_erasure(erasure, key=row and row[0], held=held)
        admit(
            [erasure.item],
            origin=self._origin,
            key_exists=self._key_exists,
            standing=self._standing,
            destroying=True,
        )
        recorded = self._record(erasure.item)
        self._db.execute("DELETE FROM subject_keys WHERE lookup = ?", (erasure.lookup,))
        self._known_keys.discard(row[0])
        self.erased = True
        return ["ok", [recorded]]

    def _drop(self, drop: Drop) -> list[Value]:
        """Drop a range's payloads and record it, in one transaction."""
        item, dropped = drop.item, drop.dropped
        rows = self._db.execute(_RANGE, (item.tenant, dropped.start, dropped.end)).fetchall()
        holds = states.keys_of(self._db, item.tenant, HOLD)
        going = admit_drop(drop, [row[:2] for row in rows], holds=holds, now=self._now)
        admit(
            [item],
            origin=self._origin,
            key_exists=self._key_exists,
            standing=self._standing,
            destroying=True,
        )
        recorded = self._record(item)
        numbers = [(rows[place][2],) for place in going]
        self._db.executemany("DELETE FROM payloads WHERE seq = ?", numbers)
        self.dropped = True
        return ["ok", [recorded]]

    def _record(self, item: Item) -> Value:
        if item.earlier is not None and item.repeats:
            return self._repeat(item.earlier)
        state = self._grow(item.tenant)
        hashed = leaf_hash(item.leaf)
        index = state.frontier.size
        state.frontier.append(hashed)
        message = receipt_message(state.key.name, item.event_id, b64url(hashed), item.time)
        signature = state.key_id + self._key.sign(message)
        self.seq += 1
        self._db.execute(
            _INSERT_ENTRY,
            (self.seq, state.log, index, item.event_id, item.decision_id, item.leaf, signature),
        )
        self.written += len(item.leaf)
        if item.sealed is not None:
            self._db.execute(_INSERT_PAYLOAD, (self.seq, item.sealed))
            self.written += len(item.sealed)
        if item.promise is not None:
            scope, body, answer, expires_at = item.promise
            once.complete(
                self._db,
                scope,
                body,
                expires_at=expires_at,
                event_id=item.event_id,
                subject_key=item.subject_key,
                answer=answer,
            )
        return [hashed, signature]

    def _repeat(self, earlier: OnceRow) -> Value:
        """The receipt as it was first given: a new one would vouch for an edited row."""
        row = self._db.execute(
            "SELECT leaf, signature FROM entries WHERE event_id = ?", (earlier.event_id,)
        ).fetchone()
        if row is None:
            raise LedgerCorrupt("the event of a stored answer is gone")
        return [row[0], row[1], earlier.answer]

    def _reserve(self, scope: bytes, body: bytes, until: float) -> list[Value]:
        taken = once.answer_to_reserve(self._standing(scope, body))
        if taken is not None:
            return taken
        once.claim(self._db, scope, body, until)
        return ["ok"]

    def _standing(self, scope: bytes, body: bytes) -> OnceRow:
        return once.look_up(self._db, scope, body, self._now)

    def _origin(self, tenant: str) -> str:
        state = self._logs.get(tenant)
        return state.key.name if state else log_origin(self._line.name, tenant)

    def _key_of(self, lookup: bytes, name: str, wrapped: bytes) -> list[Value]:
        """The data key that stands for `lookup`; the proposed one where there is none yet."""
        check_key(lookup, name, wrapped)
        row = self._db.execute(
            "SELECT id, wrapped FROM subject_keys WHERE lookup = ?", (lookup,)
        ).fetchone()
        if row is not None:
            return ["ok", row[0], row[1]]
        self._db.execute("INSERT INTO subject_keys VALUES (?, ?, ?)", (name, lookup, wrapped))
        return ["ok", name, wrapped]

    def _key_exists(self, name: str) -> bool:
        """Asked of the table each time: sealing under a destroyed key would undo an erasure."""
        if name in self._known_keys:
            return True
        found = self._db.execute("SELECT 1 FROM subject_keys WHERE id = ?", (name,)).fetchone()
        if found:
            self._known_keys.add(name)
        return found is not None

    def _grow(self, tenant: str) -> LogState:
        state = self.touched.get(tenant)
        if state is None:
            known = self._logs.get(tenant)
            state = self._open_log(tenant) if known is None else known.copy()
            self.touched[tenant] = state
        return state

    def _open_log(self, tenant: str) -> LogState:
        key = self._line.named(log_origin(self._line.name, tenant)).line()[0]
        frontier = Frontier()
        log = self._db.execute(
            "INSERT INTO logs (tenant, size, frontier, root, note, kept) VALUES (?, 0, ?, ?, ?, 0)",
            (tenant, b"", frontier.root(), b""),
        ).lastrowid
        if log is None:
            raise LedgerCorrupt("a new log got no number")
        return LogState(log, tenant, frontier, key, key.key_id())

    def _sign_log(self, state: LogState) -> None:
        frontier, root = state.frontier.to_bytes(), state.frontier.root()
        text = Checkpoint(state.key.name, state.frontier.size, root).text()
        note = signed_note(text, state.key, self._key.sign(text.encode()))
        if self._monotonic - state.kept_at >= KEPT_SECONDS:
            state.kept += 1
            state.kept_at, state.kept_size = self._monotonic, state.frontier.size
            self._db.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?)",
                (state.log, state.kept, state.frontier.size, frontier, note),
            )
        self._db.execute(
            "UPDATE logs SET size = ?, frontier = ?, root = ?, note = ?, kept = ? WHERE log = ?",
            (state.frontier.size, frontier, root, note, state.kept, state.log),
        )
