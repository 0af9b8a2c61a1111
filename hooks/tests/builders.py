"""Short ways to the AutoGen things that tests need. The model is AutoGen's own replay client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ToolCallExecutionEvent
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelInfo, RequestUsage
from autogen_core.tools import StaticStreamWorkbench
from autogen_ext.models.replay import ReplayChatCompletionClient

from autogen_counterfoil import current_grant

INFO = ModelInfo(
    vision=False,
    function_calling=True,
    json_output=True,
    family="unknown",
    structured_output=True,
    multiple_system_messages=True,
)
Turn = str | Sequence[tuple[str, Any]]
NESTED_TEAMS = hasattr(BaseGroupChat, "name")  # since 0.7, a team can be a participant


def call(name: str, arguments: dict[str, Any] | str, call_id: str = "call_1") -> FunctionCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return FunctionCall(id=call_id, name=name, arguments=text)


def turn(content: Turn) -> str | CreateResult:
    if isinstance(content, str):
        return content
    calls = [call(name, arguments, f"call_{n}") for n, (name, arguments) in enumerate(content)]
    return CreateResult(
        finish_reason="function_calls",
        content=calls,
        usage=RequestUsage(prompt_tokens=1, completion_tokens=1),
        cached=False,
    )


def model(*turns: Turn) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient([turn(item) for item in turns], model_info=INFO)


def assistant(*turns: Turn, name: str = "coder", **options: Any) -> AssistantAgent:
    options.setdefault("max_tool_iterations", 10)
    return AssistantAgent(name, model(*turns), **options)


def results(result: TaskResult) -> list[tuple[str, bool]]:
    """Text and error flag of every tool result that the model was shown."""
    found = []
    for message in result.messages:
        if isinstance(message, ToolCallExecutionEvent):
            found += [(str(item.content), bool(item.is_error)) for item in message.content]
    return found


def bench(tools: Sequence[Any], **overrides: Any) -> StaticStreamWorkbench:
    return StaticStreamWorkbench(list(tools), overrides or None)


def sql_agent(ran: Ran, *statements: str) -> AssistantAgent:
    """An agent that runs these statements on the development database, one after the other."""

    async def run_sql(database: str, sql: str) -> str:
        ran.append((database, sql, current_grant()))
        return "ok"

    calls = [[("run_sql", {"database": "orders", "sql": sql})] for sql in statements]
    return assistant(*calls, "done", tools=[run_sql])


class Ran(list[Any]):
    """What really ran: tools append to it."""
