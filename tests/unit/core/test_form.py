"""Forms are read strictly, and a token request is well formed or refused."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.form import MAX_PARAMETERS, read_form
from counterfoil.core.token_request import JWT_ASSERTION, TokenRequestReader, TokenType
from counterfoil.errors import (
    BodyTooLarge,
    InvalidLauncher,
    InvalidScope,
    InvalidTarget,
    TokenError,
    UnsupportedGrantType,
)

KNOWN = frozenset({"a", "b", "prompt"})
URL = "https://counterfoil.example.com"
READER = TokenRequestReader(max_bytes=300_000, audiences=frozenset({"counterfoil"}), resource=URL)
GOOD = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token": "a.b.c",
    "subject_token_type": TokenType.ID_TOKEN.value,
    "agent": "coder",
    "client_assertion": "d.e.f",
    "client_assertion_type": JWT_ASSERTION,
}


def read(body: bytes, max_bytes: int = 1_000) -> dict[str, str]:
    return read_form(body, known=KNOWN, max_bytes=max_bytes)


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), st.text(min_size=1, max_size=40)))
def test_what_a_client_encodes_is_what_is_read(fields: dict[str, str]) -> None:
    encodable = {
        name: text.replace("\0", "?").encode("utf-8", "replace").decode()
        for name, text in fields.items()
    }
    assert read(urlencode(encodable).encode(), 10_000) == encodable


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read(body)
    except TokenError:
        return


def test_a_parameter_without_a_value_counts_as_left_out() -> None:
    assert read(b"") == {}
    assert read(b"a=&b=1") == {"b": "1"}


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=1",
        b"a=1&a=",
        b"a=&a=1",
        b"a",
        b"=1",
        b"&",
        b"a=1&",
        b"&a=1",
        b"a=1&&b=2",
        b"A=1",
        b"c=1",
        b"a%61=1",
        b"%61=1",
        b"a+=1",
        b"a=%",
        b"a=%4",
        b"a=%zz",
        b"a=%u0041",
        b"a=%c3",
        b"a=%ff",
        b"a=%c0%80",
        b"a=%ed%a0%80",
        b"a=%00",
        b"a=\x00",
        b"a=1\n",
        b"a=1 2",
        b"a=\xc3\xa9",
        b"a=1;b=2&a=3",
        b"\xef\xbb\xbfa=1",
        b"a=1&b=2&" + b"&".join(b"a=1" for _ in range(MAX_PARAMETERS)),
    ],
)
def test_a_body_that_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    assert read(b"a=1&b=2") == {"a": "1", "b": "2"}
    with pytest.raises(TokenError):
        read(body)


def test_a_form_is_bounded_and_a_refusal_repeats_no_value() -> None:
    with pytest.raises(BodyTooLarge):
        read(b"a=" + b"x" * 999)
    with pytest.raises(TokenError) as refusal:
        read(b"a=secret-token%&b=1")
    assert "secret-token" not in refusal.value.detail


def test_a_long_value_that_ends_badly_is_refused_at_once() -> None:
    """Read with a pattern that may step back, it would keep a worker for years."""
    with pytest.raises(TokenError):
        read(b"a=" + b"x" * 100_000 + b"%", max_bytes=200_000)
    honest = read(b"a=" + b"x" * 100_000 + b"%2B", max_bytes=200_000)  # control
    assert honest["a"].endswith("+")


def test_a_whole_request_is_read() -> None:
    request = READER.read(urlencode({**GOOD, "prompt": "Do it"}).encode())
    assert (request.unverified_subject_token, request.agent) == ("a.b.c", "coder")
    assert (request.prompt, request.run_id) == ("Do it", None)
    assert request.credential.unverified_assertion == "d.e.f"
    assert "a.b.c" not in repr(request)
    assert "d.e.f" not in repr(request)


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "counterfoil"},
        {"audience": URL},
        {"resource": URL},
        {"requested_token_type": TokenType.ACCESS_TOKEN.value},
        {"scope": ""},
        {"client_id": "desk"},
        {"subject_token_type": TokenType.JWT.value},
        {"subject_token_type": TokenType.SAML_CODE.value, "code_verifier": "v" * 43},
        {"run": "run_" + "0" * 26},
        {"prompt": "x" * 65_536},
    ],
)
def test_what_may_be_said_may_be_said(changes: dict[str, str]) -> None:
    assert READER.read(urlencode({**GOOD, **changes}).encode()).agent == "coder"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "client_credentials"}, UnsupportedGrantType),
        ({"grant_type": None}, UnsupportedGrantType),
        ({"audience": "billing"}, InvalidTarget),
        ({"audience": f"{URL}/"}, InvalidTarget),
        ({"resource": "https://other.example.com"}, InvalidTarget),
        ({"resource": "counterfoil"}, InvalidTarget),
        ({"scope": "admin"}, InvalidScope),
        ({"requested_token_type": TokenType.ID_TOKEN.value}, TokenError),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, TokenError),
        ({"actor_token": "x.y.z"}, TokenError),
        ({"actor_token_type": TokenType.JWT.value}, TokenError),
        ({"subject_token": None}, TokenError),
        ({"subject_token": "x" * 16_385}, TokenError),
        ({"subject_token_type": None}, TokenError),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, TokenError),
        ({"subject_token_type": TokenType.SAML_CODE.value}, TokenError),
        ({"code_verifier": "v" * 43}, TokenError),
        (
            {"subject_token_type": TokenType.SAML_CODE.value, "code_verifier": "v" * 42},
            TokenError,
        ),
        ({"agent": "co der"}, TokenError),
        ({"agent": "coder\n"}, TokenError),
        ({"agent": "../coder"}, TokenError),
        ({"agent": "c" * 65}, TokenError),
        ({"run": "run_1"}, TokenError),
        ({"run": "dec_" + "0" * 26}, TokenError),
        ({"run": "run_" + "0" * 26, "prompt": "x"}, TokenError),
        ({"prompt": "x" * 65_537}, TokenError),
        ({"tenant": "globex"}, TokenError),
        ({"groups": "administrators"}, TokenError),
        ({"promt": "misspelt"}, TokenError),
        ({"client_id": "de sk"}, InvalidLauncher),
        ({"client_assertion_type": "x"}, InvalidLauncher),
        ({"client_secret": "x"}, InvalidLauncher),
        ({"client_assertion": None, "client_assertion_type": None}, InvalidLauncher),
    ],
)
def test_what_cannot_be_meant_is_refused(
    changes: dict[str, str | None], error: type[TokenError]
) -> None:
    fields = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(error) as refusal:
        READER.read(urlencode(fields).encode())
    assert type(refusal.value) is error
