"""What a group of requests does to the rows that it touches, decided in memory.

The same rules as `ledger/group.py` in the same order, without numbers and checkpoints: those
are the integrator's. A refused request changes nothing, so it takes nobody else with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import VerifierKey, log_origin
from counterfoil.core.entry import receipt_message
from counterfoil.core.privacy import HOLD
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger import once
from counterfoil.ledger.frames import Value
from counterfoil.ledger.keys import ReceiptKey
from counterfoil.ledger.once import OnceRow, Standing
from counterfoil.ledger.postgresql.world import Lock, OnceEntry, Record, StateRow, Wants, World
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
from counterfoil.ledger.states import Step


@dataclass(slots=True)
class Request:
    """One request as it came, its events read, and which rows it touches."""

    value: Value
    items: list[Item]
    wants: Wants
    locks: frozenset[Lock]


def read_request(value: Value) -> Request:
    """Read one request.

    Raises:
        Refused: malformed.
    """
    wants, items = Wants(), []
    match value:
        case ["append", list(events)]:
            items = [read_item(event) for event in events]
            for item in items:
                _note(item, wants)
        case ["reserve", bytes(scope), bytes(), float()] | ["spend", bytes(scope), float()]:
            wants.scopes.add(scope)
        case ["take" | "release", bytes(scope), bytes()]:
            wants.scopes.add(scope)
        case ["key", bytes(lookup), str(name), bytes(wrapped)]:
            check_key(lookup, name, wrapped)
            wants.lookups.add(lookup)
        case ["erase", *rest]:
            erasure = read_erasure(rest)
            items = [erasure.item]
            _note(erasure.item, wants)
            wants.lookups.add(erasure.lookup)
            wants.names.update(erasure.holds)
            wants.doomed.add(erasure.item.erases or "")
        case ["drop", *rest]:
            drop = read_drop(rest)
            items = [drop.item]
            _note(drop.item, wants)
            wants.holding.add(drop.item.tenant)
            wants.ranges.add((drop.item.tenant, drop.dropped.start, drop.dropped.end))
        case _:
            raise Refused("refused", "unknown request")
    return Request(value, items, wants, frozenset(wants.locks()))


def _note(item: Item, wants: Wants) -> None:
    if item.subject_key is not None:
        wants.key_ids.add(item.subject_key)
    if item.promise is not None:
        wants.scopes.add(item.promise[0])
    if item.step is not None:
        wants.states.add((item.tenant, item.step.kind, item.step.key))
        if item.step.kind == HOLD:
            wants.holding.add(item.tenant)
        if item.step.expect_version is None:
            wants.names.add(item.step.name)
            wants.owners.add(item.step.owner)


class Signer:
    """Signs receipts under a ledger's name; remembers its logs' key ids."""

    def __init__(self, line: VerifierKey, key: ReceiptKey) -> None:
        self._line, self._key = line, key
        self._origins: dict[str, tuple[str, bytes]] = {}

    def origin(self, tenant: str) -> tuple[str, bytes]:
        """A log's origin and key id."""
        known = self._origins.get(tenant)
        if known is None:
            origin = log_origin(self._line.name, tenant)
            known = self._origins[tenant] = (origin, self._line.named(origin).key_id())
        return known

    def receipt(self, item: Item, hashed: bytes) -> bytes:
        """Key id and signature over an event that is about to be committed."""
        message = receipt_message(item.origin, item.event_id, b64url(hashed), item.time)
        return self.origin(item.tenant)[1] + self._key.sign(message)


