"""Reading the record back: every row checked before it is believed.

Rows are keyed by tenant. A row counts only if its stored receipt verifies over its own leaf,
and the leaf itself names this tenant and decision, so that an edited file answers
`LedgerCorrupt` and never a changed story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import sleep
from typing import Any

import orjson

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import KEY_ID_BYTES, VerifierKey, log_origin
from counterfoil.core.entry import receipt_message
from counterfoil.core.model import Receipt
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import LedgerCorrupt, LedgerUnavailable
from counterfoil.ledger.erasures import Erasures, KnownDrops
from counterfoil.ledger.fields import DataKey
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.marks import Marked, marked_of
from counterfoil.ledger.port import Source
from counterfoil.ledger.sealing import Master, open_payload, unpack_sealed
from counterfoil.ledger.sqlite_source import SqliteSource
from counterfoil.ledger.states import stored_state
from counterfoil.ports import StoredEvent, StoredState

_AT = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
    " LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE l.tenant = ? AND e.idx = CAST(? AS BIGINT)"
)
_SCAN = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
    " LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE l.tenant = ? AND e.idx > CAST(? AS BIGINT) ORDER BY e.idx LIMIT 512"
)

_MARKED = (
    "SELECT e.seq, l.tenant, e.leaf, e.signature FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE e.decision_id = ? AND e.seq > CAST(? AS BIGINT) ORDER BY e.seq LIMIT 512"
)
_MARK = (
    "SELECT e.seq, l.tenant, e.leaf, e.signature FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE e.event_id = ?"
)
_MARKED_BACKWARDS = (
    "SELECT e.seq, l.tenant, e.leaf, e.signature FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE e.decision_id = ? AND e.seq < CAST(? AS BIGINT) ORDER BY e.seq DESC LIMIT 512"
)


class Reader:
    """Opens stored events.

    Args:
        source: where the ledger lies: a SQLite file, or what reads another store.
        master: opens data keys.
        receipt_key: the public key that receipts must verify under.
        renewed: the same, asked for anew: another process may have gone over to another key.
    """

    def __init__(
        self,
        source: Path | Source,
        master: Master,
        receipt_key: Callable[[], VerifierKey],
        renewed: Callable[[], VerifierKey] | None = None,
    ) -> None:
        self._source = SqliteSource(source) if isinstance(source, Path) else source
        self._query = self._source.query
        self._master = master
        self._receipt_key, self._renewed = receipt_key, renewed or receipt_key
        self.erasures = Erasures(self)
        self.drops = KnownDrops(self)

    def trail(self, tenant: str, decision_id: str) -> list[StoredEvent]:
        """All events of a decision of this tenant, in log order.

        Raises:
            LedgerUnavailable: the file cannot be read.
            LedgerCorrupt: a row is not what its receipt says.
        """
        sleep(0)  # a list opens thousands: others of this worker go in between
        rows = self._query(self._source.trail, (decision_id, tenant))
        if not rows:
            return []
        events = [self._open(row, tenant) for row in rows]
        if any(event.decision_id != decision_id for event in events):
            raise LedgerCorrupt(f"{decision_id}: an event of another decision stands here")
        return events

    def data_key(self, name: str) -> DataKey | None:
        """A data key by its id; None where it was destroyed.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`.
        """
        sql = "SELECT lookup, wrapped FROM subject_keys WHERE id = ?"
        match self._query(sql, (name,)):
            case []:
                return None
            case [(bytes(lookup), bytes(wrapped))]:
                return self._master.unwrap(name, lookup, wrapped)
            case _:
                raise LedgerCorrupt("a data key has another shape")

    def events(self, tenant: str, kind: str, *, since: str = "") -> Iterator[StoredEvent]:
        """All events of one kind in log order, from a time on (RFC 3339, as events write it).

        Read in pieces, so that a long log needs little memory and no long transaction.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`.
        """
        after = -1
        while rows := self._query(_SCAN, (tenant, str(after))):
            for row in rows:
                fields = leaf_fields(row[1])
                if fields.get("event") == kind and str(fields.get("time")) >= since:
                    yield self._open(row, tenant)
            after = int(str(rows[-1][0]))

    def at(self, tenant: str, index: int) -> StoredEvent:
        """The event at a place of a tenant's log.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`; gone since it was passed.
        """
        rows = self.rows(_AT, tenant, str(index))
        if not rows:
            raise LedgerCorrupt(f"entry {index} is gone")
        event = self._open(rows[0], tenant)
        if event.index != index:
            raise LedgerCorrupt(f"entry {index} stands elsewhere")
        return event

    def marked(self, trail: str, *, after: int) -> list[Marked]:
        """The next entries of a trail in all tenants, in the order in which they came.

        Raises:
            LedgerUnavailable: the file cannot be read.
            LedgerCorrupt: a row is not what its receipt says.
        """
        return self._marked(_MARKED, trail, after)

    def marked_backwards(self, trail: str, *, before: int) -> list[Marked]:
        """As `marked`, the last ones first.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `marked`.
        """
        return self._marked(_MARKED_BACKWARDS, trail, before)

    def unnumbered(self, trail: str) -> list[Marked]:
        """The entries of a trail that are committed and have no place in a log yet.

        Asked before `marked`, so that one which gets its number in between is not missed.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `marked`.
        """
        sql = self._source.unnumbered
        return [] if sql is None else self._opened(self._query(sql, (trail,)))

    def _marked(self, sql: str, trail: str, seq: int) -> list[Marked]:
        return self._opened(self._query(sql, (trail, str(seq))))

    def _opened(self, rows: list[tuple[object, ...]]) -> list[Marked]:
        return [marked_of(row, self._check) for row in rows]

    def states(self, sql: str, *parameters: str | bytes) -> list[StoredState]:
        """Rows of one of the queries in `states.py`.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`.
        """
        try:
            return [stored_state(row) for row in self._query(sql, parameters)]
        except ValueError as error:
            raise LedgerCorrupt(str(error)) from error

    def rows(self, sql: str, *parameters: str | bytes) -> list[tuple[object, ...]]:
        """Rows of a query of this package, types unchecked.

        Raises:
            LedgerUnavailable: the file cannot be read.
        """
        sleep(0)
        return self._query(sql, parameters)

    def leaf(self, event_id: str) -> list[tuple[object, ...]]:
        """The leaf of a committed event, numbered or not.

        Raises:
            LedgerUnavailable: as `rows`.
        """
        return self._query(self._source.leaf, (event_id,))

    def leaf_of(self, event_id: str) -> bytes:
        """The exact bytes of a committed record.

        Raises:
            LedgerUnavailable: not there, or the ledger cannot be read.
        """
        match self.leaf(event_id):
            case [(bytes(leaf),)]:
                return leaf
            case _:
                raise LedgerUnavailable(f"{event_id} cannot be read back yet")

    def log_key(self, tenant: str) -> VerifierKey:
        """The public key under the name of a tenant's log.

        Raises:
            LedgerUnavailable: the key cannot be asked for.
        """
        key = self._receipt_key()
        return key.named(log_origin(key.name, tenant))

    def version(self) -> tuple[object, ...]:
        """Differs from an earlier one after any commit: cheap enough to ask often.

        Raises:
            LedgerUnavailable: as `trail`.
        """
        return self._source.version()

    def tenants(self) -> list[str]:
        """Every tenant that has a log.

        Raises:
            LedgerUnavailable: as `trail`.
        """
        rows = self._query("SELECT tenant FROM logs ORDER BY log", ())
        return [str(row[0]) for row in rows]

    def line(self) -> VerifierKey:
        """The ledger's public key with those before it, as this process knows them.

        Raises:
            LedgerUnavailable: the key cannot be asked for.
        """
        return self._receipt_key()

    def mark(self, event_id: str) -> list[Marked]:
        """A numbered entry by its id, as `marked` gives those of a trail.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `marked`.
        """
        return self._opened(self._query(_MARK, (event_id,)))

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        self._source.close()

    def _check(self, signed: tuple[str, str, str, str], signature: bytes) -> None:
        """Whether a stored receipt is that of the leaf; `signed` is what it is over."""
        message, key = receipt_message(*signed), self._receipt_key()
        if Verifier(key).receipt(signature, signed[0], message):
            return
        fresh = self._renewed()
        if fresh == key or not Verifier(fresh).receipt(signature, signed[0], message):
            raise LedgerCorrupt(f"{signed[1]}: the stored receipt is not that of the leaf")

    def _open(self, row: tuple[object, ...], tenant: str) -> StoredEvent:
        match row:
            case ((int() | None) as index, bytes(leaf), bytes(signature), sealed):
                pass
            case _:
                raise LedgerCorrupt("a row of the ledger has another shape")
        try:
            fields = orjson.loads(leaf)
            origin, event_id, time = fields["origin"], fields["event_id"], fields["time"]
            hashed = b64url(leaf_hash(leaf))
            self._check((origin, event_id, hashed, time), signature)
            if fields["tenant"] != tenant:
                raise LedgerCorrupt(f"entry {index}: a leaf of another tenant's log")
            payload, missing = self._payload(fields, sealed, index)
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerCorrupt(f"entry {index} cannot be read: {error}") from error
        return StoredEvent(
            kind=fields["event"],
            event_id=event_id,
            time=time,
            index=index,
            decision_id=fields["decision_id"],
            plain=fields["plain"],
            payload=payload,
            receipt=receipt_of(origin, event_id, hashed, time, signature),
            missing=missing,
        )

    def _payload(
        self, fields: Mapping[str, Any], sealed: object, index: int | None
    ) -> tuple[dict[str, bytes], str | None]:
        """What was sealed, opened; or why it cannot be, if that was recorded."""
        if not fields["sealed"]:
            return {}, None
        key = self.data_key(fields["subject_key"])
        if key is None:
            if not self.erasures.holds(fields["subject_key"]):
                raise LedgerCorrupt(f"{fields['event_id']}: its data key is gone, and not erased")
            return {}, "erased"
        if not isinstance(sealed, bytes):
            if not self.drops.covers(fields["tenant"], index):
                raise LedgerCorrupt(f"{fields['event_id']}: its payload is gone, and not dropped")
            return {}, "dropped"
        blobs = unpack_sealed(sealed)
        place = (fields["origin"], fields["event_id"])
        return open_payload(key, blobs, fields["commitments"], place), None


def leaf_fields(leaf: object) -> dict[str, object]:
    """The fields of a leaf, to choose by; `Reader.at` judges them.

    Raises:
        LedgerCorrupt: not a JSON object.
    """
    try:
        fields = orjson.loads(leaf) if isinstance(leaf, bytes) else None
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise LedgerCorrupt("a row of the ledger has another shape")
    return fields


def receipt_of(
    origin: str, event_id: str, leaf_hash: str, time: str, key_id_and_signature: bytes
) -> Receipt:
    """A receipt as callers see it."""
    return Receipt(
        origin=origin,
        event_id=event_id,
        leaf_hash=leaf_hash,
        time=time,
        key_id=key_id_and_signature[:KEY_ID_BYTES].hex(),
        signature=b64url(key_id_and_signature[KEY_ID_BYTES:]),
    )
