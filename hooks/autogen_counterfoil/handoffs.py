"""Handoffs of an AssistantAgent: judged, and really stopped when denied.

The agent hands off because the *model named* the handoff, whatever the handoff tool says:
even a call whose arguments cannot be read. So the tool is guarded, and the agent's answer is
rewritten unless it carries the very text of a handoff that was allowed in this turn.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage, TextMessage
from autogen_core import CancellationToken

from autogen_counterfoil.core_tools import GuardedTool
from autogen_counterfoil.guard import Guard
from autogen_counterfoil.refusal import ActionRefusedError
from autogen_counterfoil.shapes import AnyTool, HandoffShape

Stream = AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]
NOT_JUDGED = (
    "NOT RUN: this handoff was not judged, so nobody was handed anything.\n"
    "Asking again can help: yes, by a call of the handoff tool without arguments."
)


class Turn:
    """The handoffs that were allowed in an agent's turn, by target and text."""

    def __init__(self) -> None:
        self._allowed: set[tuple[str, str]] = set()
        self._denied: set[str] = set()

    def begin(self) -> None:
        """Forget the turn before."""
        self._allowed.clear()
        self._denied.clear()

    def allow(self, target: str, text: str) -> None:
        """Remember an allowed handoff."""
        self._allowed.add((target, text))

    def deny(self, text: str) -> None:
        """Remember the text of a denied one."""
        self._denied.add(text)

    def judged(self, message: HandoffMessage) -> BaseChatMessage:
        """Return the message, or what to say instead of handing off."""
        if (message.target, message.content) in self._allowed:
            return message
        text = message.content if message.content in self._denied else NOT_JUDGED
        return TextMessage(content=text, source=message.source)


class GuardedHandoffTool(GuardedTool):
    """A handoff tool. AssistantAgent runs it unprotected, so it answers and never raises."""

    def __init__(
        self, tool: AnyTool, guard: Guard, *, agent: str | None, target: str, turn: Turn
    ) -> None:
        super().__init__(tool, guard, agent=agent, shape=HandoffShape(tool, target))
        self._target = target
        self._turn = turn

    async def run_json(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> Any:
        """Ask, then hand off; the text of a refusal otherwise."""
        try:
            value = await super().run_json(args, cancellation_token, call_id)
        except ActionRefusedError as error:
            self._turn.deny(str(error))
            return str(error)
        except Exception as error:  # noqa: BLE001 -- raising here hangs the agent
            text = f"Error: {error}"
            self._turn.deny(text)
            return text
        self._turn.allow(self._target, self.return_value_as_string(value))
        return value


def guard_handoffs(agent: AssistantAgent, guard: Guard) -> None:
    """Guard an agent's handoff tools and its answers, in place."""
    if not agent._handoff_tools:
        return
    turn = Turn()
    targets = {name: handoff.target for name, handoff in agent._handoffs.items()}
    agent._handoff_tools = [
        GuardedHandoffTool(tool, guard, agent=agent.name, target=targets[tool.name], turn=turn)
        for tool in agent._handoff_tools
    ]
    original: Callable[[Sequence[BaseChatMessage], CancellationToken], Stream] = (
        agent.on_messages_stream
    )

    async def on_messages_stream(
        messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> Stream:
        turn.begin()
        async for item in original(messages, cancellation_token):
            if isinstance(item, Response) and isinstance(item.chat_message, HandoffMessage):
                item.chat_message = turn.judged(item.chat_message)
            yield item

    agent.__dict__["on_messages_stream"] = on_messages_stream
