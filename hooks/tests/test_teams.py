"""Agents inside agents: whatever the shape of the team, its innermost tool asks first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import (
    AssistantAgent,
    MessageFilterAgent,
    SocietyOfMindAgent,
    UserProxyAgent,
)
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig, PerSourceFilter
from autogen_agentchat.base import ChatAgent, Team
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_agentchat.tools import AgentTool, TeamTool

from autogen_counterfoil import Guard, protect, run
from builders import NESTED_TEAMS, Ran, assistant, model
from simulator import Simulator

Token = Callable[[], str]
LEDGER = (
    '{"is_request_satisfied": {"reason": "r", "answer": %s}, '
    '"is_in_loop": {"reason": "r", "answer": false}, '
    '"is_progress_being_made": {"reason": "r", "answer": true}, '
    '"next_speaker": {"reason": "r", "answer": "inner"}, '
    '"instruction_or_question": {"reason": "r", "answer": "go"}}'
)


def inner(ran: Ran, **options: Any) -> AssistantAgent:
    async def wipe(path: str) -> str:
        ran.append(path)
        return "wiped"

    return assistant([("wipe", {"path": "/"})], "done", name="inner", tools=[wipe], **options)


def agent_tool(ran: Ran) -> ChatAgent:
    return assistant(
        [("inner", {"task": "wipe"})], "ok", name="outer", tools=[AgentTool(inner(ran))]
    )


def team_tool(ran: Ran) -> ChatAgent:
    team = RoundRobinGroupChat([inner(ran)], max_turns=1)
    tool = TeamTool(team, name="helpers", description="d")
    return assistant([("helpers", {"task": "wipe"})], "ok", name="outer", tools=[tool])


def society(ran: Ran) -> ChatAgent:
    team = RoundRobinGroupChat([inner(ran)], max_turns=1)
    return SocietyOfMindAgent("society", team, model("summary"))


def round_robin(ran: Ran) -> Team:
    return RoundRobinGroupChat([inner(ran)], max_turns=1)


def nested(ran: Ran) -> Team:
    return RoundRobinGroupChat([RoundRobinGroupChat([inner(ran)], max_turns=1)], max_turns=1)


def selector(ran: Ran) -> Team:
    return SelectorGroupChat(
        [inner(ran), assistant("x", name="other")], model("inner"), max_turns=1
    )


def swarm(ran: Ran) -> Team:
    return Swarm([inner(ran)], termination_condition=MaxMessageTermination(2))


def graph(ran: Ran) -> Team:
    agent = inner(ran)
    builder = DiGraphBuilder()
    builder.add_node(agent)
    return GraphFlow([agent], builder.build())


def magentic(ran: Ran) -> Team:
    orchestrator = model("facts", "plan", LEDGER % "false", LEDGER % "true", "final")
    return MagenticOneGroupChat([inner(ran)], orchestrator)


def filtered(ran: Ran) -> ChatAgent:
    sources = MessageFilterConfig(per_source=[PerSourceFilter(source="user")])
    return MessageFilterAgent("filtered", inner(ran), sources)


def deep(ran: Ran) -> Team:
    return RoundRobinGroupChat([agent_tool(ran), society(Ran())], max_turns=1)


def person(ran: Ran) -> Team:
    human = UserProxyAgent("human", input_func=lambda _prompt: "go on")
    return RoundRobinGroupChat([human, inner(ran)], max_turns=2)


SHAPES = [
    agent_tool, team_tool, society, round_robin, nested, selector, swarm, graph, magentic,
    filtered, deep, person,
]  # fmt: skip
if not NESTED_TEAMS:
    SHAPES.remove(nested)


@pytest.mark.parametrize("effect", ["deny", "allow"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
async def test_inner_tool_asks_first(
    sim: Simulator, guard: Guard, token: Token, shape: Callable[[Ran], Any], effect: str
) -> None:
    ran = Ran()
    sim.rules = {"wipe": effect, "handoff": "allow"}
    team = protect(shape(ran), guard)
    await run(guard, team, task="please", token=token)
    wipes = [asked for asked in sim.asked if asked.name == "wipe"]
    assert [asked.context["agent"]["name"] for asked in wipes] == ["inner"]
    assert ran == (["/"] if effect == "allow" else [])
    assert sim.outcomes.keys() == sim.allowed()


@pytest.mark.parametrize("shape", [agent_tool, team_tool], ids=["agent", "team"])
async def test_work_given_to_an_agent_behind_a_tool_is_judged_as_a_handoff(
    sim: Simulator, guard: Guard, token: Token, shape: Callable[[Ran], Any]
) -> None:
    # AutoGen streams these tools by run_json_stream: a guard on run_json is never asked
    ran = Ran()
    sim.rules = {"wipe": "allow", "handoff": "deny"}
    team = protect(shape(ran), guard)
    await run(guard, team, task="please", token=token)
    assert [asked.name for asked in sim.asked] == ["handoff"]
    assert sim.asked[0].arguments["task"] == "wipe"
    assert ran == []


async def test_events_of_an_inner_agent_still_stream(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    result = await run(guard, protect(agent_tool(Ran()), guard), task="t", token=token)
    assert "inner" in {message.source for message in result.messages}


async def test_agents_added_after_protect_are_guarded_by_run(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    team = protect(RoundRobinGroupChat([assistant("x", name="first")], max_turns=2), guard)
    late = inner(ran)
    team._participants.append(late)
    team._participant_names.append(late.name)
    team._participant_descriptions.append(late.description)
    team._participant_topic_types.append(f"{late.name}_{team._team_id}")
    await run(guard, team, task="t", token=token)
    assert [asked.name for asked in sim.asked] == ["wipe"]
    assert ran == []


async def test_protect_twice_asks_once(sim: Simulator, guard: Guard, token: Token) -> None:
    sim.default = "allow"
    ran = Ran()
    team = protect(protect(round_robin(ran), guard), guard)
    await run(guard, team, task="t", token=token)
    assert len(sim.asked) == len(ran) == 1
