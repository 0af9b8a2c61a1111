"""Roots of any part of a log's tree, from its leaves and the frontiers that the writer kept.

About once a second the writer keeps a signed checkpoint and the frontier at its size: the roots
of the perfect subtrees so far. So the root of a large subtree is looked up, or costs the leaves
since the last kept size before its end, and a proof over a million records reads a few
thousand. Nothing here is believed: whoever hands a proof out compares it with a signed root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from counterfoil.core.tree import HASH_BYTES, Frontier, Range, join, leaf_hash, perfect_ranges
from counterfoil.errors import LedgerCorrupt

Rows = Callable[[str, tuple[str | bytes, ...]], Sequence[tuple[object, ...]]]
"""`port.Source.query`."""

_FEW = 64  # leaves that are read at once rather than looked for in a frontier
_LEAVES = (
    "SELECT leaf FROM entries WHERE log = CAST(? AS INTEGER)"
    " AND idx >= CAST(? AS INTEGER) AND idx < CAST(? AS INTEGER) ORDER BY idx LIMIT 1024"
)
_KEPT = (
    "SELECT size, frontier FROM checkpoints"
    " WHERE log = CAST(? AS INTEGER) AND number = CAST(? AS INTEGER)"
)


@dataclass(frozen=True, slots=True)
class Head:
    """A log's row: what is signed now."""

    log: int
    size: int
    frontier: bytes
    note: bytes
    kept: int


@dataclass(slots=True)
class Nodes:
    """Subtrees of one log as it stood at `head`."""

    query: Rows
    head: Head
    _known: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    def root(self, part: Range) -> bytes:
        """The root of a range of a proof (`core.tree`), which ends within the head's size.

        Raises:
            LedgerUnavailable, LedgerCorrupt: it cannot be read.
        """
        return join([self._perfect(*piece) for piece in perfect_ranges(*part)])

    def leaves(self, start: int, end: int) -> list[bytes]:
        """The leaves of a range.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `root`.
        """
        found: list[bytes] = []
        while start + len(found) < end:
            place = (str(self.head.log), str(start + len(found)), str(end))
            rows = self.query(_LEAVES, place)
            if not rows:
                raise LedgerCorrupt(f"entry {start + len(found)} is gone")
            for (leaf,) in rows:
                if not isinstance(leaf, bytes):
                    raise LedgerCorrupt("a leaf is not bytes")
                found.append(leaf)
        return found

    def _perfect(self, start: int, end: int) -> bytes:
        width = end - start
        if width > _FEW:
            level = width.bit_length() - 1
            number = self._last_kept(end + width - 1)
            size, frontier = self._kept(number)
            if not start & width and end <= size:  # a left child that has not been joined yet
                return _node(frontier, (size >> (level + 1)).bit_count())
            number = self._last_kept(end - 1)  # at the end itself a right child has been joined
            size, frontier = self._kept(number)
            if start < size:
                return self._grown(start, end, size, frontier)
        return self._grown(start, end, start, b"")

    def _grown(self, start: int, end: int, size: int, frontier: bytes) -> bytes:
        """Join a frontier's subtrees that lie within the range with the leaves after them."""
        within = size - start
        hashes = frontier[len(frontier) - HASH_BYTES * within.bit_count() :]
        try:
            grown = Frontier.from_bytes(within, hashes if within else b"")
        except ValueError as error:
            raise LedgerCorrupt("a kept frontier does not fit its size") from error
        for leaf in self.leaves(size, end):
            grown.append(leaf_hash(leaf))
        return grown.root()

    def _last_kept(self, limit: int) -> int:
        """The number of the last kept checkpoint whose size is at most `limit`; 0 for none."""
        low, high = 0, self.head.kept + 1  # the head itself counts as the last one
        while low < high:
            middle = (low + high + 1) // 2
            if self._kept(middle)[0] <= limit:
                low = middle
            else:
                high = middle - 1
        return low

    def _kept(self, number: int) -> tuple[int, bytes]:
        if number == 0:
            return 0, b""
        if number > self.head.kept:
            return self.head.size, self.head.frontier
        if number not in self._known:
            match self.query(_KEPT, (str(self.head.log), str(number))):
                case [(int(size), bytes(frontier))]:
                    self._known[number] = (size, frontier)
                case _:
                    raise LedgerCorrupt(f"kept checkpoint {number} is missing")
        return self._known[number]


def _node(frontier: bytes, place: int) -> bytes:
    node = frontier[place * HASH_BYTES : (place + 1) * HASH_BYTES]
    if len(node) != HASH_BYTES:
        raise LedgerCorrupt("a kept frontier does not fit its size")
    return node
