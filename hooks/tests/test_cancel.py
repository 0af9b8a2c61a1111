"""Cancelling a run answers every call at once, and says what is not known."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from autogen_core import CancellationToken
from autogen_core.tools import BaseStreamTool
from pydantic import BaseModel

from autogen_counterfoil import Guard, GuardedWorkbench, guard_tools, protect
from builders import Ran, assistant, bench, results
from simulator import Simulator

Token = Callable[[], str]


async def cancelled_run(guard: Guard, token: Token, agent: Any, begun: asyncio.Event) -> Any:
    """Run an agent and cancel its token once a tool has begun; its result, if it gives one."""
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(agent.run(task="t", cancellation_token=cancellation))
        await begun.wait()
        cancellation.cancel()
        return await asyncio.wait_for(running, 5)


async def test_cancelling_during_a_tool_call_answers_the_agent(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    # a stock AssistantAgent waits for ever for the end of its stream of tool events
    sim.default = "allow"
    begun = asyncio.Event()

    async def slow(n: int) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "x"

    agent = protect(assistant([("slow", {"n": 1})], "done", tools=[slow]), guard)
    ((text, is_error),) = results(await cancelled_run(guard, token, agent, begun))
    assert is_error
    assert "unknown" in text
    assert [report["status"] for report in sim.outcomes.values()] == ["cancelled_unknown"]


async def test_stock_agent_hangs_where_the_guarded_one_answers() -> None:
    # the control of the test above: should AutoGen mend this, the guard may become simpler
    begun = asyncio.Event()

    async def slow(n: int) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "x"

    cancellation = CancellationToken()
    running = asyncio.create_task(
        assistant([("slow", {"n": 1})], "done", tools=[slow]).run(
            task="t", cancellation_token=cancellation
        )
    )
    await begun.wait()
    cancellation.cancel()
    done, _ = await asyncio.wait({running}, timeout=1)
    assert not done
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_thread_of_a_sync_tool_outlives_its_cancellation_and_that_is_reported(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    loop = asyncio.get_running_loop()
    begun, finished, go_on = asyncio.Event(), Ran(), threading.Event()

    def slow(n: int) -> str:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        finished.append(n)
        return "x"

    agent = protect(assistant([("slow", {"n": 1})], "done", tools=[slow]), guard)
    ((text, is_error),) = results(await cancelled_run(guard, token, agent, begun))
    assert is_error
    assert "unknown" in text
    assert finished == []
    go_on.set()
    assert [report["status"] for report in sim.outcomes.values()] == ["cancelled_unknown"]


async def test_tool_that_ignores_cancellation_holds_nobody_up(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    begun, release = asyncio.Event(), asyncio.Event()

    async def stubborn(n: int) -> str:
        begun.set()
        while not release.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return "x"

    agent = protect(assistant([("stubborn", {"n": 1})], "done", tools=[stubborn]), guard)
    ((_, is_error),) = results(await cancelled_run(guard, token, agent, begun))
    assert is_error
    release.set()
    await asyncio.sleep(0.1)
    assert [report["status"] for report in sim.outcomes.values()] == ["cancelled_unknown"]


async def test_run_that_is_cancelled_already_asks_and_runs_nothing(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    ran = Ran()

    async def act(n: int) -> str:
        ran.append(n)
        return "x"

    workbench = GuardedWorkbench(bench(guard_tools([act], guard)), guard)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        await workbench.call_tool("act", {"n": 1}, cancellation)  # control
        cancellation.cancel()
        result = await workbench.call_tool("act", {"n": 2}, cancellation)
    assert result.is_error
    assert "cancelled" in result.to_text()
    assert (ran, len(sim.asked)) == ([1], 1)


async def test_cancelled_while_asking_runs_nothing_and_an_allow_is_reported_not_run(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    asking = threading.Event()

    def slowly(_body: Any) -> str:
        asking.set()
        time.sleep(0.4)
        return "allow"

    sim.default = slowly

    async def act(n: int) -> str:
        ran.append(n)
        return "x"

    (tool,) = guard_tools([act], guard)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(tool.run_json({"n": 1}, cancellation))
        await asyncio.to_thread(asking.wait, 5)
        cancellation.cancel()
        with pytest.raises(Exception, match="NOT RUN"):
            await running
    assert ran == []
    assert [report["status"] for report in sim.outcomes.values()] == ["not_executed"]


async def test_cancelled_task_is_cancelled_and_its_outcome_reported(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    # not by the run's token but by asyncio: the guard must not swallow it
    sim.default = "allow"
    begun = asyncio.Event()

    async def slow(n: int) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "x"

    agent = protect(assistant([("slow", {"n": 1})], "done", tools=[slow]), guard)
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(agent.run(task="t"))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.sleep(0.2)  # AssistantAgent leaves its tool tasks behind
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "_execute_tool_calls" in repr(task):
                task.cancel()
        await asyncio.sleep(0.2)
    assert [report["status"] for report in sim.outcomes.values()] == ["cancelled_unknown"]


async def test_token_cancelled_from_another_thread_answers_too(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    begun = asyncio.Event()

    async def slow(n: int) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "x"

    (tool,) = guard_tools([slow], guard)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(tool.run_json({"n": 1}, cancellation))
        await begun.wait()
        await asyncio.to_thread(cancellation.cancel)
        with pytest.raises(Exception, match="unknown"):
            await asyncio.wait_for(running, 5)


class Count(BaseModel):
    to: int


class Counter(BaseStreamTool[Any, Any, Any]):
    """A streaming tool."""

    def __init__(self, ran: Ran) -> None:
        super().__init__(Count, str, "count", "counts")
        self.ran = ran

    async def run(self, args: Count, cancellation_token: CancellationToken) -> str:
        return "plain"

    async def run_stream(
        self, args: Count, cancellation_token: CancellationToken
    ) -> AsyncGenerator[str, None]:
        for n in range(args.to):
            self.ran.append(n)
            yield str(n)
            await asyncio.sleep(0.01)


async def test_streaming_tool_gives_every_item_in_order(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    (tool,) = guard_tools([Counter(Ran())], guard)
    async with guard.session(token=token, task="t"):
        items = [item async for item in tool.run_json_stream({"to": 20}, CancellationToken())]  # type: ignore[attr-defined]  # it streams
    assert items == [str(n) for n in range(20)]
    assert [report["excerpt"] for report in sim.outcomes.values()] == ["19"]


@pytest.mark.parametrize("how", ["cancel", "leave"])
async def test_stream_that_is_broken_off_stops_the_tool_and_is_reported(
    sim: Simulator, guard: Guard, token: Token, how: str
) -> None:
    sim.default = "allow"
    ran = Ran()
    (tool,) = guard_tools([Counter(ran)], guard)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        stream = tool.run_json_stream({"to": 10_000}, cancellation)  # type: ignore[attr-defined]  # it streams
        assert await anext(stream) == "0"
        if how == "cancel":
            cancellation.cancel()
            with pytest.raises(Exception, match="unknown"):
                async for _ in stream:
                    pass
        else:
            await stream.aclose()
        count = len(ran)
        await asyncio.sleep(0.1)
        assert len(ran) == count
    assert [report["status"] for report in sim.outcomes.values()] == ["cancelled_unknown"]


async def test_failing_stream_gives_its_items_and_its_error(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"

    class Failing(Counter):
        async def run_stream(
            self, args: Count, cancellation_token: CancellationToken
        ) -> AsyncGenerator[str, None]:
            yield "0"
            raise ValueError("broke")

    (tool,) = guard_tools([Failing(Ran())], guard)
    async with guard.session(token=token, task="t"):
        items: list[str] = []
        with pytest.raises(ValueError, match="broke"):  # noqa: PT012 -- the items before it count
            async for item in tool.run_json_stream({"to": 3}, CancellationToken()):  # type: ignore[attr-defined]  # it streams
                items.append(item)  # noqa: PERF401 -- a comprehension would lose them
    assert items == ["0"]
    assert [report["status"] for report in sim.outcomes.values()] == ["error"]
