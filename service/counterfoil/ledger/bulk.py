"""A whole log read in order for an export, every leaf held to the signed checkpoint.

1. The log's signed checkpoint is read first; nothing behind its size is looked at.
2. Each leaf is hashed into the tree from the place where the reading begins; the frontier of
   that place comes with the cursor.
3. At the end the root must be the checkpoint's: then every leaf that was passed is the signed
   one, at a twentieth of the price of checking receipts.
4. What is opened is held to the leaf's commitments as it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from counterfoil.core.checkpoint import KEY_ID_BYTES, Checkpoint, InvalidNote, open_checkpoint
from counterfoil.core.tree import Frontier
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.fields import DataKey
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import open_fields, unpack_sealed

_sha256 = hashlib.sha256  # `tree.leaf_hash`, without a call for each of a million leaves
_KEYS = 10_000
SIGNATURE_BYTES: Final = KEY_ID_BYTES + 64
"""A stored receipt: the key's id, and an Ed25519 signature (RFC 8032)."""
_HEAD = "SELECT note FROM logs WHERE tenant = ?"
_LEAVES = (
    "SELECT e.idx, e.leaf, e.signature, NULL FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE l.tenant = ? AND e.idx >= CAST(? AS BIGINT) AND e.idx < CAST(? AS BIGINT)"
    " ORDER BY e.idx LIMIT 512"
)
_SEALED = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
    " LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE l.tenant = ? AND e.idx >= CAST(? AS BIGINT) AND e.idx < CAST(? AS BIGINT)"
    " ORDER BY e.idx LIMIT 512"
)


Fields = dict[str, tuple[bytes, bytes]]
"""Each opened field: its salt and its exact bytes; no salt where a secret in it is hidden."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some records as they are stored, column by column: exact bytes, and the leaves' hashes.

    `sealed` is None where payloads were not asked for, `fields` where they were not opened.
    """

    index: Sequence[int]
    leaf: Sequence[bytes]
    hashed: Sequence[bytes]
    signature: Sequence[bytes]
    sealed: Sequence[bytes | None] | None
    fields: Sequence[Fields] | None = None

    def __len__(self) -> int:
        """How many records."""
        return len(self.index)

    def only(self, places: Sequence[int], fields: Sequence[Fields] | None) -> Rows:
        """Those of some places, with what was opened of them."""
        leaf, hashed, signature = (
            [column[i] for i in places] for column in (self.leaf, self.hashed, self.signature)
        )
        return Rows([self.index[i] for i in places], leaf, hashed, signature, None, fields)


class Bulk:
    """Reads one tenant's log up to its checkpoint.

    Args:
        reader: the ledger.
        tenant: whose log.
        frontier: of the place to begin at; of the beginning, if empty.

    Raises:
        LedgerCorrupt: the log's checkpoint is not signed, or ends before that place.
        LedgerUnavailable: the ledger cannot be read.
    """

    def __init__(self, reader: Reader, tenant: str, frontier: Frontier) -> None:
        self._reader, self._tenant, self.frontier = reader, tenant, frontier
        self._keys: dict[str, DataKey | None] = {}
        rows = reader.rows(_HEAD, tenant)
        self.note = rows[0][0] if rows and isinstance(rows[0][0], bytes) else b""
        key = reader.log_key(tenant)
        try:
            self.checkpoint: Checkpoint = open_checkpoint(self.note, key, Verifier(key))
        except InvalidNote as error:
            raise LedgerCorrupt(f"the log's checkpoint: {error}") from error
        if frontier.size > self.checkpoint.size:
            raise LedgerCorrupt("the log ends before the place to begin at")

    def pieces(self, *, sealed: bool) -> Iterator[Rows]:
        """The rows up to the checkpoint, some at a time; with their payload if `sealed`.

        Raises:
            LedgerCorrupt: a row is missing, or the whole is not what was signed.
            LedgerUnavailable: the ledger cannot be read.
        """
        sql = _SEALED if sealed else _LEAVES
        size = self.checkpoint.size
        while self.frontier.size < size:
            start = self.frontier.size
            found = self._reader.rows(sql, self._tenant, str(start), str(size))
            if not found:
                raise LedgerCorrupt(f"entry {start} is gone")
            rows = _rows(found, start, sealed=sealed)
            self.frontier.extend(rows.hashed)
            if self.frontier.size == size and self.frontier.root() != self.checkpoint.root:
                raise LedgerCorrupt("the records are not those of the signed checkpoint")
            yield rows

    def opened(self, rows: Rows, place: int) -> Fields:
        """Salt and bytes of each field of one row; none where person or payload is gone by right.

        Raises:
            LedgerCorrupt: not what the leaf commits to; or key or payload is gone, and nobody
                recorded an erasure or a drop.
            LedgerUnavailable: nobody knows.
        """
        sealed = None if rows.sealed is None else rows.sealed[place]
        try:
            leaf = orjson.loads(rows.leaf[place])
            if not leaf["sealed"]:
                return {}
            key = self._key(leaf["subject_key"], rows.index[place])
            if key is None:
                return {}
            if sealed is None:
                if not self._reader.drops.covers(self._tenant, rows.index[place]):
                    raise LedgerCorrupt(
                        f"entry {rows.index[place]}: its payload is gone, and not dropped"
                    )
                return {}
            at = (leaf["origin"], leaf["event_id"])
            fields = open_fields(key, unpack_sealed(sealed), leaf["commitments"], at)
            whole = fields.keys() == leaf["commitments"].keys()
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerCorrupt(f"entry {rows.index[place]} cannot be read: {error}") from error
        if not whole:
            raise LedgerCorrupt(f"entry {rows.index[place]} lacks a field of its payload")
        return fields

    def _key(self, name: str, index: int) -> DataKey | None:
        """A data key, kept for the rows that follow; None where its erasure was recorded."""
        if name not in self._keys:
            key = self._reader.data_key(name)
            if key is None and not self._reader.erasures.holds(name):
                raise LedgerCorrupt(f"entry {index}: its data key is gone, and not erased")
            if len(self._keys) >= _KEYS:
                self._keys.clear()
            self._keys[name] = key
        return self._keys[name]


def _rows(found: Sequence[tuple[object, ...]], start: int, *, sealed: bool) -> Rows:
    """Rows held to their places and shapes, a column at a time: each check is one pass in C.

    Raises:
        LedgerCorrupt: a row is missing, or of another shape.
    """
    index, leaves, signatures, blobs = zip(*found, strict=True)
    due = range(start, start + len(found))
    if index != tuple(due):
        gone = next(place for place, there in zip(due, index, strict=True) if place != there)
        raise LedgerCorrupt(f"entry {gone} is gone")
    if {*map(type, leaves), *map(type, signatures)} != {bytes} or set(map(len, signatures)) != {
        SIGNATURE_BYTES
    }:
        raise LedgerCorrupt("a row of the ledger has another shape")
    if not set(map(type, blobs)) <= {bytes, type(None)}:
        raise LedgerCorrupt("a row of the ledger has another shape")
    hashes = [_sha256(b"\x00" + leaf).digest() for leaf in leaves]
    return Rows(index, leaves, hashes, signatures, blobs if sealed else None)
