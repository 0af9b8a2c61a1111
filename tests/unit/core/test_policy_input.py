"""The question to policy: of the published shape, and built of verified and parsed parts only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.case import Case
from counterfoil.core.catalog import Located
from counterfoil.core.model import (
    Actor,
    AuthorizationRequest,
    Caller,
    Command,
    Context,
    Enforcement,
    Execute,
    Interpretation,
    Operation,
    Resource,
    Subject,
    Uncertainty,
)
from counterfoil.core.policy_input import policy_input
from simulators.hostile_session import SCHEMAS

NOW = 1_800_000_000.25
ORDERS = Resource(type="postgresql", id="orders", location="postgresql://db/orders", issuer="pg")
PERMISSION = {"type": "postgresql", "locations": [ORDERS.location]}
CALLER = Caller(
    tenant="default",
    subject=Subject(issuer="https://idp", sub="alice", groups=("developers", "staff")),
    actor=Actor(issuer="https://idp", sub="coder"),
    run_id="run_1",
    prompt_digest=None,
    expires_at=NOW + 600,
    token_id="the-token",
    client_id="the-client",
    roles=frozenset({"auditor"}),
)
READING = Interpretation(
    operations=(
        Operation(
            family="database",
            verb="select",
            object={"kind": "table", "database": "orders", "schema": "public", "name": "a"},
            columns=("id",),
            span=(0, 6),
            details={"powers": []},
        ),
    ),
    required=(PERMISSION,),
    ambient=(PERMISSION,),
    execute=Execute(arguments={"sql": "SELECT id FROM public.a"}),
)


def case(reading: Interpretation = READING, **request: Any) -> Case:
    command = Command(
        family="database",
        tool="run_sql",
        arguments={"sql": "select id from public.a"},
        command_argument="sql",
        resource=ORDERS,
    )
    parts = {
        "action_name": "run_sql",
        "arguments": {"sql": "select id from public.a"},
        "context": Context(prompt="p"),
        **request,
    }
    return Case(
        decision_id="dec_1",
        request=AuthorizationRequest(**parts),
        located=Located(command=command, enforcement=Enforcement.ENFORCE),
        reading=reading,
        judged={},
        digest="d" * 43,
    )


def question(of: Case, caller: Caller = CALLER) -> dict[str, Any]:
    value = dict(policy_input(of, caller, now=NOW))
    SCHEMAS.validator("policy_input")(value)
    round_trip: dict[str, Any] = json.loads(json.dumps(value))
    return round_trip


def test_the_whole_question() -> None:
    context = Context(
        prompt="p",
        task="t",
        agent={"framework": "autogen", "name": "coder"},
        call_id="call_1",
        approval_id="apr_1",
    )
    assert question(case(context=context)) == {
        "tenant": "default",
        "subject": {"iss": "https://idp", "sub": "alice", "groups": ["developers", "staff"]},
        "actor": {"iss": "https://idp", "sub": "coder"},
        "run": "run_1",
        "action": {
            "name": "run_sql",
            "family": "database",
            "arguments": {"sql": "select id from public.a"},
        },
        "resource": {"type": "postgresql", "id": "orders", "location": ORDERS.location},
        "operations": [
            {
                "family": "database",
                "verb": "select",
                "object": {
                    "kind": "table",
                    "database": "orders",
                    "schema": "public",
                    "name": "a",
                },
                "columns": ["id"],
                "span": [0, 6],
                "details": {"powers": []},
            }
        ],
        "uncertain": [],
        "required": [PERMISSION],
        "ambient": [PERMISSION],
        "action_digest": "d" * 43,
        "context": {
            "prompt": "p",
            "task": "t",
            "agent": {"framework": "autogen", "name": "coder"},
            "call_id": "call_1",
            "time": "2027-01-15T08:00:00.250000Z",
        },
        "approvals": [],  # what the caller names is no approval
    }


def test_the_resource_is_the_registered_one_whatever_the_body_states() -> None:
    stated = {"type": "x", "id": "y", "properties": {"location": "z"}}
    assert question(case(resource=stated)) == question(case())


def test_neither_token_nor_client_nor_roles_go_to_policy() -> None:
    text = json.dumps(question(case()))
    assert not [word for word in ("the-token", "the-client", "auditor") if word in text]


def test_a_person_without_an_agent_and_a_tool_without_a_resource_are_null() -> None:
    bare = case()
    bare = replace(
        bare, located=replace(bare.located, command=replace(bare.located.command, resource=None))
    )
    value = question(bare, replace(CALLER, actor=None, run_id=None))
    assert (value["actor"], value["run"], value["resource"]) == (None, None, None)


def test_doubts_go_along() -> None:
    reading = Interpretation(
        uncertain=(
            Uncertainty(code="uncertain.sql_copy", span=(0, 4), detail="COPY"),
            Uncertainty(code="uncertain.arguments"),
        )
    )
    value = question(case(reading))
    assert value["uncertain"] == [
        {"code": "uncertain.sql_copy", "span": [0, 4], "detail": "COPY"},
        {"code": "uncertain.arguments"},
    ]
    assert value["operations"] == value["required"] == value["ambient"] == []


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(words, words, st.dictionaries(words, words, max_size=3))
def test_no_word_of_a_caller_lands_outside_arguments_and_context(
    prompt: str, task: str, arguments: dict[str, str]
) -> None:
    """Member names too: arguments and texts that look like ours stay in their place."""
    hostile = case(context=Context(prompt=prompt, task=task), arguments=arguments)
    value = question(hostile)
    assert value.pop("context")["prompt"] == prompt
    assert value["action"].pop("arguments") == arguments
    honest = question(case())
    del honest["context"], honest["action"]["arguments"]
    assert value == honest


@pytest.mark.parametrize("member", ["subject", "approvals", "required", "effect"])
def test_arguments_named_like_the_question_stay_arguments(member: str) -> None:
    value = question(case(arguments={member: [PERMISSION]}))
    assert value["action"]["arguments"] == {member: [PERMISSION]}
    assert value["subject"]["sub"] == "alice"
    assert value["approvals"] == []
