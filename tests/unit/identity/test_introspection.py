"""Rule 12: opaque tokens count where their issuer says so, by the same claims as a JWT's."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from counterfoil.config import Config
from counterfoil.core.agents import RegisteredAgent
from counterfoil.errors import (
    ConfigError,
    IdentityError,
    IdentityUnavailable,
    InvalidProof,
    InvalidSignature,
    Rule,
)
from counterfoil.identity import introspection, providers
from counterfoil.identity.credentials import Verifier, check_key_files
from fetching import configured, fetching, now
from simulators import provider as faults
from simulators.provider import INTROSPECT, METADATA, Handler, Provider, running_provider

TOKEN = "opaque_Zm9vYmFy"
SECRET = "s3cret:+ %"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        yield Path(name)


def says(provider: Provider, **changes: Any) -> None:
    """The provider's word on any token; None removes a member."""
    at = int(now())
    said = {"active": True, "iss": provider.url, "sub": "alice", "aud": "counterfoil"}
    said |= {"exp": at + 600, "iat": at, "groups": ["developers"], **changes}
    kept = {name: value for name, value in said.items() if value is not None}
    provider.serve(INTROSPECT, lambda h: h.answer(json.dumps(kept).encode()))


def asking(folder: Path, provider: Provider) -> Config:
    secret = folder / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    extra = 'introspection_client_id = "counter foil"\nintrospection_secret_file = "secret"\n'
    return configured(folder, provider, extra)


@pytest.fixture
def verifier(folder: Path, provider: Provider) -> Iterator[Verifier]:
    says(provider)
    config = asking(folder, provider)
    check_key_files(config, now=now())
    with fetching(config):
        yield Verifier(config)


def test_active_token_is_its_persons(verifier: Verifier, provider: Provider) -> None:
    subject = verifier.verify(TOKEN, now=now()).subject
    assert (subject.issuer, subject.sub, subject.groups) == (
        provider.url,
        "alice",
        ("developers",),
    )
    assert verifier.verify_source(TOKEN, now=now()).subject == subject


def test_provider_is_asked_by_our_client_and_told_the_token_alone(
    verifier: Verifier, provider: Provider
) -> None:
    verifier.verify(TOKEN, now=now())
    (request,) = [request for request in provider.requests if request.path == INTROSPECT]
    pair = "counter+foil:s3cret%3A%2B+%25"  # RFC 6749 §2.3.1: each half is a form's value
    assert request.headers["Authorization"] == "Basic " + b64encode(pair.encode()).decode()
    form = parse_qs(request.body.decode())
    assert form == {"token": [TOKEN], "token_type_hint": ["access_token"]}


REFUSED: dict[str, tuple[dict[str, Any], Rule]] = {
    "not active": ({"active": False}, Rule.ACTIVE),
    "active by a word": ({"active": "true"}, Rule.ACTIVE),
    "active by a number": ({"active": 1}, Rule.ACTIVE),
    "of unknown activity": ({"active": None}, Rule.ACTIVE),
    "of no issuer": ({"iss": None}, Rule.ISSUER),
    "of another issuer": ({"iss": "https://idp.example.com"}, Rule.ISSUER),
    "for nobody": ({"aud": None}, Rule.AUDIENCE),
    "for another service": ({"aud": "other"}, Rule.AUDIENCE),
    "without end": ({"exp": None}, Rule.TIME),
    "expired": ({"exp": 1_700_000_000}, Rule.TIME),
    "of nobody": ({"sub": None}, Rule.SUBJECT),
    "without all groups": ({"hasgroups": True}, Rule.GROUPS),
    "of an agent": ({"act": {"sub": "coder"}}, Rule.ACTOR),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_word_that_does_not_hold_is_refused(
    verifier: Verifier, provider: Provider, kind: str
) -> None:
    assert verifier.verify(TOKEN, now=now()).subject.sub == "alice"
    changes, rule = REFUSED[kind]
    says(provider, **changes)
    with pytest.raises(IdentityError) as refusal:
        verifier.verify(TOKEN + "2", now=now())
    assert (refusal.value.status, refusal.value.rule) == (401, rule)
    assert TOKEN not in refusal.value.detail


def test_provider_that_speaks_as_this_service_makes_no_delegation(
    folder: Path, provider: Provider
) -> None:
    config = asking(folder, provider)
    own = replace(config.token, issuer="https://counterfoil.example")
    agents = (RegisteredAgent(name="coder", tenant="other", ceiling=frozenset({"writer"})),)
    config = replace(config, token=own, identity=replace(config.identity, agents=agents))
    says(
        provider,
        iss=own.issuer,
        aud=own.audience,
        sub_iss="https://victim.example",
        tenant="other",
        act={"iss": own.issuer, "sub": "coder"},
        client_id="desk",
        run="run_" + "0" * 26,
        jti="tok_1",
    )
    with fetching(config):
        verifier = Verifier(config)
        with pytest.raises(IdentityError) as refusal:
            verifier.verify(TOKEN, now=now())
        assert refusal.value.rule is Rule.ISSUER
        says(provider)
        assert verifier.verify(TOKEN, now=now()).subject.issuer == provider.url


def test_bound_opaque_token_wants_its_proof(verifier: Verifier, provider: Provider) -> None:
    says(provider, cnf={"jkt": "A" * 43})
    with pytest.raises(InvalidProof):
        verifier.verify(TOKEN, now=now())


FAULTS: dict[str, Callable[[Handler], None]] = {
    "500": faults.failing,
    "401": lambda h: h.answer(b"{}", status=401),
    "endless": faults.huge,
    "cut": faults.cut,
    "reset": faults.reset,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_provider_without_an_answer_is_503_and_remembered_by_nobody(
    verifier: Verifier, provider: Provider, kind: str
) -> None:
    provider.serve(INTROSPECT, FAULTS[kind])
    with pytest.raises(IdentityUnavailable) as refusal:
        verifier.verify(TOKEN, now=now())
    assert (refusal.value.status, refusal.value.rule) == (503, Rule.ACTIVE)
    says(provider)
    assert verifier.verify(TOKEN, now=now()).subject.sub == "alice"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"active": true, "active": true}', b'{"active": NaN}']
)
def test_answer_that_is_not_strict_json_is_refused(
    verifier: Verifier, provider: Provider, body: bytes
) -> None:
    provider.serve(INTROSPECT, lambda h: h.answer(body))
    with pytest.raises(InvalidSignature):
        verifier.verify(TOKEN, now=now())


