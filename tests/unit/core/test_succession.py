"""Which key and name count at which place of a log, said by its own records."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterfoil.core.checkpoint import VerifierKey, log_origin
from counterfoil.core.model import JsonObject
from counterfoil.core.succession import (
    MARKS,
    RECOVERED,
    ROTATED,
    Signs,
    begun,
    ended,
    record,
    record_id,
    statement,
)
from counterfoil.ledger.keys import signed_by

ROOT = bytes(32)
KEYS = [Ed25519PrivateKey.generate() for _ in range(3)]
PUBLIC = [key.public_key().public_bytes_raw() for key in KEYS]
# The oldest first: a key, the next key, and a new name under that.
SIGNS = [
    VerifierKey("ledger.example.test/1", PUBLIC[0]),
    VerifierKey("ledger.example.test/1", PUBLIC[1]),
    VerifierKey("ledger.example.test/2", PUBLIC[1]),
]
LEDGER = VerifierKey(SIGNS[2].name, SIGNS[2].public, (SIGNS[1], SIGNS[0]))
LOG = LEDGER.named(log_origin(LEDGER.name, "acme"))
NEWEST, MIDDLE, OLDEST = 0, 1, 2


def signs() -> Signs:
    return Signs(LOG, LEDGER, signed_by)


def step(state: Signs, sign: int, leaf: JsonObject, size: int) -> str | None:
    return state.step(sign, leaf, size=size, root=lambda: ROOT)


def plain_record() -> JsonObject:
    return {"event": "decided", "plain": {}}


def turn(
    old: int, new: int, size: int, *, kind: str | None = None, overlap: bool = False
) -> JsonObject:
    """An honest record from one sign to another."""
    ledger, log = LEDGER.line(), LOG.line()
    recovers = ledger[old].name != ledger[new].name
    signer = KEYS[PUBLIC.index(ledger[new if recovers else old].public)]
    message = statement(ledger[new if recovers else old], ledger[new])
    plain = begun(
        log[old],
        log[new],
        size=size,
        root=ROOT,
        endorsement=signer.sign(message),
        overlap=overlap,
    )
    return {"event": kind or (RECOVERED if recovers else ROTATED), "plain": plain}


def test_a_log_goes_from_sign_to_sign() -> None:
    state = signs()
    assert step(state, OLDEST, plain_record(), 0) is None
    assert step(state, MIDDLE, turn(OLDEST, MIDDLE, 1), 1) is None
    assert step(state, MIDDLE, plain_record(), 2) is None
    assert step(state, NEWEST, turn(MIDDLE, NEWEST, 3), 3) is None
    assert step(state, NEWEST, plain_record(), 4) is None
    assert state.now == LOG.line()[NEWEST]


def test_a_backup_of_before_a_rotation_may_skip_a_sign() -> None:
    state = signs()
    step(state, OLDEST, plain_record(), 0)
    assert step(state, NEWEST, turn(OLDEST, NEWEST, 1), 1) is None


@pytest.mark.parametrize("sign", [OLDEST, NEWEST])
def test_a_sign_counts_in_its_own_places_alone(sign: int) -> None:
    state = signs()
    step(state, OLDEST, plain_record(), 0)
    step(state, MIDDLE, turn(OLDEST, MIDDLE, 1), 1)
    assert step(state, sign, plain_record(), 2) == (
        "is signed by a key or name that had ended here"
    )
    assert step(state, MIDDLE, plain_record(), 2) is None  # control


def test_an_overlap_lasts_until_a_record_ends_it() -> None:
    state = signs()
    step(state, OLDEST, plain_record(), 0)
    assert step(state, MIDDLE, turn(OLDEST, MIDDLE, 1, overlap=True), 1) is None
    assert step(state, OLDEST, plain_record(), 2) is None
    over: JsonObject = {"event": ROTATED, "plain": ended(LOG.line()[OLDEST])}
    assert step(state, OLDEST, over, 3) is not None  # the old key does not say so itself
    assert step(state, MIDDLE, over, 3) is None
    assert step(state, OLDEST, plain_record(), 4) is not None
    assert step(state, MIDDLE, over, 4) == "ends a key or name that is not at its end"


@pytest.mark.parametrize(
    ("leaf", "sign", "said"),
    [
        (turn(OLDEST, MIDDLE, 1, kind=RECOVERED), MIDDLE, "recovery without a new name"),
        (turn(OLDEST, NEWEST, 1, kind=ROTATED), NEWEST, "rotation with one"),
        (turn(OLDEST, MIDDLE, 2), MIDDLE, "does not hand over what stood here"),
        (turn(OLDEST, MIDDLE, 1), OLDEST, "not newer"),
    ],
)
def test_what_hands_over_something_else_is_said(leaf: JsonObject, sign: int, said: str) -> None:
    state = signs()
    step(state, OLDEST, plain_record(), 0)
    assert said in str(step(state, sign, leaf, 1))


def test_a_forged_endorsement_hands_nothing_over() -> None:
    state = signs()
    step(state, OLDEST, plain_record(), 0)
    leaf = turn(OLDEST, MIDDLE, 1)
    other = turn(OLDEST, NEWEST, 1)
    assert isinstance(leaf["plain"], dict)
    assert isinstance(other["plain"], dict)
    plain = {**leaf["plain"], "endorsement": other["plain"]["endorsement"]}
    assert "endorsed" in str(step(state, MIDDLE, {**leaf, "plain": plain}, 1))


def test_each_of_these_records_can_stand_once_and_is_seen_without_reading() -> None:
    new = LOG.line()[MIDDLE]
    leaf = turn(OLDEST, MIDDLE, 1)
    assert isinstance(leaf["plain"], dict)
    name, data = record("acme", new, leaf["plain"], time="2026-01-01T00:00:00.000000Z")
    assert name == record_id(new, ends=False) != record_id(new, ends=True)
    assert any(mark in data for mark in MARKS)


def test_a_log_is_found_by_any_of_its_names() -> None:
    for sign in LEDGER.line():
        assert LEDGER.log(log_origin(sign.name, "acme")) == LOG
    assert LEDGER.log("ledger.example.test/3/log/acme") is None
