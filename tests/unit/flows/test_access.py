"""Who a decision belongs to: every part of the caller counts, and nothing else does."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from counterfoil.core.case import caller_json
from counterfoil.core.model import Actor, Caller, Receipt, Subject
from counterfoil.flows.access import AUDITOR, belongs_to_agent, may_read
from counterfoil.ports import StoredEvent

AGENT = Caller(
    tenant="default",
    subject=Subject(issuer="https://idp", sub="alice", groups=("developers",)),
    actor=Actor(issuer="https://idp", sub="coder"),
    run_id="run_1",
    prompt_digest=None,
    expires_at=0.0,
)
PERSON = replace(AGENT, actor=None, run_id=None)
RECEIPT = Receipt(origin="o", event_id="e", leaf_hash="h", time="t", key_id="k", signature="s")


def stored(caller: bytes) -> StoredEvent:
    return StoredEvent(
        kind="decided",
        event_id="evt",
        time="",
        index=0,
        decision_id="dec",
        plain={},
        payload={"caller": caller},
        receipt=RECEIPT,
    )


DECIDED = stored(json.dumps(caller_json(AGENT)).encode())

CHANGES: dict[str, dict[str, Any]] = {
    "subject's issuer": {"subject": Subject(issuer="https://other", sub="alice")},
    "subject": {"subject": Subject(issuer="https://idp", sub="bob")},
    "actor's issuer": {"actor": Actor(issuer="https://other", sub="coder")},
    "actor": {"actor": Actor(issuer="https://idp", sub="reviewer")},
    "run": {"run_id": "run_2"},
    "no run": {"run_id": None},
    "no actor": {"actor": None},
}


def test_the_agent_of_the_decision_owns_it() -> None:
    assert belongs_to_agent(DECIDED, AGENT)
    assert may_read(DECIDED, AGENT)
    other_groups = replace(AGENT.subject, groups=())
    assert belongs_to_agent(DECIDED, replace(AGENT, subject=other_groups, token_id="another"))


@pytest.mark.parametrize("what", CHANGES)
def test_one_difference_makes_it_another_agents(what: str) -> None:
    other = replace(AGENT, **CHANGES[what])
    assert not belongs_to_agent(DECIDED, other)
    if other.actor is not None:
        assert not may_read(DECIDED, other)


def test_an_agent_never_reads_by_a_role_or_by_its_person() -> None:
    for actor, run in itertools.product((AGENT.actor, Actor(issuer="i", sub="a")), ("r", None)):
        assert actor is not None
        caller = replace(AGENT, actor=actor, run_id=run, roles=frozenset({AUDITOR}))
        assert not may_read(DECIDED, caller)


def test_a_person_reads_their_own_and_an_auditor_all() -> None:
    assert may_read(DECIDED, PERSON)
    assert not belongs_to_agent(DECIDED, PERSON)
    stranger = replace(PERSON, subject=Subject(issuer="https://idp", sub="bob"))
    assert not may_read(DECIDED, stranger)
    assert not may_read(DECIDED, replace(stranger, roles=frozenset({"administrator", "approver"})))
    assert may_read(DECIDED, replace(stranger, roles=frozenset({AUDITOR})))


@pytest.mark.parametrize("caller", [b"[]", b"null", b"{}", b'{"subject":"alice"}', b'"alice"'])
def test_a_record_without_a_readable_caller_belongs_to_nobody(caller: bytes) -> None:
    assert not belongs_to_agent(stored(caller), AGENT)
    assert not may_read(stored(caller), AGENT)
    assert not may_read(stored(caller), PERSON)


def test_a_decision_without_a_run_belongs_to_the_agents_runless_token_alone() -> None:
    runless = replace(AGENT, run_id=None)
    decided = stored(json.dumps(caller_json(runless)).encode())
    assert belongs_to_agent(decided, runless)
    assert not belongs_to_agent(decided, AGENT)