class Plan:
    """Applies requests to a world, one after the other."""

    def __init__(self, world: World, signer: Signer) -> None:
        self._world, self._signer = world, signer

    def apply(self, request: Request) -> list[Value]:
        """Carry one request out in memory; its answer, as `Group.apply`'s.

        Raises:
            LedgerCorrupt: a stored answer whose event is gone.
        """
        world = self._world
        try:
            match request.value:
                case ["append", *_]:
                    return self._append(request.items)
                case ["reserve", bytes(scope), bytes(body), float(until)]:
                    return self._reserve(scope, body, until)
                case ["take", bytes(scope), bytes(body)]:
                    return self._take(scope, body)
                case ["release", bytes(scope), bytes(body)]:
                    entry = world.once.get(scope)
                    if entry is not None and (entry.body, entry.state) == (body, once.PENDING):
                        self._put(scope, None)
                    return ["ok"]
                case ["spend", bytes(scope), float(until)]:
                    fresh = self._standing(scope, b"").standing is Standing.FREE
                    if fresh:
                        self._put(scope, OnceEntry(b"", once.DONE, until, until))
                    return ["ok", fresh]
                case ["key", bytes(lookup), str(name), bytes(wrapped)]:
                    known = world.keys.get(lookup)
                    if known is None:
                        known = world.keys[lookup] = world.new_keys[lookup] = (name, wrapped)
                    return ["ok", *known]
                case ["erase", *rest]:
                    return self._erase(read_erasure(rest))
                case ["drop", *rest]:
                    return self._drop(read_drop(rest))
                case _:
                    raise Refused("refused", "unknown request")
        except Refused as refusal:
            return refusal.answer

    def _append(self, items: list[Item]) -> list[Value]:
        admit(
            items,
            origin=lambda tenant: self._signer.origin(tenant)[0],
            key_exists=self._world.key_ids.__contains__,
            standing=self._standing,
        )
        fresh = [item.event_id for item in items if not item.repeats]
        names = set(fresh)
        if len(names) < len(fresh) or names & self._world.records.keys():
            raise Refused("refused", "the event exists already")
        steps = new_steps(items)
        if steps:
            self._take_steps(steps)
        return ["ok", [self._record(item) for item in items]]

    def _erase(self, erasure: Erasure) -> list[Value]:
        world, item = self._world, erasure.item
        name, _ = world.keys.get(erasure.lookup, (None, b""))
        held = any(
            row.open and row.name in erasure.holds
            for (tenant, kind, _), row in world.states.items()
            if (tenant, kind) == (item.tenant, HOLD)
        )
        admit_erasure(erasure, key=name, held=held)
        admit(
            [item],
            origin=lambda tenant: self._signer.origin(tenant)[0],
            key_exists=world.key_ids.__contains__,
            standing=self._standing,
            destroying=True,
        )
        if item.event_id in world.records:
            raise Refused("refused", "the event exists already")
        del world.keys[erasure.lookup]
        world.new_keys.pop(erasure.lookup, None)
        world.key_ids.discard(str(name))
        world.erased.add(erasure.lookup)
        return ["ok", [self._record(item)]]

    def _drop(self, drop: Drop) -> list[Value]:
        world, item = self._world, drop.item
        part = (item.tenant, drop.dropped.start, drop.dropped.end)
        rows = world.ranges[part]
        holds = {
            key
            for (tenant, kind, key), row in world.states.items()
            if (tenant, kind) == (item.tenant, HOLD) and row.open
        }
        going = admit_drop(drop, [row[:2] for row in rows], holds=holds, now=world.now)
        admit(
            [item],
            origin=lambda tenant: self._signer.origin(tenant)[0],
            key_exists=world.key_ids.__contains__,
            standing=self._standing,
            destroying=True,
        )
        if item.event_id in world.records:
            raise Refused("refused", "the event exists already")
        world.dropped |= {rows[place][2] for place in going if rows[place][3]}
        return ["ok", [self._record(item)]]

    def _take_steps(self, steps: list[tuple[str, str | None, Step]]) -> None:
        """All of these steps, or a refusal of the whole append."""
        before = dict(self._world.states)
        for tenant, decision_id, step in steps:
            row = self._stepped(tenant, decision_id, step)
            if row is None:
                self._world.states = before
                raise Refused("state")
            self._world.states[tenant, step.kind, step.key] = row
        self._world.changed_states |= {(tenant, step.kind, step.key) for tenant, _, step in steps}

    def _stepped(self, tenant: str, decision_id: str | None, step: Step) -> StateRow | None:
        world, key = self._world, (tenant, step.kind, step.key)
        row = world.states.get(key)
        if step.expect_version is not None:
            if row is None or row.version != step.expect_version:
                return None
            return replace(row, version=row.version + 1, state=step.state, open=step.open)
        alive = [
            other
            for (of, kind, _), other in world.states.items()
            if (of, kind) == key[:2] and other.open and other.expires_at > world.now
        ]
        rival = any(other.name == step.name for other in alive)
        owned = sum(other.owner == step.owner for other in alive)
        if rival or decision_id is None or owned >= step.most_open or row is not None:
            return None
        return StateRow(
            1, step.state, step.open, step.name, step.owner, decision_id, step.expires_at
        )

    def _record(self, item: Item) -> Value:
        if item.earlier is not None and item.repeats:
            return self._repeat(item.earlier)
        hashed = leaf_hash(item.leaf)
        signature = self._signer.receipt(item, hashed)
        self._world.records[item.event_id] = Record(
            item.tenant, item.event_id, item.decision_id, item.leaf, signature, item.sealed
        )
        if item.promise is not None:
            scope, body, answer, expires_at = item.promise
            self._put(
                scope,
                OnceEntry(
                    *(body, once.DONE, expires_at, expires_at),
                    *(item.event_id, item.subject_key, answer),
                ),
            )
        return [hashed, signature]

    def _repeat(self, earlier: OnceRow) -> Value:
        """The receipt as it was first given: a new one would vouch for an edited row."""
        made = self._world.records.get(earlier.event_id)
        stored = (made.leaf, made.signature) if made else self._world.events.get(earlier.event_id)
        if stored is None:
            raise LedgerCorrupt("the event of a stored answer is gone")
        return [*stored, earlier.answer]

    def _reserve(self, scope: bytes, body: bytes, until: float) -> list[Value]:
        taken = once.answer_to_reserve(self._standing(scope, body))
        if taken is not None:
            return taken
        self._put(scope, OnceEntry(body, once.PENDING, until, until))
        return ["ok"]

    def _take(self, scope: bytes, body: bytes) -> list[Value]:
        row, entry = self._standing(scope, body), self._world.once.get(scope)
        if row.standing is not Standing.DONE or entry is None:
            return ["none"]
        self._put(scope, replace(entry, state=once.TAKEN, answer=None))
        return ["done", row.answer]

    def _standing(self, scope: bytes, body: bytes) -> OnceRow:
        entry = self._world.once.get(scope)
        return once.FREE if entry is None else once.standing_of(entry.row(), body, self._world.now)

    def _put(self, scope: bytes, entry: OnceEntry | None) -> None:
        self._world.changed_once.add(scope)
        if entry is None:
            del self._world.once[scope]
        else:
            self._world.once[scope] = entry
