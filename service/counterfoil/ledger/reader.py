"""Reading the record back: a read-only connection, every row checked before it is believed.

Rows are keyed by tenant. A row counts only if its stored receipt verifies over its own leaf,
and the leaf itself names this tenant and decision, so that an edited file answers
`LedgerCorrupt` and never a changed story.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from urllib.parse import quote

import orjson

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import KEY_ID_BYTES, VerifierKey
from counterfoil.core.entry import receipt_message
from counterfoil.core.model import JsonObject, Receipt
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import LedgerCorrupt, LedgerUnavailable
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.sealing import DataKey, Master, open_payload, unpack_sealed
from counterfoil.ledger.states import stored_state
from counterfoil.ports import StoredEvent, StoredState

_BUSY_SECONDS = 0.25  # the writer holds readers off only while it empties the WAL
_TRAIL = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
    " LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE e.decision_id = ? AND l.tenant = ? ORDER BY e.idx"
)

_SCAN = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
    " LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE l.tenant = ? AND e.idx > CAST(? AS INTEGER) ORDER BY e.idx LIMIT 512"
)

_MARKED = (
    "SELECT e.seq, l.tenant, e.leaf, e.signature FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE e.decision_id = ? AND e.seq > CAST(? AS INTEGER) ORDER BY e.seq LIMIT 512"
)
_MARKED_BACKWARDS = (
    "SELECT e.seq, l.tenant, e.leaf, e.signature FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE e.decision_id = ? AND e.seq < CAST(? AS INTEGER) ORDER BY e.seq DESC LIMIT 512"
)


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands readable in an entry of a trail that tenants have in common."""

    seq: int
    tenant: str
    kind: str
    time: str
    plain: JsonObject


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


class Reader:
    """Opens stored events.

    Args:
        path: the ledger file.
        master: opens data keys.
        receipt_key: the public key that receipts must verify under.
    """

    def __init__(self, path: Path, master: Master, receipt_key: Callable[[], VerifierKey]) -> None:
        self._path, self._master, self._receipt_key = path, master, receipt_key
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._opened = 0  # counts connections: each has a data_version of its own

    def trail(self, tenant: str, decision_id: str) -> list[StoredEvent]:
        """All events of a decision of this tenant, in log order.

        Raises:
            LedgerUnavailable: the file cannot be read.
            LedgerCorrupt: a row is not what its receipt says.
        """
        sleep(0)  # a list opens thousands: others of this worker go in between
        rows = self._query(_TRAIL, (decision_id, tenant))
        if not rows:
            return []
        key = self._receipt_key()
        verify = Verifier(key)
        events = [self._open(row, key, verify, tenant) for row in rows]
        if any(event.decision_id != decision_id for event in events):
            raise LedgerCorrupt(f"{decision_id}: an event of another decision stands here")
        return events

    def data_key(self, name: str) -> DataKey | None:
        """A data key by its id; None where it was destroyed.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`.
        """
        rows = self._query("SELECT wrapped FROM subject_keys WHERE id = ?", (name,))
        wrapped = rows[0][0] if rows else None
        return self._master.unwrap(name, wrapped) if isinstance(wrapped, bytes) else None

    def events(self, tenant: str, kind: str, *, since: str = "") -> Iterator[StoredEvent]:
        """All events of one kind in log order, from a time on (RFC 3339, as events write it).

        Read in pieces, so that a long log needs little memory and no long transaction.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`.
        """
        key, after = self._receipt_key(), -1
        verify = Verifier(key)
        while rows := self._query(_SCAN, (tenant, str(after))):
            for row in rows:
                fields = _leaf(row[1])
                if fields.get("event") == kind and str(fields.get("time")) >= since:
                    yield self._open(row, key, verify, tenant)
            after = int(str(rows[-1][0]))

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

    def _marked(self, sql: str, trail: str, seq: int) -> list[Marked]:
        rows = self._query(sql, (trail, str(seq)))
        if not rows:
            return []
        key = self._receipt_key()
        verify = Verifier(key)
        return [_marked(row, key, verify) for row in rows]

    def states(self, sql: str, *parameters: str | bytes) -> list[StoredState]:
        """Rows of one of the queries in `states.py`.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `trail`.
        """
        try:
            return [stored_state(row) for row in self._query(sql, parameters)]
        except ValueError as error:
            raise LedgerCorrupt(str(error)) from error

    def version(self) -> tuple[object, ...]:
        """Differs from an earlier one after any commit: cheap enough to ask often.

        Raises:
            LedgerUnavailable: as `trail`.
        """
        (row,) = self._query("PRAGMA data_version", ())
        return (self._opened, *row)

    def tenants(self) -> list[str]:
        """Every tenant that has a log.

        Raises:
            LedgerUnavailable: as `trail`.
        """
        rows = self._query("SELECT tenant FROM logs ORDER BY log", ())
        return [str(row[0]) for row in rows]

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        with self._lock:
            self._close()

    def _query(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        with self._lock:
            try:
                return self._connection().execute(sql, parameters).fetchall()
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

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

    def _open(
        self, row: tuple[object, ...], key: VerifierKey, verify: Verifier, tenant: str
    ) -> StoredEvent:
        match row:
            case (int(index), bytes(leaf), bytes(signature), sealed):
                pass
            case _:
                raise LedgerCorrupt("a row of the ledger has another shape")
        try:
            fields = orjson.loads(leaf)
            origin, event_id, time = fields["origin"], fields["event_id"], fields["time"]
            hashed = b64url(leaf_hash(leaf))
            _check_receipt((origin, event_id, hashed, time), signature, key, verify)
            if fields["tenant"] != tenant:
                raise LedgerCorrupt(f"entry {index}: a leaf of another tenant's log")
            payload: dict[str, bytes] = {}
            data_key = self.data_key(fields["subject_key"]) if isinstance(sealed, bytes) else None
            if isinstance(sealed, bytes) and data_key is not None:
                blobs = unpack_sealed(sealed)
                payload = open_payload(data_key, blobs, fields["commitments"], (origin, event_id))
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
        )


def _check_receipt(
    signed: tuple[str, str, str, str], signature: bytes, key: VerifierKey, verify: Verifier
) -> None:
    named = key.named(signed[0])
    valid = signature[:KEY_ID_BYTES] == named.key_id()
    if not valid or not verify(signature[KEY_ID_BYTES:], receipt_message(*signed)):
        raise LedgerCorrupt(f"{signed[1]}: the stored receipt is not that of the leaf")


def _marked(row: tuple[object, ...], key: VerifierKey, verify: Verifier) -> Marked:
    match row:
        case (int(seq), str(tenant), bytes(leaf), bytes(signature)):
            pass
        case _:
            raise LedgerCorrupt("a row of the ledger has another shape")
    try:
        fields = orjson.loads(leaf)
        signed = (fields["origin"], fields["event_id"], b64url(leaf_hash(leaf)), fields["time"])
        _check_receipt(signed, signature, key, verify)
        if fields["tenant"] != tenant:
            raise LedgerCorrupt("an entry stands in another tenant's log")
        return Marked(seq, tenant, fields["event"], fields["time"], fields["plain"])
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerCorrupt(f"an entry cannot be read: {error}") from error


def _leaf(leaf: object) -> dict[str, object]:
    """The fields of a leaf, to choose by; `_open` judges them."""
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
