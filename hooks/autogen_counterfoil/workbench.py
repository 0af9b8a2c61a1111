"""The guarded workbench: both of its paths, aliases, and an MCP server's side doors.

It is a `StaticStreamWorkbench`, because AssistantAgent streams only from one. It never
raises: an exception out of a workbench hangs the agent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Self

from autogen_core import CancellationToken
from autogen_core.tools import (
    BaseStreamTool,
    StaticStreamWorkbench,
    StaticWorkbench,
    TextResultContent,
    ToolResult,
    ToolSchema,
    Workbench,
)
from pydantic import BaseModel

from autogen_counterfoil.canonical import frozen_object, parsed
from autogen_counterfoil.core_tools import refuse_component, team_id
from autogen_counterfoil.errors import HookError
from autogen_counterfoil.execution import Call, perform, perform_stream
from autogen_counterfoil.guard import Guard, Permit
from autogen_counterfoil.guarding import guarded_tool
from autogen_counterfoil.shapes import invalid

STATIC = (StaticWorkbench, StaticStreamWorkbench)
READ_RESOURCE, GET_PROMPT = "mcp.read_resource", "mcp.get_prompt"


class GuardedWorkbench(StaticStreamWorkbench):
    """Any workbench, with each call judged first.

    Args:
        inner: the workbench. AutoGen's static ones are guarded tool by tool; any other
            (MCP servers, your own) call by call, under the tool's real name.
        guard: who is asked.
        agent: the agent's name, recorded with each call.
    """

    def __init__(self, inner: Workbench, guard: Guard, *, agent: str | None = None) -> None:
        static = inner if type(inner) in STATIC else None
        tools = getattr(static, "_tools", [])
        overrides = getattr(static, "_tool_overrides", {})
        super().__init__([guarded_tool(tool, guard, agent=agent) for tool in tools], overrides)
        self.inner = inner
        self.guard = guard
        self.agent = agent
        self._static = static is not None

    async def list_tools(self) -> list[ToolSchema]:
        """The tools, as the model is to see them."""
        return await (super().list_tools() if self._static else self.inner.list_tools())

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """Ask, then call; a refusal and a failure are error results."""
        result: ToolResult | None = None
        stream = self.call_tool_stream(name, arguments, cancellation_token, call_id)
        async for item in stream:
            if isinstance(item, ToolResult):
                result = item
        return result or _error(name, "the tool gave no result")

    async def call_tool_stream(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> AsyncGenerator[Any | ToolResult, None]:
        """Ask, then call, item by item; the last item is the result."""
        token = cancellation_token or CancellationToken()
        raw = dict(arguments or {})
        # the real tool, not the name that the model was shown
        real = self._override_name_to_original.get(name, name)
        try:
            if not self._static:
                async for item in self._dynamic(name, raw, token, call_id):
                    yield item
                return
            tool = next((tool for tool in self._tools if tool.name == real), None)
            if tool is None:
                yield _error(name, f"Tool {name} not found.")
                return
            value: Any = None
            if isinstance(tool, BaseStreamTool):  # not the Protocol: it makes the schema each time
                async for item in tool.run_json_stream(raw, token, call_id=call_id):
                    if value is not None:
                        yield value
                    value = item
            else:
                value = await tool.run_json(raw, token, call_id=call_id)
            yield _result(name, tool.return_value_as_string(value))
        except Exception as error:  # noqa: BLE001 -- raising out of a workbench hangs the agent
            yield _error(
                name, str(error) if isinstance(error, HookError) else self._format_errors(error)
            )

    async def _dynamic(
        self, name: str, raw: dict[str, Any], token: CancellationToken, call_id: str | None
    ) -> AsyncGenerator[Any, None]:
        """Call a workbench that is not AutoGen's own, as AssistantAgent would."""
        inner = self.inner
        schema = next((item for item in await inner.list_tools() if item["name"] == name), None)
        if schema is None:
            yield _error(name, f"Tool {name} not found.")
            return
        aliases: dict[str, str] = getattr(inner, "_override_name_to_original", {})

        def start(permit: Permit) -> Awaitable[ToolResult]:
            return inner.call_tool(name, parsed(permit.arguments), token, call_id)

        shown = with_defaults(raw, schema)
        call = self._call(aliases.get(name, name), shown, token, start, call_id=call_id)
        if not isinstance(inner, StaticStreamWorkbench):
            yield await perform(call)
            return
        streaming: StaticStreamWorkbench = inner

        def items(permit: Permit) -> AsyncGenerator[Any, None]:
            return streaming.call_tool_stream(name, parsed(permit.arguments), token, call_id)

        async for item in perform_stream(call, items):
            yield item

    def _call(
        self,
        name: str,
        raw: Mapping[str, Any],
        token: CancellationToken | None,
        start: Callable[[Permit], Awaitable[Any]],
        *,
        call_id: str | None = None,
    ) -> Call[Any]:
        try:
            arguments = frozen_object(raw)
        except ValueError as error:
            raise invalid(str(error)) from error
        return Call(
            guard=self.guard,
            name=name,
            arguments=arguments,
            agent=self.agent,
            call_id=call_id,
            team_id=team_id(),
            token=token,
            start=start,
            render=_rendered,
        )

    async def read_resource(self, uri: str) -> Any:
        """Read a resource of an MCP server, judged as `mcp.read_resource`.

        Raises:
            ActionRefusedError: it may not be read.
        """
        read: Callable[[str], Awaitable[Any]] = getattr(self.inner, "read_resource")  # noqa: B009 -- MCP only

        def start(permit: Permit) -> Awaitable[Any]:
            return read(str(parsed(permit.arguments)["uri"]))

        return await perform(self._call(READ_RESOURCE, {"uri": uri}, None, start))

    async def get_prompt(self, name: str, arguments: dict[str, str] | None = None) -> Any:
        """Get a prompt of an MCP server, judged as `mcp.get_prompt`.

        Raises:
            ActionRefusedError: it may not be had.
        """
        get: Callable[..., Awaitable[Any]] = getattr(self.inner, "get_prompt")  # noqa: B009 -- MCP only

        def start(permit: Permit) -> Awaitable[Any]:
            allowed = parsed(permit.arguments)
            return get(allowed["name"], allowed["arguments"])

        asked = {"name": name, "arguments": arguments}
        return await perform(self._call(GET_PROMPT, asked, None, start))

    async def start(self) -> None:
        """Start the workbench itself."""
        await self.inner.start()

    async def stop(self) -> None:
        """Stop the workbench itself."""
        await self.inner.stop()

    async def reset(self) -> None:
        """Reset the workbench itself."""
        await self.inner.reset()

    async def save_state(self) -> Mapping[str, Any]:
        """Save the state of the workbench itself."""
        return await self.inner.save_state()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Load the state of the workbench itself."""
        await self.inner.load_state(state)

    def _to_config(self) -> Any:
        refuse_component()

    @classmethod
    def _from_config(cls, config: BaseModel) -> Self:
        del config
        refuse_component()


def with_defaults(raw: Mapping[str, Any], schema: ToolSchema) -> dict[str, Any]:
    """Return the arguments with the defaults that the tool declares, so that they are judged."""
    parameters = schema.get("parameters")
    properties = parameters["properties"] if parameters else {}
    declared = {
        name: part["default"]
        for name, part in properties.items()
        if isinstance(part, dict) and part.get("default") is not None
    }
    return {**declared, **raw}


def _rendered(value: Any) -> tuple[str, bool]:
    if isinstance(value, ToolResult):
        return value.to_text(), value.is_error
    return str(value), False


def _result(name: str, text: str) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=False)


def _error(name: str, text: str) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=True)
