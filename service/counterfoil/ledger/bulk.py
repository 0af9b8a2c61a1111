"""A whole log read in order for an export, every leaf held to the signed checkpoint.

1. The log's signed checkpoint is read first; nothing behind its size is looked at.
2. Each leaf is hashed into the tree from the place where the reading begins; the frontier of
   that place comes with the cursor.
3. At the end the root must be the checkpoint's: then every leaf that was passed is the signed
   one, at a twentieth of the price of checking receipts.
4. What is opened is held to the leaf's commitments as it comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from counterfoil.core.checkpoint import Checkpoint, InvalidNote, open_checkpoint
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.fields import DataKey
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import open_fields, unpack_sealed

_KEYS = 10_000
_HEAD = "SELECT note FROM logs WHERE tenant = ?"
_LEAVES = (
    "SELECT e.idx, e.leaf, e.signature, NULL FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE l.tenant = ? AND e.idx >= CAST(? AS BIGINT) AND e.idx < CAST(? AS BIGINT)"
    " ORDER BY e.idx LIMIT 1024"
)
_SEALED = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed FROM entries e JOIN logs l ON l.log = e.log"
    " LEFT JOIN payloads p ON p.seq = e.seq"
    " WHERE l.tenant = ? AND e.idx >= CAST(? AS BIGINT) AND e.idx < CAST(? AS BIGINT)"
    " ORDER BY e.idx LIMIT 1024"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it is stored: exact bytes, and the leaf's hash."""

    index: int
    leaf: bytes
    hashed: bytes
    signature: bytes
    sealed: bytes | None


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

    def pieces(self, *, sealed: bool) -> Iterator[list[Row]]:
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
            rows = [_row(row, start + place) for place, row in enumerate(found)]
            if not rows:
                raise LedgerCorrupt(f"entry {start} is gone")
            self.frontier.extend([row.hashed for row in rows])
            if self.frontier.size == size and self.frontier.root() != self.checkpoint.root:
                raise LedgerCorrupt("the records are not those of the signed checkpoint")
            yield rows

    def opened(self, row: Row) -> dict[str, tuple[bytes, bytes]]:
        """Salt and bytes of each field; none where the person was erased.

        Raises:
            LedgerCorrupt: not what the leaf commits to.
        """
        try:
            leaf = orjson.loads(row.leaf)
            name = leaf["subject_key"]
            if row.sealed is None or name is None:
                return {}
            if name not in self._keys:
                if len(self._keys) >= _KEYS:
                    self._keys.clear()
                self._keys[name] = self._reader.data_key(name)
            key = self._keys[name]
            if key is None:
                return {}
            place = (leaf["origin"], leaf["event_id"])
            return open_fields(key, unpack_sealed(row.sealed), leaf["commitments"], place)
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerCorrupt(f"entry {row.index} cannot be read: {error}") from error


def _row(row: tuple[object, ...], index: int) -> Row:
    match row:
        case (int(found), bytes(leaf), bytes(signature), (bytes() | None) as sealed):
            if found != index:
                raise LedgerCorrupt(f"entry {index} is gone")
            return Row(index, leaf, leaf_hash(leaf), signature, sealed)
        case _:
            raise LedgerCorrupt("a row of the ledger has another shape")
