"""Implements `ports_evidence.Evidence` over the readers' port."""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.core.model import JsonObject
from counterfoil.core.tiles import WIDTH, Tile, entry_bundle
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.nodes import Head, Nodes
from counterfoil.ledger.prove import (
    Unknown,
    consistency_of,
    head_of,
    proof_of,
    record_at,
    record_of,
)

T = TypeVar("T")
MAX_TILES = 64
"""Full tiles above level 0 that are remembered: one costs up to 65,536 leaves, and is for ever."""


class Read(Protocol):
    """`Reader.rows`: lets others of this worker go in between, as a tile may read much."""

    def __call__(self, sql: str, *parameters: str | bytes) -> list[tuple[object, ...]]:
        """All rows of one query."""


class EvidenceReader:
    """One per worker; for threads and greenlets alike.

    Args:
        read: `Reader.rows`.
        receipt_key: the ledger's public key, named by its origin prefix.
        renewed: the same, asked for anew: the writer may have gone over to another key.
    """

    def __init__(
        self,
        read: Read,
        receipt_key: Callable[[], VerifierKey],
        renewed: Callable[[], VerifierKey] | None = None,
    ) -> None:
        self._read, self._receipt_key = read, receipt_key
        self._renewed = renewed or receipt_key
        self._tiles: OrderedDict[tuple[str, Tile], bytes] = OrderedDict()
        self._lock = Lock()

    def checkpoint(self, tenant: str) -> bytes | None:
        """The signed note as it stands (`ports_evidence.Evidence`)."""
        head = self._head(tenant)
        return None if head is None or not head.note else head.note

    def tile(self, tenant: str, tile: Tile) -> bytes | None:
        """The hashes of a tile (`ports_evidence.Evidence`)."""
        head = self._head(tenant)
        if head is None or not tile.is_in(head.size):
            return None
        # Named by the origin too: a restored ledger has another one, and other hashes.
        name = (f"{self._receipt_key().name} {tenant}", tile)
        with self._lock:
            known = self._tiles.get(name)
        if known is not None:
            return known
        nodes = Nodes(self._query, head)
        if tile.level == 0:
            start, end = tile.parts()[0][0], tile.parts()[-1][1]
            return b"".join(leaf_hash(leaf) for leaf in nodes.leaves(start, end))
        data = b"".join(nodes.root(part) for part in tile.parts())
        if tile.width == WIDTH:
            with self._lock:
                self._tiles[name] = data
                if len(self._tiles) > MAX_TILES:
                    self._tiles.popitem(last=False)
        return data

    def entries(self, tenant: str, tile: Tile) -> bytes | None:
        """The leaves under a tile (`ports_evidence.Evidence`)."""
        head = self._head(tenant)
        if head is None or not tile.is_in(head.size):
            return None
        start, end = tile.parts()[0][0], tile.parts()[-1][1]
        return entry_bundle(Nodes(self._query, head).leaves(start, end))

    def entry(self, tenant: str, index: int) -> bytes | None:
        """One leaf's exact bytes (`ports_evidence.Evidence`)."""
        try:
            return record_at(self._query, tenant, index).leaf
        except Unknown:
            return None

    def proof(self, tenant: str, name: str) -> bytes | None:
        """The proof file of a record (`ports_evidence.Evidence`)."""
        try:
            record = record_of(self._query, name, tenant=tenant)
        except Unknown:
            return None
        return self._keyed(lambda key: proof_of(self._query, record, key).to_bytes())

    def consistency(self, tenant: str, old_size: int) -> JsonObject | None:
        """That an older log is the beginning of this one (`ports_evidence.Evidence`)."""
        head = self._head(tenant)
        if head is None or old_size > head.size:
            return None
        proof = consistency_of(self._query, head, old_size)
        return {
            "old_size": old_size,
            "proof": [b64encode(step).decode() for step in proof],
            "checkpoint": head.note.decode(),
        }

    def _head(self, tenant: str) -> Head | None:
        return self._keyed(lambda key: head_of(self._query, tenant, key))

    def _keyed(self, read: Callable[[VerifierKey], T]) -> T:
        """Read by the key that is known here, or by the one that it has been rotated to."""
        key = self._receipt_key()
        try:
            return read(key)
        except LedgerCorrupt:
            fresh = self._renewed()
            if fresh == key:
                raise
            return read(fresh)

    def _query(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        return self._read(sql, *parameters)
