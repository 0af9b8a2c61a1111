"""A delegation token ends with the first thing it rests on, and is read as strictly as a foreign one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from counterfoil.core.agents import AgentRegistry, RegisteredAgent
from counterfoil.core.claims import VerifiedClaims
from counterfoil.core.delegation import (
    Delegation,
    DelegationTerms,
    delegation_claims,
    read_delegation,
)
from counterfoil.core.model import Subject
from counterfoil.core.run_record import Run
from counterfoil.errors import MissingClaim, Rule

NOW = 1_800_000_000
TERMS = DelegationTerms(issuer="https://counterfoil.example.com", audience="counterfoil")
REGISTRY = AgentRegistry.of([RegisteredAgent(name="coder")])
RUN = Run(
    id="run_1",
    tenant="default",
    subject=Subject(issuer="https://idp", sub="alice", groups=("developers",)),
    launcher="desk",
    agent="coder",
    prompt_digest="A" * 43,
    opened_at=NOW,
    ends_at=NOW + 28_800,
    source_expires_at=NOW + 3_600,
)
GIVEN = Delegation(run=RUN, chain=("coder",), groups=("developers",), launcher="desk")


def claims_of(delegation: Delegation, **changes: Any) -> VerifiedClaims:
    claims = delegation_claims(delegation, TERMS, token_id="tok_1", now=NOW + 0.5)
    assert claims is not None
    return VerifiedClaims({**claims, **changes})


@pytest.mark.parametrize(
    ("delegation", "lives"),
    [
        (GIVEN, 900),
        (replace(GIVEN, run=replace(RUN, ends_at=NOW + 60)), 60),
        (replace(GIVEN, run=replace(RUN, source_expires_at=NOW + 50)), 50),
        (replace(GIVEN, last=NOW + 40.9), 40),
    ],
)
def test_a_token_ends_with_the_first_thing_it_rests_on(delegation: Delegation, lives: int) -> None:
    claims = claims_of(delegation)
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + lives)


@pytest.mark.parametrize(
    "delegation",
    [
        replace(GIVEN, run=replace(RUN, ends_at=NOW)),
        replace(GIVEN, run=replace(RUN, source_expires_at=NOW)),
        replace(GIVEN, last=NOW + 0.9),
    ],
)
def test_nothing_is_given_of_what_is_over(delegation: Delegation) -> None:
    assert delegation_claims(delegation, TERMS, token_id="tok_1", now=NOW + 0.5) is None


def test_what_was_given_is_read_back() -> None:
    caller = read_delegation(claims_of(GIVEN), TERMS, REGISTRY, now=NOW)
    assert (caller.subject, caller.prompt_digest) == (RUN.subject, RUN.prompt_digest)


@pytest.mark.parametrize("value", ["", "sha256:x", "A" * 42, "A" * 44, "A" * 42 + "=", 7, None])
def test_a_prompt_digest_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(MissingClaim):
        read_delegation(claims_of(GIVEN, prompt_digest=value), TERMS, REGISTRY, now=NOW)


@pytest.mark.parametrize("issuer", ["https://counterfoil.example.com/", "https://idp", None])
def test_a_token_that_another_issuer_claims_is_none_of_ours(issuer: Any) -> None:
    with pytest.raises(MissingClaim) as refused:
        read_delegation(claims_of(GIVEN, iss=issuer), TERMS, REGISTRY, now=NOW)
    assert refused.value.rule is Rule.ISSUER
