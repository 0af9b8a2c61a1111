"""Guards for autogen-core tools. Each path into a tool asks before anything happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NoReturn

from autogen_core import CancellationToken, MessageHandlerContext
from autogen_core.tools import BaseStreamTool, BaseTool, ToolSchema
from pydantic import BaseModel

from autogen_counterfoil.errors import GuardedComponentError
from autogen_counterfoil.execution import Call, perform, perform_stream
from autogen_counterfoil.guard import Guard, Permit
from autogen_counterfoil.shapes import AnyTool, Shape, shape_of


def team_id() -> str | None:
    """Return the id of the team whose message is being handled (the agent's key)."""
    try:
        return MessageHandlerContext.agent_id().key
    except RuntimeError:
        return None


def refuse_component() -> NoReturn:
    """Refuse to dump or load: the result would be the same component without its guard.

    Raises:
        GuardedComponentError: always.
    """
    raise GuardedComponentError(
        "a guarded component cannot be dumped or loaded, it would lose its guard: dump the "
        "unguarded one, and call protect() on what load_component returns"
    )


class GuardedTool(BaseTool[BaseModel, Any]):
    """A tool that runs only with its own allow. `guard_tools` makes them.

    A refusal is raised as an Exception, which is how a tool tells AutoGen's workbenches
    of an error: they turn it into an error result that the model reads.
    """

    def __init__(
        self, tool: AnyTool, guard: Guard, *, agent: str | None = None, shape: Shape | None = None
    ) -> None:
        super().__init__(tool.args_type(), tool.return_type(), tool.name, tool.description)
        self.inner = tool
        self.guard = guard
        self.agent = agent
        self._shape = shape or shape_of(tool)

    @property
    def schema(self) -> ToolSchema:
        """The schema of the tool itself."""
        return self.inner.schema

    def return_value_as_string(self, value: Any) -> str:
        """The text of a result, as the tool writes it."""
        return self.inner.return_value_as_string(value)

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        """Ask, then run.

        Raises:
            ActionRefusedError: it may not run.
        """
        return await self.run_json(args.model_dump(mode="json", by_alias=True), cancellation_token)

    async def run_json(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> Any:
        """Ask, then run.

        Raises:
            ActionRefusedError: it may not run.
        """

        def start(permit: Permit) -> Awaitable[Any]:
            return self._shape.run(permit.arguments, cancellation_token, call_id)

        return await perform(self._call(args, cancellation_token, call_id, start))

    def _call(
        self,
        args: Mapping[str, Any],
        token: CancellationToken,
        call_id: str | None,
        start: Callable[[Permit], Awaitable[Any]],
    ) -> Call[Any]:
        shown = self._shape.show(args)
        return Call(
            guard=self.guard,
            name=shown.name,
            arguments=shown.arguments,
            agent=self.agent,
            call_id=call_id,
            team_id=team_id(),
            token=token,
            start=start,
            render=lambda value: (self.return_value_as_string(value), False),
            keeps=self._shape.keeps,
        )

    async def save_state_json(self) -> Mapping[str, Any]:
        """Save the tool's own state."""
        return await self.inner.save_state_json()

    async def load_state_json(self, state: Mapping[str, Any]) -> None:
        """Load the tool's own state."""
        await self.inner.load_state_json(state)

    def _to_config(self) -> BaseModel:
        refuse_component()


class GuardedStreamTool(GuardedTool, BaseStreamTool[BaseModel, Any, Any]):
    """The same for a tool that streams: AutoGen calls `run_json_stream`, not `run_json`."""

    async def run_stream(
        self, args: BaseModel, cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        """Ask, then run.

        Raises:
            ActionRefusedError: it may not run.
        """
        raw = args.model_dump(mode="json", by_alias=True)
        async for item in self.run_json_stream(raw, cancellation_token):
            yield item

    async def run_json_stream(
        self,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Ask, then run.

        Raises:
            ActionRefusedError: it may not run.
        """

        def never(_permit: Permit) -> Awaitable[Any]:
            raise AssertionError("a stream is run by its items")

        def items(permit: Permit) -> AsyncIterator[Any]:
            return self._shape.stream(permit.arguments, cancellation_token, call_id)

        call = self._call(args, cancellation_token, call_id, never)
        stream = perform_stream(call, items)
        try:
            async for item in stream:
                yield item
        finally:
            await stream.aclose()
