"""Puts the right guard around a tool, by what the tool really is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from autogen_agentchat.tools._task_runner_tool import TaskRunnerTool
from autogen_core.code_executor import CodeExecutor
from autogen_core.tools import BaseTool, FunctionTool, StreamTool

from autogen_counterfoil.code import GuardedCodeExecutor
from autogen_counterfoil.core_tools import GuardedStreamTool, GuardedTool
from autogen_counterfoil.guard import Guard
from autogen_counterfoil.shapes import AnyTool
from autogen_counterfoil.surfaces import autogen_names


def guarded_tool(tool: AnyTool, guard: Guard, *, agent: str | None = None) -> AnyTool:
    """Return `tool` guarded; one that is already guarded by this guard stays as it is.

    Raises:
        UnguardedSurfaceError: an agent behind it cannot be guarded.
    """
    if isinstance(tool, GuardedTool) and tool.guard is guard:
        return tool
    if "PythonCodeExecutionTool" in autogen_names(type(tool)):
        return _with_guarded_executor(tool, guard, agent=agent)
    if isinstance(tool, TaskRunnerTool):
        from autogen_counterfoil.walk import protect_node  # noqa: PLC0415 -- walks tools itself

        protect_node(vars(tool)["_task_runner"], guard)
    kind = GuardedStreamTool if isinstance(tool, StreamTool) else GuardedTool
    return kind(tool, guard, agent=agent)


def guard_tools(
    tools: Sequence[AnyTool | Callable[..., Any]], guard: Guard, *, agent: str | None = None
) -> list[AnyTool]:
    """Return tools for `AssistantAgent(tools=…)` or a workbench, each guarded.

    Args:
        tools: AutoGen tools or plain functions, as AssistantAgent takes them.
        guard: who is asked.
        agent: the agent's name, recorded with each call.

    Raises:
        UnguardedSurfaceError: an agent behind a tool cannot be guarded.
    """
    return [
        guarded_tool(
            tool if isinstance(tool, BaseTool) else FunctionTool(tool, tool.__doc__ or ""),
            guard,
            agent=agent,
        )
        for tool in tools
    ]


def _with_guarded_executor(tool: AnyTool, guard: Guard, *, agent: str | None) -> AnyTool:
    """A PythonCodeExecutionTool: its code is judged as code, by its executor."""
    executor: CodeExecutor = vars(tool)["_executor"]
    if isinstance(executor, GuardedCodeExecutor) and executor.guard is guard:
        return tool
    clone = copy.copy(tool)
    vars(clone)["_executor"] = GuardedCodeExecutor(executor, guard, agent=agent, raise_refusal=True)
    return clone
