"""Secrets in payloads: hidden from readers, and never shown because something failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.detectors import BUDGET_SECONDS, PIECE_CHARACTERS, UNSEEN, SecretMasker, found_in
from counterfoil.ports_masking import Finding

AWS = "AKIA" + "IOSFODNN7EXAMPLE"
SECRETS = {
    "aws_access_key": AWS,
    "basic_auth_credentials": "postgres://app:hunter2@db.internal/orders",
    "github_token": "ghp_" + "a1B2" * 9,
    "json_web_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlc2lnbmF0dXJl",
    "private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----",
    "slack_token": "xoxb-" + "123456789012-abcdefghijkl",
    "stripe_access_key": "sk_live_" + "abcdefghijklmnopqrstuvwx",
}


def clock(*moments: float) -> Any:
    """Says these, and the last one for ever."""
    left = list(moments)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def masker(**changes: Any) -> SecretMasker:
    return SecretMasker(clock(0.0), **changes)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_hidden_and_its_kind_and_place_are_told(kind: str) -> None:
    secret = SECRETS[kind]
    payload = {"arguments": {"sql": f"SELECT 1 -- {secret} x", "n": [1, None, {"a": "b"}]}}
    masked = masker().mask(payload)
    assert masked.findings == (Finding("/arguments/sql", kind),)
    told = str(masked.payload) + str(masked.findings)
    for part in (secret, "hunter2", "MIIEowIBAAKCAQEA7", secret[4:]):
        assert part not in told
    assert f"[{kind}]" in told
    assert masked.payload["arguments"]["n"] == [1, None, {"a": "b"}]  # type: ignore[call-overload,index]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CREATE TABLE public.invoices (id int primary key, amount numeric)",
        "SELECT password, api_key FROM users WHERE token = 'x'",
        "registry.example.com/acme/web@sha256:" + "0123456789abcdef" * 4,
        "https://db.internal:5432/orders?host=/run/postgresql",
        "evt_01JZZZZZZZZZZZZZZZZZZZZZZZ 47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    ],
)
def test_ordinary_words_are_shown_as_they_are(text: str) -> None:
    masked = masker().mask({"prompt": text})
    assert (masked.payload["prompt"], masked.findings) == (text, ())


def test_a_secret_in_a_name_and_in_another_field_is_hidden_too() -> None:
    masked = masker().mask({"arguments": {AWS: 1}, "prompt": f"use {AWS}", "plain": "words"})
    assert AWS not in str(masked)
    assert masked.payload["plain"] == "words"
    assert {item.at for item in masked.findings} == {"/arguments", "/prompt"}


@pytest.mark.parametrize("before", [0, PIECE_CHARACTERS - 10, 3 * PIECE_CHARACTERS + 7])
def test_a_secret_across_two_pieces_of_a_long_text_is_hidden(before: int) -> None:
    masked = masker().mask({"prompt": "x " * (before // 2) + AWS + " y" * 5_000})
    assert AWS not in str(masked.payload)
    assert len(masked.findings) == 1


def test_an_error_in_a_detector_hides_the_field_and_no_other() -> None:
    def broken(text: str) -> Iterator[tuple[str, str]]:
        if "boom" in text:
            raise RuntimeError
        return found_in(text)

    masked = masker(detect=broken).mask({"arguments": {"sql": "boom"}, "prompt": "words"})
    assert masked.payload == {"arguments": f"[{UNSEEN}]", "prompt": "words"}
    assert masked.findings == (Finding("/arguments", UNSEEN),)


def test_what_there_was_no_time_for_is_hidden() -> None:
    late = SecretMasker(clock(0.0, 0.0, BUDGET_SECONDS + 1))
    masked = late.mask({"arguments": "seen in time", "prompt": "not seen"})
    assert masked.payload == {"arguments": "seen in time", "prompt": f"[{UNSEEN}]"}


def test_what_nests_too_deep_is_hidden() -> None:
    value: Any = "deep"
    for _ in range(5_000):
        value = [value]
    assert masker().mask({"arguments": value}).payload == {"arguments": f"[{UNSEEN}]"}
