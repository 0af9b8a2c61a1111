"""A guarded `autogen_core.tool_agent.ToolAgent`, for teams built on the core alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from autogen_core import FunctionCall, MessageContext, message_handler
from autogen_core.models import FunctionExecutionResult
from autogen_core.tool_agent import ToolAgent

from autogen_counterfoil.guard import Guard
from autogen_counterfoil.guarding import guard_tools
from autogen_counterfoil.shapes import AnyTool


class GuardedToolAgent(ToolAgent):
    """Runs the tool of a `FunctionCall` message only with its own allow.

    It answers and never raises: `tool_agent_caller_loop` shows the model an empty text for
    AutoGen's own exceptions, so a refusal would not be read.

    Args:
        description: as for ToolAgent.
        tools: AutoGen tools or plain functions.
        guard: who is asked.
        agent: the agent's name, recorded with each call.
    """

    def __init__(
        self,
        description: str,
        tools: Sequence[AnyTool | Callable[..., Any]],
        guard: Guard,
        *,
        agent: str | None = None,
    ) -> None:
        super().__init__(description, list(guard_tools(tools, guard, agent=agent)))

    @message_handler
    async def handle_function_call(  # type: ignore[override]  # the decorator binds the class
        self, message: FunctionCall, ctx: MessageContext
    ) -> FunctionExecutionResult:
        """Ask, then run; a refusal and a failure are error results."""
        tool = next((tool for tool in self.tools if tool.name == message.name), None)
        if tool is None:
            return _result(message, f"Error: Tool not found: {message.name}", is_error=True)
        try:
            arguments = json.loads(message.arguments)
            value = await tool.run_json(arguments, ctx.cancellation_token, call_id=message.id)
            return _result(message, tool.return_value_as_string(value), is_error=False)
        except Exception as error:  # noqa: BLE001 -- whatever failed, the caller must get an answer
            return _result(message, f"Error: {error}", is_error=True)


def _result(message: FunctionCall, content: str, *, is_error: bool) -> FunctionExecutionResult:
    return FunctionExecutionResult(
        content=content, call_id=message.id, is_error=is_error, name=message.name
    )
