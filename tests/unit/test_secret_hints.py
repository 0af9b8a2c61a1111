"""The quick look before the detectors never says no where one of them would find something."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from counterfoil.core.canonical import canonical_bytes
from counterfoil.detectors import _detectors, found_in
from counterfoil.secret_hints import may_hold_secret

PATTERNS = [(kind, form) for kind, plugin in _detectors() for form in plugin.denylist]
TEXT = st.characters(codec="utf-8")


@pytest.mark.parametrize(("kind", "form"), PATTERNS)
def test_a_secret_of_each_detector_is_never_passed_by(kind: str, form: re.Pattern[str]) -> None:
    @settings(
        max_examples=6,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(st.from_regex(form, alphabet=TEXT))
    def holds(secret: str) -> None:
        assert may_hold_secret(secret.encode()), kind
        assert may_hold_secret(canonical_bytes({"arguments": {"sql": secret}})), kind

    holds()


@pytest.mark.parametrize(
    "said",
    [
        "https://hoo\u212as.slac\u212a.com/services/T0/B0/x",
        "aw\u017f key = '" + "a" * 40 + "'",
        "XOXB-1-a",
        "M" + "0" * 23 + ".00000\u0660." + "0" * 27,
        " AP\u06600aaaaaaaa ",
    ],
)
def test_letters_and_digits_of_other_scripts_are_no_way_around(said: str) -> None:
    assert list(found_in(said))  # control
    assert may_hold_secret(said.encode())


@pytest.mark.parametrize(
    "said",
    [
        b'{"database":"orders","sql":"CREATE TABLE public.invoices (id int)"}',
        b'{"location":"postgresql://db.internal:5432/orders","issuer":"https://idp.example.com"}',
        b"Add an invoices table to the orders database",
    ],
)
def test_ordinary_words_cost_no_detector(said: bytes) -> None:
    assert not may_hold_secret(said)
