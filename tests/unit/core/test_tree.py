"""RFC 6962 / RFC 9162 trees against the published vectors of Certificate Transparency."""

from __future__ import annotations

import hashlib

import pytest

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

# certificate-transparency's merkletree tests: eight leaves, the root after each, and proofs.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHED = [leaf_hash(leaf) for leaf in LEAVES]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert EMPTY_ROOT == hashlib.sha256().digest() == Frontier().root() == root_of([])


def test_roots_are_those_of_certificate_transparency() -> None:
    assert [root_of(HASHED[: size + 1]).hex() for size in range(8)] == ROOTS


def test_an_inner_node_is_never_a_leaf() -> None:
    left, right = HASHED[:2]
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    ],
)
def test_inclusion_proofs_are_those_of_certificate_transparency(
    index: int, size: int, proof: list[str]
) -> None:
    assert [step.hex() for step in inclusion_proof(HASHED[:size], index)] == proof


def test_consistency_proofs_are_those_of_certificate_transparency() -> None:
    proof = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [step.hex() for step in consistency_proof(HASHED, 6)] == proof
    assert is_consistent(
        6,
        bytes.fromhex(ROOTS[5]),
        8,
        bytes.fromhex(ROOTS[7]),
        [bytes.fromhex(step) for step in proof],
    )


def test_a_proof_outside_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        inclusion_proof(HASHED, 8)
    with pytest.raises(ValueError, match="outside"):
        root_from_inclusion(HASHED[0], 8, 8, [])
    with pytest.raises(ValueError, match="larger"):
        consistency_proof(HASHED, 9)


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    frontier = Frontier(3, [HASHED[0], HASHED[1]])
    assert Frontier.from_bytes(3, frontier.to_bytes()).hashes == frontier.hashes
    for size, data in ((3, frontier.to_bytes()[:-1]), (4, frontier.to_bytes()), (-1, b"")):
        with pytest.raises(ValueError, match="frontier"):
            Frontier.from_bytes(size, data)
    with pytest.raises(ValueError, match="frontier"):
        Frontier(1, [])
