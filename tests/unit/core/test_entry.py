"""What may stand in a leaf, and what a commitment and a receipt cover."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from counterfoil.core.canonical import b64url
from counterfoil.core.entry import (
    MAX_LEAF_BYTES,
    NotRecordable,
    commitment,
    leaf_bytes,
    receipt_message,
    sealing_context,
)

HASH = b64url(bytes(32))


def leaf(**changes: Any) -> dict[str, Any]:
    return {
        "event": "decided",
        "event_id": "evt_" + "0" * 26,
        "time": "2026-01-02T03:04:05.000006Z",
        "origin": "ledger.example.test/00/log/default",
        "tenant": "default",
        "subject_key": b64url(bytes(16)),
        "decision_id": "dec_" + "0" * 26,
        "plain": {"effect": "allow"},
        "commitments": {"prompt": HASH},
        "sealed": {"prompt": HASH},
        **changes,
    }


def test_a_leaf_is_canonical_json_with_its_version() -> None:
    data = leaf_bytes(**leaf())
    assert json.loads(data) == {"v": 1, **leaf()}
    assert data.startswith(b'{"commitments":{"prompt":"AAAA')
    assert b" " not in data


@pytest.mark.parametrize(
    "changes",
    [
        {"plain": {"sql": "DROP TABLE users"}},
        {"plain": {"line": "a\nb"}},
        {"plain": {"share": 0.5}},
        {"plain": {"deep": [{"x": "a b"}]}},
        {"plain": {"Upper": 1}},
        {"plain": {"count": 2**53}},
        {"plain": {"ids": ["x" * 500] * 200}},
        {"event": "Decided"},
        {"event_id": "evt_short"},
        {"decision_id": ""},
        {"time": "2026-01-02T03:04:05Z"},
        {"origin": "two words"},
        {"subject_key": "alice"},
        {"subject_key": None},
        {"commitments": {}},
        {"sealed": {"prompt": "guessable"}},
    ],
)
def test_what_does_not_belong_into_a_leaf_is_refused(changes: dict[str, Any]) -> None:
    assert len(leaf_bytes(**leaf())) < MAX_LEAF_BYTES  # control
    with pytest.raises(NotRecordable):
        leaf_bytes(**leaf(**changes))


def test_a_commitment_is_the_documented_hmac() -> None:
    message = b"counterfoil/commitment/v1\nprompt\x00hello"
    expected = hmac.new(bytes(32), message, hashlib.sha256).digest()
    assert commitment(bytes(32), "prompt", b"hello") == expected


def test_commitments_of_other_salts_fields_and_bytes_differ() -> None:
    made = {
        commitment(salt, field, data)
        for salt in (bytes(32), b"\x01" * 32)
        for field in ("a", "ab")
        for data in (b"bc", b"c", b"")
    }
    assert len(made) == 12


def test_a_receipt_covers_its_first_four_fields_and_nothing_can_move_between_them() -> None:
    assert receipt_message("o", "e", "h", "t") == (
        b'counterfoil/receipt/v1\n{"event_id":"e","leaf_hash":"h","origin":"o","time":"t"}'
    )
    assert receipt_message('o","x":"', "e", "h", "t") != receipt_message("o", 'x":"e', "h", "t")


def test_each_sealed_field_has_its_own_place() -> None:
    assert sealing_context("o", "e", "f") == b"o\ne\nf"
