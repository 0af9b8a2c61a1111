"""A record with a secret in its payload says so in its leaf: the kind and the field, no more."""

from __future__ import annotations

import pytest

from counterfoil.core.canonical import canonical_bytes
from counterfoil.detectors import SecretMasker, found_in
from counterfoil.ledger import marking
from counterfoil.ledger.marking import marked
from ledgers import event

AWS = "AKIA" + "IOSFODNN7EXAMPLE"


def test_the_kind_and_the_field_are_marked_and_the_secret_is_not() -> None:
    payload = {
        "prompt": f"use {AWS}".encode(),
        "arguments": canonical_bytes({"sql": "SELECT 1"}),
    }
    made = marked(event(payload=payload))
    assert made.plain["marked"] == {"prompt": ["aws_access_key"]}
    assert AWS not in str(made.plain)
    assert made.payload == payload  # the evidence is exact


def test_what_holds_none_is_not_touched() -> None:
    plain = event()
    assert marked(plain) is plain


def test_an_error_in_a_detector_marks_and_drops_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> object:
        raise RuntimeError

    monkeypatch.setattr(marking, "_masker", SecretMasker(lambda: 0.0, detect=broken))  # type: ignore[arg-type]
    made = marked(event(payload={"prompt": f"use {AWS}".encode()}))
    assert made.plain["marked"] == {"prompt": ["not_looked_at"]}
    assert list(found_in(AWS))  # control
