"""Subtree roots out of kept frontiers: the same proofs as out of all leaves, wherever they lie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.tree import (
    Frontier,
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
)
from counterfoil.ledger.nodes import Head, Nodes

LEAVES = [f"leaf {number}".encode() for number in range(1_100)]
HASHED = [leaf_hash(leaf) for leaf in LEAVES]


def frontier(size: int) -> bytes:
    grown = Frontier()
    for hashed in HASHED[:size]:
        grown.append(hashed)
    return grown.to_bytes()


FRONTIERS = [frontier(size) for size in range(len(LEAVES) + 1)]


class Rows:
    """The rows of a ledger that kept checkpoints at these sizes; counts the leaves it gives."""

    def __init__(self, kept: list[int]) -> None:
        self.kept, self.read = kept, 0

    def __call__(self, sql: str, parameters: tuple[str | bytes, ...]) -> list[tuple[object, ...]]:
        if "checkpoints" in sql:
            size = self.kept[int(parameters[1]) - 1]
            return [(size, FRONTIERS[size])]
        start, end = map(int, parameters[1:])
        rows: list[tuple[object, ...]] = [(leaf,) for leaf in LEAVES[start:end][:1024]]
        self.read += len(rows)
        return rows


@given(data=st.data(), size=st.integers(1, len(LEAVES)))
def test_proofs_from_frontiers_are_those_from_leaves(data: st.DataObject, size: int) -> None:
    kept = sorted(data.draw(st.sets(st.integers(1, size), max_size=60)))
    rows = Rows(kept)
    nodes = Nodes(rows, Head(1, size, FRONTIERS[size], b"", len(kept)))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    found = [nodes.root(part) for part in inclusion_ranges(index, size)]
    assert found == inclusion_proof(HASHED[:size], index)
    found = [nodes.root(part) for part in consistency_ranges(old, size)]
    assert found == consistency_proof(HASHED[:size], old)


def test_every_proof_of_a_ledger_that_kept_every_power_of_two_is_right() -> None:
    """Sizes at which a right child has just been joined into its parent."""
    size = len(LEAVES)
    kept = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 384, 512, 640, 768, 1024, size]
    nodes = Nodes(Rows(kept), Head(1, size, FRONTIERS[size], b"", len(kept)))
    for index in range(size):
        found = [nodes.root(part) for part in inclusion_ranges(index, size)]
        assert found == inclusion_proof(HASHED, index)


def test_a_proof_reads_the_leaves_between_two_kept_sizes_and_not_the_log() -> None:
    kept = list(range(50, 1_100, 50))
    rows = Rows(kept)
    nodes = Nodes(rows, Head(1, 1_100, FRONTIERS[1_100], b"", len(kept)))
    for part in inclusion_ranges(17, 1_100):
        nodes.root(part)
    assert rows.read < 300
