"""Teams built on the core alone: bare ToolAgents, and an intervention handler that does not help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_core import AgentId, DefaultInterventionHandler, SingleThreadedAgentRuntime
from autogen_core.models import FunctionExecutionResultMessage, UserMessage
from autogen_core.tool_agent import ToolAgent, ToolException, tool_agent_caller_loop
from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, GuardedToolAgent, protect, run
from builders import Ran, assistant, call, model
from simulator import Simulator

Token = Callable[[], str]


def wipe_tool(ran: Ran) -> FunctionTool:
    async def wipe(path: str) -> str:
        ran.append(path)
        return "wiped"

    return FunctionTool(wipe, "d")


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_guarded_tool_agent_asks_first_and_its_refusal_is_read(
    sim: Simulator, guard: Guard, token: Token, effect: str
) -> None:
    ran = Ran()
    sim.default = effect
    runtime = SingleThreadedAgentRuntime()
    tools = [wipe_tool(ran)]
    await GuardedToolAgent.register(
        runtime, "tools", lambda: GuardedToolAgent("d", tools, guard, agent="worker")
    )
    async with guard.session(token=token, task="t"):
        runtime.start()
        messages = await tool_agent_caller_loop(
            runtime, AgentId("tools", "default"), model([("wipe", {"path": "/"})], "done"),
            [UserMessage(content="t", source="u")], [tool.schema for tool in tools],
        )  # fmt: skip
        await runtime.stop()
    (shown,) = [m for m in messages if isinstance(m, FunctionExecutionResultMessage)]
    assert ran == (["/"] if effect == "allow" else [])
    assert shown.content[0].is_error is (effect == "deny")
    assert ("Nothing allows wipe" in shown.content[0].content) is (effect == "deny")
    assert sim.asked[0].context["agent"]["name"] == "worker"


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [("nothing", "{}", "not found"), ("wipe", "{", "Error"), ("wipe", "{}", "NOT RUN")],
)
async def test_bad_call_of_a_guarded_tool_agent_is_an_error_result(
    guard: Guard, token: Token, name: str, arguments: str, text: str
) -> None:
    ran = Ran()
    runtime = SingleThreadedAgentRuntime()
    await GuardedToolAgent.register(
        runtime, "tools", lambda: GuardedToolAgent("d", [wipe_tool(ran)], guard)
    )
    async with guard.session(token=token, task="t"):
        runtime.start()
        result = await runtime.send_message(call(name, arguments), AgentId("tools", "default"))
        await runtime.stop()
    assert result.is_error
    assert text in result.content
    assert ran == []


async def test_stock_tool_agent_hides_what_its_tool_says() -> None:
    # why GuardedToolAgent answers instead of raising: the model would read "Error: "
    async def broken(path: str) -> str:
        raise ValueError("the reason")

    runtime = SingleThreadedAgentRuntime()
    await ToolAgent.register(runtime, "tools", lambda: ToolAgent("d", [FunctionTool(broken, "d")]))
    runtime.start()
    with pytest.raises(ToolException) as caught:
        await runtime.send_message(call("broken", {"path": "/"}), AgentId("tools", "default"))
    await runtime.stop_when_idle()
    assert "the reason" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Intervention handler on_response returned None")
async def test_intervention_handler_never_sees_the_tools_that_the_guard_sees(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    from autogen_agentchat.teams import RoundRobinGroupChat  # noqa: PLC0415

    seen: list[str] = []

    class Handler(DefaultInterventionHandler):
        async def on_send(self, message: Any, *, message_context: Any, recipient: Any) -> Any:
            seen.append(type(message).__name__)
            return message

    ran = Ran()
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Handler()])
    agent = assistant([("wipe", {"path": "/"})], "x", tools=[wipe_tool(ran)])
    team = protect(RoundRobinGroupChat([agent], max_turns=1, runtime=runtime), guard)
    runtime.start()
    await run(guard, team, task="t", token=token)
    await runtime.stop()
    assert "FunctionCall" not in seen
    assert [asked.name for asked in sim.asked] == ["wipe"]
    assert ran == []
