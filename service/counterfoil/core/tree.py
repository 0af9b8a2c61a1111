"""The RFC 6962 / RFC 9162 Merkle tree over SHA-256: hashes, frontier, proofs. Values only.

Leaf and node hashes are domain-separated (RFC 9162 §2.1.1), so that no inner node can be
passed off as a leaf. A `Frontier` is all that a writer needs: the roots of the perfect
subtrees of the current size, largest first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256

Range: TypeAlias = "tuple[int, int]"
"""Leaves from the first number up to the second, which is not in it."""


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162 §2.1.1: SHA-256(0x00 ‖ data)."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162 §2.1.1: SHA-256(0x01 ‖ left ‖ right)."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: `hashes[i]` roots the i-th largest perfect subtree."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count() or any(len(h) != HASH_BYTES for h in hashes):
            raise ValueError("a frontier holds one 32-byte hash for each 1 bit of its size")
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: when the bytes do not fit the size.
        """
        if size < 0 or len(data) != HASH_BYTES * size.bit_count():
            raise ValueError("the frontier's length does not fit the tree's size")
        return cls(size, [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        """The hashes one after the other, largest subtree first."""
        return b"".join(self.hashes)

    def copy(self) -> Frontier:
        """A frontier that grows on its own."""
        return Frontier(self.size, self.hashes)

    def append(self, hashed_leaf: bytes) -> None:
        """Add one leaf hash: merge as many subtrees as the size has trailing 1 bits."""
        hashes, carry = self.hashes, self.size
        while carry & 1:
            hashed_leaf = node_hash(hashes.pop(), hashed_leaf)
            carry >>= 1
        hashes.append(hashed_leaf)
        self.size += 1

    def extend(self, hashed_leaves: Sequence[bytes]) -> None:
        """Add many leaf hashes: whole subtrees level by level, four times as fast as `append`."""
        start, count = 0, len(hashed_leaves)
        while start < count:
            width = 1 << (count - start).bit_length() - 1
            while self.size & width - 1:
                width >>= 1
            level = list(hashed_leaves[start : start + width])
            while len(level) > 1:
                pairs = zip(level[::2], level[1::2], strict=True)
                level = [_sha256(b"\x01" + left + right).digest() for left, right in pairs]
            (subtree,), carry = level, self.size // width
            while carry & 1:
                subtree = node_hash(self.hashes.pop(), subtree)
                carry >>= 1
            self.hashes.append(subtree)
            self.size += width
            start += width

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        if not self.hashes:
            return EMPTY_ROOT
        return join(self.hashes)


def root_of(hashed_leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash (RFC 9162 §2.1.1) of these leaf hashes."""
    frontier = Frontier()
    for hashed in hashed_leaves:
        frontier.append(hashed)
    return frontier.root()


def inclusion_proof(hashed_leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, D_n), RFC 9162 §2.1.3.1, leaf side first.

    Raises:
        ValueError: when the index is not in the tree.
    """
    return [_mth(hashed_leaves, *part) for part in inclusion_ranges(index, len(hashed_leaves))]


def consistency_proof(hashed_leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF(old_size, D_n), RFC 9162 §2.1.4.1; empty where one of the trees is trivial.

    Raises:
        ValueError: when the old size is larger than the tree.
    """
    return [_mth(hashed_leaves, *part) for part in consistency_ranges(old_size, len(hashed_leaves))]


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Whose roots an inclusion proof consists of: ranges of leaves, leaf side first.

    Raises:
        ValueError: when the index is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError("the index is outside the tree")
    start, end, found = 0, size, []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            found.append((split, end))
            end = split
        else:
            found.append((start, split))
            start = split
    return found[::-1]


def consistency_ranges(old_size: int, size: int) -> list[Range]:
    """Whose roots a consistency proof consists of, in the proof's order.

    Raises:
        ValueError: when the old size is larger than the tree.
    """
    if not 0 <= old_size <= size:
        raise ValueError("the old tree is larger than the new one")
    start, end, found = 0, size, list[Range]()
    while 0 < old_size < end:
        split = start + _split(end - start)
        if old_size <= split:
            found.append((split, end))
            end = split
        else:
            found.append((start, split))
            start = split
    if start and old_size:  # RFC 9162: the first node is left out where the old tree is itself one
        found.append((start, end))
    return found[::-1]


def perfect_ranges(start: int, end: int) -> list[Range]:
    """A range of a proof as perfect subtrees, left to right; `start` is aligned (RFC 9162 §2.1.1).

    Raises:
        ValueError: an empty range.
    """
    if start >= end:
        raise ValueError("the range is empty")
    found = []
    while start < end:
        width = 1 << (end - start).bit_length() - 1
        found.append((start, start + width))
        start += width
    return found


def join(roots: Sequence[bytes]) -> bytes:
    """The root over the roots of `perfect_ranges`, right side first joined."""
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


def root_from_inclusion(hashed_leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2); compare it with a signed one.

    Raises:
        ValueError: when the proof has the wrong length or the index is outside the tree.
    """
    if not 0 <= index < size:
        raise ValueError("the index is outside the tree")
    node, last, root = index, size - 1, hashed_leaf
    for step in proof:
        if last == 0:
            raise ValueError("the inclusion proof is too long")
        if node & 1 or node == last:
            root = node_hash(step, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, step)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ValueError("the inclusion proof is too short")
    return root


def is_consistent(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the old tree is a prefix of the new one (RFC 9162 §2.1.4.2)."""
    if not 0 <= old_size <= new_size:
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if old_size == new_size:
        return not proof and old_root == new_root
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # step 1: a perfect old tree is its own first node
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old_size - 1, new_size - 1
    while node & 1:  # step 3
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:  # step 5
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root  # step 6


def _mth(hashed_leaves: Sequence[bytes], start: int, end: int) -> bytes:
    return root_of(hashed_leaves[start:end])


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (RFC 9162 §2.1.1)."""
    return 1 << (size - 1).bit_length() - 1
