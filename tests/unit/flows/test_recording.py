"""What a record shows to anybody, and what it seals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.case import Case
from counterfoil.core.catalog import Located
from counterfoil.core.entry import leaf_problem
from counterfoil.core.model import (
    Actor,
    AuthorizationRequest,
    Caller,
    Command,
    Context,
    Decision,
    Effect,
    Enforcement,
    Execute,
    Grant,
    Interpretation,
    JsonValue,
    Operation,
    Reason,
    Resource,
    Subject,
)
from counterfoil.flows.recording import decided_event, failed_event
from counterfoil.ports import Event

NOW = 1_800_000_000.25
WORDS = (
    "alice",
    "SELECT",
    "swordfish",
    "hello prompt",
    "developers",
    "the task",
    "call_7",
    "notes",
)
COMMAND = Command(
    family="database",
    tool="run_sql",
    arguments={"sql": "SELECT 'swordfish'"},
    command_argument="sql",
    resource=Resource(type="postgresql", id="orders", location="postgresql://db/orders"),
)
CASE = Case(
    decision_id="dec_" + "0" * 26,
    request=AuthorizationRequest(
        action_name="run_sql",
        arguments={"sql": "SELECT 'swordfish'"},
        context=Context(prompt="hello prompt", task="the task", call_id="call_7"),
    ),
    located=Located(command=COMMAND, enforcement=Enforcement.ENFORCE),
    reading=Interpretation(
        operations=(Operation(family="database", verb="select", object={"kind": "notes"}),),
        execute=Execute(arguments={"sql": "SELECT 'swordfish'"}),
    ),
    judged={},
    digest="d" * 43,
)
CALLER = Caller(
    tenant="default",
    subject=Subject(issuer="https://idp", sub="alice", groups=("developers",)),
    actor=Actor(issuer="https://idp", sub="coder"),
    run_id="run_1",
    prompt_digest=None,
    expires_at=NOW,
    token_id="jti-of-the-token",
)
DECISION = Decision(
    effect=Effect.ALLOW,
    reasons=(Reason(code="rbac.granted", title="hello prompt", details={"on": "notes"}),),
    permissions=({"type": "postgresql", "identifier": "notes"},),
    policy_revision="dev+sha256:00",
)
GRANT = Grant(
    id="str_1",
    jti="jti_1",
    expires_at=NOW + 300,
    credential_deadline=NOW + 300,
    audience="pg",
    claims={"sub": "alice", "txn": CASE.decision_id},
)


def _decided(caller: Caller = CALLER, grant: Grant | None = GRANT) -> Event:
    return decided_event(CASE, caller, DECISION, grant, event_id="evt_" + "0" * 26, time=NOW)


def _failed(caller: Caller = CALLER) -> Event:
    return failed_event(CASE, caller, "policy.timeout", event_id="evt_" + "0" * 26, time=NOW)


def _problem(event: Event) -> str | None:
    leaf: dict[str, JsonValue] = {
        "v": 1,
        "event": event.kind,
        "event_id": event.event_id,
        "time": "2026-11-24T03:10:00.000000Z",
        "origin": "o",
        "tenant": event.tenant,
        "subject_key": None,
        "decision_id": event.decision_id,
        "plain": dict(event.plain),
        "commitments": {},
        "sealed": {},
    }
    return leaf_problem(leaf)


@pytest.mark.parametrize("event", [_decided(), _failed()], ids=["decided", "failed"])
def test_nobodys_words_stand_readable(event: Event) -> None:
    plain = json.dumps(event.plain)
    assert not [word for word in WORDS if word in plain]
    assert _problem(event) is None
    sealed = b"".join(event.payload.values()).decode()
    expected = WORDS if event.kind == "decided" else [word for word in WORDS if word != "notes"]
    assert not [word for word in expected if word not in sealed]  # the control: all are kept


def test_the_signed_request_is_not_kept() -> None:
    event = _decided()
    assert b"signed_request" not in b"".join(event.payload.values())
    assert json.loads(event.payload["grant"]) == GRANT.claims
    assert event.plain["grant"] == {
        "jti": "jti_1",
        "issuer": "pg",
        "expires": "2027-01-15T08:05:00.250000Z",
        "credential_deadline": "2027-01-15T08:05:00.250000Z",
    }


def test_without_a_grant_the_record_shows_none() -> None:
    event = _decided(grant=None)
    assert "grant" not in event.plain
    assert "grant" not in event.payload
    assert "grant" not in _failed().plain


def test_the_record_says_whose_word_the_prompt_is() -> None:
    for prompt_digest, source in ((None, "agent"), ("x" * 43, "run")):
        event = _decided(replace(CALLER, prompt_digest=prompt_digest))
        caller = json.loads(event.payload["caller"])
        assert (caller["prompt_digest"], caller["prompt_source"]) == (prompt_digest, source)
        assert event.payload["prompt"] == b"hello prompt"
    bare = replace(CASE, request=replace(CASE.request, context=Context()))
    event = failed_event(bare, CALLER, "policy.timeout", event_id="evt_" + "0" * 26, time=NOW)
    assert "prompt" not in event.payload


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256))
def test_any_name_of_an_agent_can_be_recorded(name: str) -> None:
    event = _decided(replace(CALLER, actor=Actor(issuer="https://idp", sub=name)))
    assert _problem(event) is None
    assert json.loads(event.payload["caller"])["actor"]["sub"] == name


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=4))
def test_two_agents_are_never_recorded_as_one(names: list[str]) -> None:
    recorded = {
        json.dumps(_failed(replace(CALLER, actor=Actor(issuer="i", sub=name))).plain["actor"])
        for name in names
    }
    assert len(recorded) == len(set(names))


def test_an_ordinary_name_stands_as_it_is() -> None:
    assert _decided().plain["actor"] == {"iss": "https://idp", "sub": "coder"}
    assert _decided(replace(CALLER, actor=None)).plain["actor"] is None
