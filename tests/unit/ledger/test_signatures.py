"""Signatures checked by helpers: every failure comes back, in order, whoever checked it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger.signatures import Signatures, helpers

PRIVATE = Ed25519PrivateKey.generate()
KEY = VerifierKey("ledger.example.test/log/default", PRIVATE.public_key().public_bytes_raw())
COUNT = 2_100


@pytest.mark.parametrize("count", [0, 2])
def test_every_failure_comes_back_in_order(count: int) -> None:
    good, bad = PRIVATE.sign(b"record"), bytes(64)
    wrong = {0, 511, 512, 700, 1_024, COUNT - 1}
    with helpers(count) as pool:
        signatures = Signatures(pool)
        for number in range(COUNT):
            signature = bad if number in wrong else good
            signatures.add(str(number), (KEY.public, signature, b"record"))
        assert signatures.drain() == [str(number) for number in sorted(wrong)]
        assert signatures.drain() == []
        signatures.add("next", (KEY.public, good, b"record"))
        assert signatures.drain() == []  # control