def test_redirect_takes_token_and_secret_nowhere(verifier: Verifier, provider: Provider) -> None:
    provider.serve(INTROSPECT, provider.redirect)
    with pytest.raises(IdentityUnavailable):
        verifier.verify(TOKEN, now=now())
    assert provider.asked(faults.EVIL) == 0


@pytest.mark.parametrize("endpoint", [None, "", 7, "http://idp.example.com/i", "ftp://127.0.0.1/"])
def test_metadata_without_an_endpoint_that_may_be_called_send_token_and_secret_nowhere(
    verifier: Verifier, provider: Provider, caplog: pytest.LogCaptureFixture, endpoint: Any
) -> None:
    honest = provider.metadata()
    metadata = json.dumps(provider.metadata(introspection_endpoint=endpoint)).encode()
    provider.serve(METADATA, lambda h: h.answer(metadata))
    with pytest.raises(IdentityUnavailable):
        verifier.verify(TOKEN, now=now())
    assert provider.asked(INTROSPECT) == 0
    assert "MalformedMetadata" in caplog.text
    provider.serve(METADATA, lambda h: h.answer(json.dumps(honest).encode()))
    assert verifier.verify(TOKEN, now=now()).subject.sub == "alice"


def test_late_provider_keeps_a_request_waiting_within_the_bound(
    verifier: Verifier, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introspection, "ASKING_SECONDS", 0.3)
    provider.serve(INTROSPECT, provider.hang)
    with pytest.raises(IdentityUnavailable):  # and the late answer is good
        verifier.verify(TOKEN, now=now())


def test_tokens_beyond_the_bound_are_refused_at_once_and_asked_for_nowhere(
    verifier: Verifier, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verifier.verify(TOKEN, now=now()).subject.sub == "alice"
    monkeypatch.setattr(providers, "MAX_ASKING", 0)
    with pytest.raises(IdentityUnavailable):
        verifier.verify(TOKEN + "2", now=now())
    assert provider.asked(INTROSPECT) == 1


def test_word_is_remembered_shortly_and_never_beyond_exp(
    verifier: Verifier, provider: Provider
) -> None:
    at = now()
    for seconds in (0.0, 1.0, 29.0):
        verifier.verify(TOKEN, now=at + seconds)
    assert provider.asked(INTROSPECT) == 1
    verifier.verify(TOKEN, now=at + 30.5)
    assert provider.asked(INTROSPECT) == 2
    says(provider, exp=int(at) + 5)
    assert verifier.verify(TOKEN + "short", now=at).subject.sub == "alice"
    with pytest.raises(IdentityError):
        verifier.verify(TOKEN + "short", now=at + 6)


def test_signed_and_malformed_tokens_are_sent_to_nobody(
    verifier: Verifier, provider: Provider
) -> None:
    for token in ("a.b.c", provider.token(provider.evil), "é" + TOKEN, "x" * 4_097):
        with pytest.raises(IdentityError):
            verifier.verify(token, now=now())
    assert provider.asked(INTROSPECT) == 0


def test_secret_that_others_may_read_stops_the_start(folder: Path, provider: Provider) -> None:
    config = asking(folder, provider)
    check_key_files(config, now=now())
    (folder / "secret").chmod(0o644)
    with pytest.raises(ConfigError, match="others may use"):
        check_key_files(config, now=now())
    (folder / "secret").chmod(0o600)
    (folder / "secret").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        check_key_files(config, now=now())


def test_half_a_client_and_a_second_provider_stop_the_start(
    folder: Path, provider: Provider
) -> None:
    asking(folder, provider)
    for extra in ('introspection_client_id = "c"', 'introspection_uri = "https://i.example/i"'):
        with pytest.raises(ConfigError):
            configured(folder, provider, extra)
    both = 'introspection_client_id = "c"\nintrospection_secret_file = "secret"\n'
    for uri in ("http://i.example/i", "https://u@i.example/i", "https://i.example/i#a"):
        with pytest.raises(ConfigError, match="cannot be called"):
            configured(folder, provider, f'{both}introspection_uri = "{uri}"\n')
    configured(folder, provider, f'{both}introspection_uri = "https://i.example/i"\n')
    second = '[[identity.oidc]]\nissuer = "https://i.example"\naudience = "a"\n'
    with pytest.raises(ConfigError, match="another entry"):
        configured(folder, provider, both + second + both)
