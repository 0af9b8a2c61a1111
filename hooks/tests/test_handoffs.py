"""A handoff happens because the model names it; so a denied one must be stopped, not only told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.base import Handoff
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import HandoffMessage
from autogen_agentchat.teams import Swarm
from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, protect, run
from builders import Ran, assistant, bench
from simulator import Simulator

Token = Callable[[], str]


def swarm(*first: Any) -> Swarm:
    alice = assistant(*first, name="alice", handoffs=["bob"])
    bob = assistant("bob was here STOP", name="bob", handoffs=["alice"])
    ending = TextMentionTermination("STOP") | MaxMessageTermination(8)
    return Swarm([alice, bob], termination_condition=ending)


def handed(messages: Any) -> list[str]:
    return [message.target for message in messages if isinstance(message, HandoffMessage)]


async def test_denied_handoff_hands_nothing_over_and_the_agent_goes_on(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.rules["handoff"] = "deny"
    team = protect(swarm([("transfer_to_bob", {})], "then I do it myself STOP"), guard)
    result = await run(guard, team, task="t", token=token)
    assert handed(result.messages) == []
    assert all(message.source != "bob" for message in result.messages)
    assert any("Nothing allows handoff" in str(getattr(m, "content", "")) for m in result.messages)
    assert [asked.arguments for asked in sim.asked] == [{"target": "bob"}]


async def test_allowed_handoff_hands_over(sim: Simulator, guard: Guard, token: Token) -> None:
    sim.rules["handoff"] = "allow"
    team = protect(swarm([("transfer_to_bob", {})], "unused"), guard)
    result = await run(guard, team, task="t", token=token)
    assert handed(result.messages) == ["bob"]
    assert result.messages[-1].source == "bob"
    assert [outcome["status"] for outcome in sim.outcomes.values()] == ["ok"]


async def test_handoff_with_unreadable_arguments_is_stopped(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    # AssistantAgent hands off although its handoff tool was never called
    sim.rules["handoff"] = "allow"
    stock = await swarm([("transfer_to_bob", "{")], "alone STOP").run(task="t")
    assert handed(stock.messages) == ["bob"]  # control: AutoGen does
    team = protect(swarm([("transfer_to_bob", "{")], "alone STOP"), guard)
    result = await run(guard, team, task="t", token=token)
    assert handed(result.messages) == []
    assert sim.asked == []


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_handoff_that_wins_a_name_clash_is_judged_as_the_handoff(
    sim: Simulator, guard: Guard, token: Token, effect: str
) -> None:
    # handoff tools run before the workbench: a tool of the same name is never reached
    ran = Ran()

    async def deploy() -> str:
        ran.append("deploy")
        return "deployed"

    sim.rules = {"deploy": "allow", "handoff": effect}
    alice = assistant(
        [("deploy", {})], "STOP", name="alice",
        handoffs=[Handoff(target="bob", name="deploy")],
        workbench=bench([FunctionTool(deploy, "d")]),
    )  # fmt: skip
    bob = assistant("bob STOP", name="bob")
    ending = TextMentionTermination("STOP") | MaxMessageTermination(6)
    team = protect(Swarm([alice, bob], termination_condition=ending), guard)
    result = await run(guard, team, task="t", token=token)
    assert ran == []
    assert [asked.name for asked in sim.asked] == ["handoff"]
    assert handed(result.messages) == (["bob"] if effect == "allow" else [])


async def test_denied_handoff_cannot_use_the_allow_of_an_earlier_turn(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    answers = iter(["allow", "allow", "deny"])
    sim.rules["handoff"] = lambda _body: next(answers)
    alice = assistant(
        [("transfer_to_bob", {})], [("transfer_to_bob", {})], "STOP", name="alice", handoffs=["bob"]
    )
    bob = assistant([("transfer_to_alice", {})], name="bob", handoffs=["alice"])
    ending = TextMentionTermination("STOP") | MaxMessageTermination(12)
    team = protect(Swarm([alice, bob], termination_condition=ending), guard)
    result = await run(guard, team, task="t", token=token)
    assert handed(result.messages) == ["bob", "alice"]
    assert len(sim.asked) == 3


async def test_service_failure_stops_a_handoff(sim: Simulator, guard: Guard, token: Token) -> None:
    sim.rules["handoff"] = "allow"
    sim.fault = "garbage"
    team = protect(swarm([("transfer_to_bob", {})], "alone STOP"), guard)
    result = await run(guard, team, task="t", token=token)
    assert handed(result.messages) == []
