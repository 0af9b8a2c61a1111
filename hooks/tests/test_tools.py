"""Every path into a tool asks first, about what will really run, and runs just that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

import pytest
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool, FunctionTool, StaticWorkbench, ToolOverride
from pydantic import BaseModel, Field, SecretStr

from autogen_counterfoil import (
    ActionRefusedError,
    Guard,
    GuardedWorkbench,
    current_grant,
    guard_tools,
    protect,
    run,
    run_stream,
)
from builders import Ran, assistant, bench, results
from simulator import Simulator

Token = Callable[[], str]


def wipe_tool(ran: Ran) -> FunctionTool:
    async def wipe(path: str, region: str = "prod") -> str:
        ran.append((path, region))
        return f"wiped {path}"

    return FunctionTool(wipe, "wipes", name="wipe")


@pytest.mark.parametrize("effect", ["deny", "allow"])
@pytest.mark.parametrize("stream", [False, True])
async def test_call_on_the_streaming_path_asks_first(
    sim: Simulator, guard: Guard, token: Token, stream: bool, effect: str
) -> None:
    # tools=[…] makes a StaticStreamWorkbench: AssistantAgent calls call_tool_stream, and a
    # guard on call_tool alone is never asked
    ran = Ran()
    sim.rules["wipe"] = effect
    agent = protect(assistant([("wipe", {"path": "/"})], "done", tools=[wipe_tool(ran)]), guard)
    if stream:
        async for _ in run_stream(guard, agent, task="t", token=token):
            pass
    else:
        await run(guard, agent, task="t", token=token)
    assert [asked.name for asked in sim.asked] == ["wipe"]
    assert ran == ([("/", "prod")] if effect == "allow" else [])


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_call_on_the_plain_path_asks_first(
    sim: Simulator, guard: Guard, token: Token, effect: str
) -> None:
    ran = Ran()
    sim.rules["wipe"] = effect
    workbench = GuardedWorkbench(StaticWorkbench([wipe_tool(ran)]), guard)
    async with guard.session(token=token, task="t"):
        result = await workbench.call_tool("wipe", {"path": "/"}, call_id="c")
    assert result.is_error is (effect == "deny")
    assert bool(ran) is (effect == "allow")


@pytest.mark.parametrize("effect", ["deny", "allow"])
@pytest.mark.parametrize("kind", [StaticWorkbench, None])
async def test_alias_of_a_tool_is_judged_as_the_real_tool(
    sim: Simulator, guard: Guard, token: Token, effect: str, kind: Any
) -> None:
    # tool_overrides showed the model a `list_things` that ran `wipe`
    ran = Ran()
    sim.rules = {"wipe": effect, "list_things": "allow"}
    alias = {"wipe": ToolOverride(name="list_things", description="lists")}
    inner = kind([wipe_tool(ran)], alias) if kind else bench([wipe_tool(ran)], **alias)
    agent = protect(assistant([("list_things", {"path": "/"})], "done", workbench=inner), guard)
    result = await run(guard, agent, task="t", token=token)
    assert [asked.name for asked in sim.asked] == ["wipe"]
    assert bool(ran) is (effect == "allow")
    assert results(result)[0][1] is (effect == "deny")


@pytest.mark.parametrize("effect", ["deny", "allow"])
async def test_run_json_of_a_guarded_tool_asks_first(
    sim: Simulator, guard: Guard, token: Token, effect: str
) -> None:
    ran = Ran()
    sim.rules["wipe"] = effect
    (tool,) = guard_tools([wipe_tool(ran)], guard)
    async with guard.session(token=token, task="t"):
        model = tool.args_type()(path="/x")
        refused = pytest.raises(ActionRefusedError, match="NOT RUN")
        with refused if effect == "deny" else nullcontext():
            await tool.run_json({"path": "/"}, CancellationToken())
        with refused if effect == "deny" else nullcontext():
            await tool.run(model, CancellationToken())
    assert len(sim.asked) == 2
    assert len(ran) == (2 if effect == "allow" else 0)


async def test_guarded_tools_in_a_stock_agent_give_error_results(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    agent = assistant([("wipe", {"path": "/"})], "done", tools=guard_tools([wipe_tool(ran)], guard))
    async with guard.session(token=token, task="t"):
        result = await agent.run(task="t")
    ((text, is_error),) = results(result)
    assert is_error
    assert "Nothing allows wipe" in text
    assert ran == []


async def test_defaulted_argument_is_judged(sim: Simulator, guard: Guard, token: Token) -> None:
    # a guard on the raw arguments never saw region="prod"
    ran = Ran()
    sim.rules["wipe"] = lambda body: (
        "deny" if body["action"]["properties"]["arguments"].get("region") == "prod" else "allow"
    )
    agent = protect(
        assistant(
            [("wipe", {"path": "/"})],
            [("wipe", {"path": "/", "region": "test"})],
            "done",
            tools=[wipe_tool(ran)],
        ),
        guard,
    )
    await run(guard, agent, task="t", token=token)
    assert [asked.arguments for asked in sim.asked] == [
        {"path": "/", "region": "prod"},
        {"path": "/", "region": "test"},
    ]
    assert ran == [("/", "test")]


async def test_unknown_argument_is_neither_judged_nor_run(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"
    (tool,) = guard_tools([wipe_tool(ran)], guard)
    async with guard.session(token=token, task="t"):
        await tool.run_json({"path": "/", "recursive": True}, CancellationToken())
    assert sim.asked[0].arguments == {"path": "/", "region": "prod"}
    assert ran == [("/", "prod")]


class Nested(BaseModel):
    paths: list[str]
    options: Any = None


class NestedTool(BaseTool[Any, Any]):
    """A tool with containers that a careless guard would share with the caller."""

    def __init__(self, ran: Ran) -> None:
        super().__init__(Nested, str, "nested", "n")
        self.ran = ran

    async def run(self, args: Nested, cancellation_token: CancellationToken) -> str:
        self.ran.append(args.model_dump())
        return "ok"


async def test_arguments_changed_while_pending_change_nothing(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    sim.default = "needs_approval"
    raw: dict[str, Any] = {"paths": ["/tmp/a"], "options": {"deep": [1]}}
    (tool,) = guard_tools([NestedTool(ran)], guard)
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(tool.run_json(raw, CancellationToken()))
        pending = await asyncio.to_thread(sim.pending)
        raw["paths"][0] = "/etc"
        raw["options"]["deep"].append(2)
        sim.answer(pending.id, "approved")
        await running
    assert ran == [{"paths": ["/tmp/a"], "options": {"deep": [1]}}]


class Login(BaseModel):
    user: str
    password: SecretStr = Field(default=SecretStr("hunter2"))


class Excluded(BaseModel):
    user: str
    hidden: str = Field(default="", exclude=True)


@pytest.mark.parametrize(
    ("schema", "raw"),
    [(Login, {"user": "a"}), (Excluded, {"user": "a", "hidden": "drop"})],
)
async def test_arguments_that_json_would_hide_are_refused(
    sim: Simulator, guard: Guard, token: Token, schema: type[BaseModel], raw: dict[str, Any]
) -> None:
    ran = Ran()
    sim.default = "allow"

    class Hiding(BaseTool[Any, Any]):
        async def run(self, args: Any, cancellation_token: CancellationToken) -> str:
            ran.append(args)
            return "ok"

    (tool,) = guard_tools([Hiding(schema, str, "hiding", "h")], guard)
    async with guard.session(token=token, task="t"):
        with pytest.raises(ActionRefusedError, match="cannot be shown"):
            await tool.run_json(raw, CancellationToken())
        if schema is Excluded:  # control: nothing hidden, so it is asked and runs
            await tool.run_json({"user": "a"}, CancellationToken())
    assert len(sim.asked) == len(ran) == (1 if schema is Excluded else 0)


async def test_canonical_form_of_the_service_is_what_runs(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"
    sim.execute["wipe"] = lambda arguments: {**arguments, "path": "'/tmp/x'"}
    agent = protect(assistant([("wipe", {"path": "/tmp/*"})], "ok", tools=[wipe_tool(ran)]), guard)
    await run(guard, agent, task="t", token=token)
    assert ran == [("'/tmp/x'", "prod")]


@pytest.mark.parametrize("runs", [{"path": 5}, {"path": "/"}, {"path": "/", "region": "r", "x": 1}])
async def test_canonical_form_that_the_tool_would_read_otherwise_runs_nothing(
    sim: Simulator, guard: Guard, token: Token, runs: dict[str, Any]
) -> None:
    ran = Ran()
    sim.default = "allow"
    sim.execute["wipe"] = lambda _arguments: runs
    agent = protect(assistant([("wipe", {"path": "/"})], "ok", tools=[wipe_tool(ran)]), guard)
    result = await run(guard, agent, task="t", token=token)
    assert ran == []
    assert results(result)[0][1] is True
    (outcome,) = sim.outcomes.values()
    assert outcome["status"] == "not_executed"


async def test_invalid_arguments_are_an_error_and_nobody_is_asked(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    agent = protect(assistant([("wipe", {"paht": "/"})], "ok", tools=[wipe_tool(ran)]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert is_error
    assert "after correcting" in text
    assert sim.asked == ran == []


async def test_grant_reaches_async_and_sync_tools_and_nothing_else(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    # a sync function runs in AutoGen's executor without the ContextVars
    seen = Ran()
    sim.default = "allow"

    async def slow(n: int) -> str:
        await asyncio.sleep(0.01)
        seen.append((n, current_grant(), threading.current_thread() is threading.main_thread()))
        return "ok"

    def sync(n: int) -> str:
        seen.append((n, current_grant(), threading.current_thread() is threading.main_thread()))
        return "ok"

    agent = protect(
        assistant([("slow", {"n": 1}), ("sync", {"n": 2})], "ok", tools=[slow, sync]), guard
    )
    await run(guard, agent, task="t", token=token)
    grants = {n: grant for n, grant, _ in seen}
    assert {n: main for n, _, main in seen} == {1: True, 2: False}
    assert all(grants.values())
    assert grants[1].decision_id != grants[2].decision_id
    assert grants[1].scoped_token_request != grants[2].scoped_token_request
    (tool,) = guard_tools([slow], guard)
    async with guard.session(token=token, task="t"):
        await tool.run_json({"n": 3}, CancellationToken())
        assert current_grant() is None, "it is left to whatever the caller does next"
    assert seen[-1][1] is not None


async def test_repeated_call_ids_of_the_model_get_their_own_decisions(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    ran = Ran()
    (tool,) = guard_tools([wipe_tool(ran)], guard)
    async with guard.session(token=token, task="t"):
        for _ in range(2):
            await tool.run_json({"path": "/"}, CancellationToken(), call_id="same")
    assert [asked.context["call_id"] for asked in sim.asked] == ["same", "same"]
    assert len({asked.key for asked in sim.asked}) == 2
    assert len(sim.answers) == 2


async def test_tool_with_its_own_run_json_is_given_the_judged_data(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"

    class Own(NestedTool):
        async def run_json(self, args: Any, cancellation_token: Any, call_id: Any = None) -> Any:
            self.ran.append(dict(args))
            return "ok"

    (tool,) = guard_tools([Own(ran)], guard)
    async with guard.session(token=token, task="t"):
        await tool.run_json({"paths": ["a"]}, CancellationToken())
    assert ran == [{"paths": ["a"], "options": None}]


async def test_network_error_of_the_tool_is_its_own_and_it_runs_once(
    sim: Simulator, token: Token
) -> None:
    # a guard that takes the tool's error for the service's would run it again in observe mode
    ran = Ran()
    sim.default = "allow"

    async def fetch(url: Annotated[str, "u"]) -> str:
        ran.append(url)
        raise ConnectionError("target is down")

    guard = Guard(sim.url, mode="observe")
    agent = protect(assistant([("fetch", {"url": "x"})], "ok", tools=[fetch]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    assert (len(ran), is_error) == (1, True)
    assert "target is down" in text
    assert [outcome["status"] for outcome in sim.outcomes.values()] == ["error"]
