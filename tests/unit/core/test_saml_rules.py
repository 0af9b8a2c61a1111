"""What an answer says is bounded, rule by rule, whatever has read it (rules 4 to 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.core.saml import (
    BEARER,
    PERSISTENT,
    SUCCESS,
    Assertion,
    AuthnStatement,
    Conditions,
    Confirmation,
    Envelope,
    NameId,
    SamlAnswer,
)
from counterfoil.core.saml_rules import MAX_AUDIENCES, MAX_ID_CHARS, Expected, read_login
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import SamlRefused

IDP, SP, ACS, REQUEST = "https://idp", "https://us", "https://us/saml/acs", "_r"
START, NOON, END = "2027-01-15T07:00:00Z", 1_800_000_000.0, "2027-01-15T09:00:00Z"
EXPECTED = Expected(
    provider=IDP,
    entity_id=SP,
    acs_url=ACS,
    request_id=REQUEST,
    name_id_formats=(PERSISTENT,),
    tenant="acme",
    subject_namespace=None,
    subject_attribute=None,
    groups_attribute="groups",
    leeway_seconds=60,
    session_seconds=3_600,
)
ENVELOPE = Envelope(
    issuer=IDP,
    statuses=(SUCCESS,),
    destination=ACS,
    in_response_to=REQUEST,
    issue_instant=START,
    signed=True,
)
ASSERTION = Assertion(
    id="_a",
    issuer=IDP,
    issue_instant=START,
    name_id=NameId(text="alice", format=PERSISTENT),
    confirmations=(
        Confirmation(
            method=BEARER,
            identified=False,
            recipient=ACS,
            in_response_to=REQUEST,
            not_on_or_after=END,
        ),
    ),
    conditions=Conditions(not_before=START, not_on_or_after=END, audiences=((SP,),), others=()),
    statements=(AuthnStatement(instant=START, session_index="s1"),),
)


def login(assertion: Assertion = ASSERTION) -> VerifiedSource:
    return read_login(SamlAnswer(envelope=ENVELOPE, assertion=assertion), EXPECTED, now=NOON)[0]


def refused(assertion: Assertion, rule: str) -> None:
    with pytest.raises(SamlRefused) as refusal:
        login(assertion)
    assert refusal.value.detail.startswith(f"SAML rule {rule}: "), refusal.value.detail


def test_an_honest_answer_is_its_persons() -> None:
    source = login()
    assert (source.subject.issuer, source.subject.sub, source.session) == (IDP, "alice", "s1")


def test_an_assertion_has_an_id_that_can_be_spent() -> None:
    refused(replace(ASSERTION, id=""), "5")
    refused(replace(ASSERTION, id="_" * (MAX_ID_CHARS + 1)), "5")
    assert login(replace(ASSERTION, id="_" * MAX_ID_CHARS)).source_id


def test_a_sessions_name_is_bounded() -> None:
    def named(length: int) -> Assertion:
        return replace(
            ASSERTION, statements=(AuthnStatement(instant=START, session_index="s" * length),)
        )

    assert login(named(MAX_ID_CHARS)).session
    refused(named(MAX_ID_CHARS + 1), "4h")


def test_audiences_are_bounded_and_each_restriction_names_us() -> None:
    def among(*audiences: tuple[str, ...]) -> Assertion:
        assert ASSERTION.conditions is not None
        return replace(ASSERTION, conditions=replace(ASSERTION.conditions, audiences=audiences))

    assert login(among(("x",) * (MAX_AUDIENCES - 1) + (SP,))).tenant == "acme"
    refused(among(("x",) * MAX_AUDIENCES + (SP,)), "4f")
    refused(among((SP,), ("x",)), "4f")
    refused(among(), "4f")
