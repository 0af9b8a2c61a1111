"""Signatures checked by helpers: every failure comes back, in order, whoever checked it."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger import signatures
from counterfoil.ledger.signatures import Signatures, helpers

PRIVATE = Ed25519PrivateKey.generate()
KEY = VerifierKey("ledger.example.test/log/default", PRIVATE.public_key().public_bytes_raw())
COUNT = 2_100


@pytest.mark.parametrize("count", [0, 2])
def test_every_failure_comes_back_in_order(count: int) -> None:
    good, bad = PRIVATE.sign(b"record"), bytes(64)
    wrong = {0, 511, 512, 700, 1_024, COUNT - 1}
    with helpers(count) as pool:
        given = Signatures(pool)
        for number in range(COUNT):
            signature = bad if number in wrong else good
            given.add(str(number), (KEY.public, signature, b"record"))
        assert given.drain() == [str(number) for number in sorted(wrong)]
        assert given.drain() == []
        given.add("next", (KEY.public, good, b"record"))
        assert given.drain() == []  # control


def test_what_helpers_have_not_begun_is_done_here_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The only helper is held up until this process has checked most batches itself."""
    wait, go_on = os.pipe()
    checked_here, real = [], signatures._failures

    def counted(batch: list[signatures.Signed]) -> list[int]:
        checked_here.append(len(batch))
        if len(checked_here) == 5:
            os.write(go_on, b".")
        return real(batch)

    with helpers(1) as pool:
        assert pool is not None
        pool.submit(select.select, [wait], [], [], 10.0)
        monkeypatch.setattr(signatures, "_done", _done_by(counted))
        given = Signatures(pool)
        for number in range(8 * 512):
            signature = bytes(64) if number == 7 * 512 else PRIVATE.sign(b"record")
            given.add(str(number), (KEY.public, signature, b"record"))
        assert given.drain() == [str(7 * 512)]
    assert len(checked_here) >= 5
    os.close(wait)
    os.close(go_on)


def _done_by(
    check: Callable[[list[signatures.Signed]], list[int]],
) -> Callable[[list[signatures.Signed]], Future[list[int]]]:
    def done(batch: list[signatures.Signed]) -> Future[list[int]]:
        future: Future[list[int]] = Future()
        future.set_result(check(batch))
        return future

    return done
