"""Laws of the Merkle tree: whatever is proved is so, and nothing else can be proved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
)

leaves = st.lists(st.binary(max_size=4).map(leaf_hash), min_size=1, max_size=70)


trees = st.integers(1, 70).flatmap(
    lambda size: st.tuples(
        st.just([leaf_hash(bytes([number])) for number in range(size)]),
        st.integers(0, size - 1),
    )
)


@given(leaves)
def test_the_frontier_grows_to_the_same_root_as_the_recursive_definition(
    hashed: list[bytes],
) -> None:
    frontier = Frontier()
    for size, item in enumerate(hashed, 1):
        frontier.append(item)
        assert frontier.root() == _defined_root(hashed[:size])
        assert Frontier.from_bytes(size, frontier.to_bytes()).root() == frontier.root()


@given(trees)
def test_every_leaf_is_proved_in_its_own_place_only(tree: tuple[list[bytes], int]) -> None:
    hashed, index = tree
    proof, root = inclusion_proof(hashed, index), root_of(hashed)
    assert root_from_inclusion(hashed[index], index, len(hashed), proof) == root
    for other in range(len(hashed)):
        if other != index:
            assert not _leads_to(root, hashed[index], other, len(hashed), proof)
    assert not _leads_to(root, leaf_hash(b"another"), index, len(hashed), proof)
    assert not _leads_to(root, hashed[index], index, len(hashed), [*proof, root])
    if proof:
        assert not _leads_to(root, hashed[index], index, len(hashed), proof[:-1])


@given(trees)
def test_an_older_tree_is_proved_and_a_changed_one_is_not(tree: tuple[list[bytes], int]) -> None:
    hashed, old_size = tree
    proof = consistency_proof(hashed, old_size)
    old, new = root_of(hashed[:old_size]), root_of(hashed)
    assert is_consistent(old_size, old, len(hashed), new, proof)
    if old_size:
        forged = root_of([leaf_hash(b"another"), *hashed[1:old_size]])
        assert not is_consistent(old_size, forged, len(hashed), new, proof)
        assert not is_consistent(old_size, old, len(hashed), forged, proof)
        assert not is_consistent(old_size, old, len(hashed), new, [*proof, old])
    assert not is_consistent(len(hashed) + 1, new, len(hashed), new, [])


def _leads_to(root: bytes, hashed: bytes, index: int, size: int, proof: list[bytes]) -> bool:
    try:
        return root_from_inclusion(hashed, index, size, proof) == root
    except ValueError:
        return False


def _defined_root(hashed: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if len(hashed) <= 1:
        return hashed[0] if hashed else EMPTY_ROOT
    split = 1
    while split * 2 < len(hashed):
        split *= 2
    return node_hash(_defined_root(hashed[:split]), _defined_root(hashed[split:]))
