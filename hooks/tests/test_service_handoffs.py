"""Handoffs with the real service: to registered teammates of the development policy, no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import HandoffMessage
from autogen_agentchat.teams import Swarm
from autogen_agentchat.tools import AgentTool

from autogen_counterfoil import Guard, protect, run
from builders import assistant, results
from running import PROGRAM, Running

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
PROMPT = "Have the invoices table reviewed"


def swarm(target: str, *more: Any) -> Swarm:
    coder = assistant(
        [(f"transfer_to_{target.lower()}", {})],
        "I go on alone STOP",
        name="coder",
        handoffs=[target],
    )
    mate = assistant(*(more or ["looks good STOP"]), name=target, handoffs=["coder"])
    ending = TextMentionTermination("STOP") | MaxMessageTermination(10)
    return Swarm([coder, mate], termination_condition=ending)


def handed(messages: Any) -> list[str]:
    return [message.target for message in messages if isinstance(message, HandoffMessage)]


async def test_coder_hands_over_to_the_registered_reviewer(
    service: Running, plain: Callable[[], str]
) -> None:
    guard = Guard(service.url)
    result = await run(guard, protect(swarm("reviewer"), guard), task=PROMPT, token=plain)
    assert handed(result.messages) == ["reviewer"]
    assert result.messages[-1].source == "reviewer"


async def test_reviewer_hands_back_with_a_token_of_its_own(service: Running) -> None:
    tokens = {
        agent: service.command("token", "--sub", "alice", "--group", "developers", "--agent", agent)
        for agent in ("coder", "reviewer")
    }
    guard = Guard(service.url)
    team = protect(swarm("reviewer", [("transfer_to_coder", {})]), guard)
    sources = {agent: (lambda value=value: value) for agent, value in tokens.items()}
    result = await run(guard, team, task=PROMPT, token=sources)
    assert handed(result.messages) == ["reviewer", "coder"]


@pytest.mark.parametrize("target", ["deployer", "Reviewer", "orders"])
async def test_coder_hands_nothing_to_anybody_else(
    service: Running, plain: Callable[[], str], target: str
) -> None:
    guard = Guard(service.url)
    result = await run(guard, protect(swarm(target), guard), task=PROMPT, token=plain)
    assert handed(result.messages) == []
    assert all(message.source != target for message in result.messages)
    assert any("NOT RUN: policy denies" in str(getattr(m, "content", "")) for m in result.messages)


@pytest.mark.parametrize(("name", "works"), [("reviewer", True), ("deployer", False)])
async def test_work_goes_to_an_agent_behind_a_tool_where_it_may_receive(
    service: Running, plain: Callable[[], str], name: str, works: bool
) -> None:
    inner = assistant("reviewed", name=name)
    outer = assistant([(name, {"task": "look at it"})], "done", tools=[AgentTool(inner)])
    guard = Guard(service.url)
    ((text, is_error),) = results(await run(guard, protect(outer, guard), task=PROMPT, token=plain))
    assert is_error is not works
    assert ("reviewed" in text) is works
