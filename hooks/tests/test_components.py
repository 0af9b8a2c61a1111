"""Nothing guarded can be dumped and come back without its guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import CodeExecutorAgent, SocietyOfMindAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.tools import FunctionTool, StaticStreamWorkbench
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from autogen_counterfoil import (
    Guard,
    GuardedCodeExecutor,
    GuardedComponentError,
    GuardedWorkbench,
    guard_tools,
    protect,
)
from builders import assistant, model


async def wipe(path: str) -> str:
    return path


def executor() -> LocalCommandLineCodeExecutor:
    return LocalCommandLineCodeExecutor()


THINGS: dict[str, Callable[[Guard], Any]] = {
    "tool": lambda guard: guard_tools([FunctionTool(wipe, "d")], guard)[0],
    "workbench": lambda guard: GuardedWorkbench(
        StaticStreamWorkbench([FunctionTool(wipe, "d")]), guard
    ),
    "executor": lambda guard: GuardedCodeExecutor(executor(), guard),
    "agent": lambda guard: protect(assistant("x", tools=[wipe]), guard),
    "agent without any tool": lambda guard: protect(
        assistant("x", workbench=[], handoffs=["bob"]), guard
    ),
    "code agent": lambda guard: protect(CodeExecutorAgent("c", executor()), guard),
    "team": lambda guard: protect(RoundRobinGroupChat([assistant("x")]), guard),
    "society": lambda guard: protect(
        SocietyOfMindAgent("s", RoundRobinGroupChat([assistant("x")]), model("y")), guard
    ),
}


@pytest.mark.parametrize("name", THINGS)
def test_guarded_component_refuses_to_be_dumped(guard: Guard, name: str) -> None:
    thing = THINGS[name](guard)
    with pytest.raises(GuardedComponentError, match="dump the unguarded one"):
        thing.dump_component()


def test_guarded_workbench_refuses_to_be_loaded(guard: Guard) -> None:
    config = StaticStreamWorkbench([]).dump_component()
    config.provider = "autogen_counterfoil.GuardedWorkbench"
    with pytest.raises(GuardedComponentError):
        GuardedWorkbench.load_component(config)


def test_unguarded_team_can_be_dumped() -> None:
    assert RoundRobinGroupChat([assistant("x")]).dump_component().config  # control


async def test_state_of_guarded_things_is_saved_and_loaded(guard: Guard) -> None:
    team = protect(RoundRobinGroupChat([assistant("x", tools=[wipe])]), guard)
    await team.load_state(await team.save_state())
    workbench = GuardedWorkbench(StaticStreamWorkbench([FunctionTool(wipe, "d")]), guard)
    async with workbench:
        await workbench.load_state(await workbench.save_state())
        await workbench.reset()
