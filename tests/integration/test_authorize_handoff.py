"""Handing work to another agent: to the registered teammates of the policy, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.config import DEVELOPMENT_ISSUER
from main_path import ask, assert_denied
from service import PROMPT, Answer, Service


def handoff(service: Service, target: Any, *, agent: str = "coder", **arguments: Any) -> Answer:
    request = {
        "action": {
            "name": "handoff",
            "properties": {"arguments": {"target": target, **arguments}},
        },
        "context": {"prompt": PROMPT, "agent": {"framework": "autogen", "name": "coder"}},
    }
    return ask(service, request, token=service.token(agent=agent))


@pytest.mark.parametrize(
    ("agent", "target"), [("coder", "reviewer"), ("reviewer", "coder"), ("coder", "coder")]
)
def test_a_teammate_may_receive_and_gets_no_permission_by_it(
    service: Service, agent: str, target: str
) -> None:
    answer = handoff(service, target, agent=agent, task="look at this")
    assert answer.status == 200
    assert answer.body["effect"] == "allow"
    assert answer.body["permissions"] == answer.body["ambient"] == []
    assert "scoped_token_request" not in answer.body
    assert answer.body["judged"]["resource"] == {
        "type": "agent",
        "id": target,
        "location": f"{DEVELOPMENT_ISSUER}:agent:{target}",
    }


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("deployer", "uncertain.resource_unknown"),
        ("Reviewer", "uncertain.resource_unknown"),
        ("reviewer ", "uncertain.resource_unknown"),
        ("orders", "uncertain.resource_type"),
        (["reviewer"], "uncertain.arguments"),
        ("", "uncertain.resource_unknown"),
    ],
)
def test_anybody_else_receives_nothing(service: Service, target: Any, code: str) -> None:
    assert_denied(handoff(service, target).body, code)
    assert handoff(service, "reviewer").body["effect"] == "allow"  # control


def test_an_agent_that_is_no_teammate_hands_nothing_over(service: Service) -> None:
    assert_denied(handoff(service, "reviewer", agent="stranger").body, "policy.default_deny")


def test_the_name_in_the_context_gives_nobody_a_teammates_rights(service: Service) -> None:
    # `context.agent.name` says coder in each of these requests; the token says who asks
    assert_denied(handoff(service, "coder", agent="stranger").body)
