"""How one tool's call is shown to the service, and how exactly that is run.

`show` gives what will be judged: the tool's real name and its *effective* arguments,
validated, defaults included, frozen to bytes. `run` builds the call from the permitted
bytes alone, so nothing that changed in between can reach the tool.
"""

from __future__ import annotations

import asyncio
import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from autogen_agentchat.tools._task_runner_tool import TaskRunnerTool
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool, FunctionTool, StreamTool
from pydantic import BaseModel, ValidationError

from autogen_counterfoil.canonical import canonical, frozen_object, parsed
from autogen_counterfoil.errors import Again
from autogen_counterfoil.files import BeneathTool
from autogen_counterfoil.obligations import NO_SYMLINKS
from autogen_counterfoil.refusal import ActionRefusedError, refused

HANDOFF = "handoff"
"""The action's name where one agent gives the work to another."""

AnyTool = BaseTool[Any, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the service is asked about."""

    name: str
    arguments: bytes


class Shape(ABC):
    """One tool, as something to be judged and then run.

    `keeps` are the obligations that the tool keeps by itself.
    """

    keeps: frozenset[str] = frozenset()

    def __init__(self, tool: AnyTool) -> None:
        self.tool = tool
        self._streaming = tool if isinstance(tool, StreamTool) else None

    @abstractmethod
    def show(self, raw: Mapping[str, Any]) -> Shown:
        """Return name and effective arguments of a call.

        Raises:
            ActionRefusedError: the tool would not take them, or they cannot be shown whole.
        """

    @abstractmethod
    def restore(self, arguments: bytes) -> Any:
        """Return what the tool is given for permitted arguments.

        Raises:
            ActionRefusedError: the tool would not take exactly these.
        """

    def run(
        self, arguments: bytes, token: CancellationToken, call_id: str | None
    ) -> Awaitable[Any]:
        """Return what runs the tool once with exactly these arguments.

        Raises:
            ActionRefusedError: the tool would not take exactly these; nothing ran.
        """
        return self.tool.run_json(self.restore(arguments), token, call_id=call_id)

    def stream(
        self, arguments: bytes, token: CancellationToken, call_id: str | None
    ) -> AsyncGenerator[Any, None]:
        """Do the same for a tool that streams.

        Raises:
            ActionRefusedError: the tool would not take exactly these; nothing ran.
        """
        if self._streaming is None:
            raise TypeError(f"{self.tool.name} does not stream")
        return self._streaming.run_json_stream(self.restore(arguments), token, call_id=call_id)


class ModelShape(Shape):
    """A tool whose arguments are a pydantic model: nearly all."""

    def __init__(self, tool: AnyTool) -> None:
        super().__init__(with_context(tool))
        self._model: type[BaseModel] = tool.args_type()
        # the stock methods take a validated model as it is; others are given plain data
        self._takes_model = type(tool).run_json is BaseTool.run_json
        self._absent = _absent_as_none(self._model) if self._takes_model else frozenset[str]()

    def show(self, raw: Mapping[str, Any]) -> Shown:
        """Validate a private copy, and prove that what is shown is all there is."""
        try:
            model = self._model.model_validate(parsed(frozen_object(raw)))
        except ValueError as error:
            raise invalid(str(error)) from error
        try:
            arguments = canonical(self.dump(model))
            again = self._model.model_validate(parsed(arguments))
        except ValueError as error:
            raise not_shown(str(error)) from error
        if again != model:  # a secret, an excluded field: the judge would see something else
            raise not_shown("they change when written as JSON")
        return Shown(self.tool.name, arguments)

    def restore(self, arguments: bytes) -> Any:
        """Return the model of exactly these arguments."""
        try:
            model = self._model.model_validate(parsed(arguments))
        except ValidationError as error:
            raise not_runnable(str(error)) from error
        if canonical(self.dump(model)) != arguments:
            raise not_runnable("the tool reads them as something else")
        return model if self._takes_model else parsed(arguments)

    def dump(self, model: BaseModel) -> dict[str, Any]:
        """All arguments, defaults included, as JSON data.

        An optional argument that is None and by default None stays absent: a tool that gets the
        model cannot tell the two apart, and a closed schema need not let each option be null.
        """
        whole = model.model_dump(mode="json", by_alias=True)
        return {
            name: value
            for name, value in whole.items()
            if value is not None or name not in self._absent
        }


class WholeShape(ModelShape):
    """A tool that sends a null on: there, null and absent are two things."""

    def dump(self, model: BaseModel) -> dict[str, Any]:
        """All arguments, nulls included."""
        return model.model_dump(mode="json", by_alias=True)


class McpAdapterShape(ModelShape):
    """A tool of an MCP server: it is sent only what is set, so only that is shown.

    A default that the server declares is set; an absent optional stays absent, because
    servers refuse `null` where they take nothing.
    """

    def dump(self, model: BaseModel) -> dict[str, Any]:
        """The arguments that the server will receive."""
        whole = model.model_dump(mode="json", by_alias=True)
        given = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {name: value for name, value in whole.items() if name in given or value is not None}


class BeneathShape(ModelShape):
    """A tool of `file_tools`: it opens beneath its root and follows nothing."""

    keeps = frozenset({NO_SYMLINKS})


class HandoffShape(Shape):
    """A handoff of an AssistantAgent: to whom is what matters."""

    def __init__(self, tool: AnyTool, target: str) -> None:
        super().__init__(with_context(tool))
        self._arguments = canonical({"target": target})

    def show(self, raw: Mapping[str, Any]) -> Shown:
        """Show the target; the tool takes no arguments."""
        del raw
        return Shown(HANDOFF, self._arguments)

    def restore(self, arguments: bytes) -> Any:
        """Return no arguments, if the target is still the same."""
        if arguments != self._arguments:
            raise not_runnable("a handoff cannot be turned to somebody else")
        return {}


class RunnerShape(Shape):
    """AgentTool and TeamTool: the task is handed to an agent or a team, itself guarded."""

    def __init__(self, tool: AnyTool) -> None:
        super().__init__(tool)
        self._inner = ModelShape(tool)

    def show(self, raw: Mapping[str, Any]) -> Shown:
        """Show to whom and what."""
        arguments = parsed(self._inner.show(raw).arguments)
        return Shown(HANDOFF, canonical({"target": self.tool.name, **arguments}))

    def restore(self, arguments: bytes) -> Any:
        """Return the task, if the target is still the same."""
        value = parsed(arguments)
        if value.pop("target", None) != self.tool.name:
            raise not_runnable("a handoff cannot be turned to somebody else")
        return self._inner.restore(canonical(value))


def shape_of(tool: AnyTool) -> Shape:
    """Return the shape of a tool, by what it really is."""
    names = {
        cls.__name__ for cls in type(tool).__mro__ if cls.__module__.startswith("autogen_ext.")
    }
    if "HttpTool" in names:
        from autogen_counterfoil.http_tool import HttpShape  # noqa: PLC0415 -- optional extra

        return HttpShape(tool)
    if "McpToolAdapter" in names:
        return McpAdapterShape(tool)
    if isinstance(tool, TaskRunnerTool):
        return RunnerShape(tool)
    if type(tool) is BeneathTool:  # a subclass may open in another way
        return BeneathShape(tool)
    return ModelShape(tool)


def _absent_as_none(model: type[BaseModel]) -> frozenset[str]:
    """The names under which a model writes the fields that are None when they are left out."""
    return frozenset(
        field.serialization_alias or field.alias or name
        for name, field in model.model_fields.items()
        if field.default is None and not field.is_required()
    )


def with_context(tool: AnyTool) -> AnyTool:
    """Return the tool such that its function sees the context of its call.

    A synchronous function runs in AutoGen's executor *without* the ContextVars, so without
    its grant. Its body goes through `asyncio.to_thread`, which takes them along.
    """
    if type(tool) is not FunctionTool or asyncio.iscoroutinefunction(tool._func):
        return tool
    function = tool._func

    @functools.wraps(function)
    async def in_thread(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(function, *args, **kwargs)

    clone = copy.copy(tool)
    clone._func = in_thread
    return clone


def invalid(detail: str) -> ActionRefusedError:
    """The tool would not take these arguments at all; nobody was asked."""
    return ActionRefusedError(
        refused(
            "hook.arguments_invalid",
            f"The tool does not take these arguments: {detail[:1500]}",
            solution="Correct the arguments.",
            again=Again.CORRECTED,
        )
    )


def not_shown(detail: str) -> ActionRefusedError:
    """The arguments cannot be shown to the service whole, so they are not judged."""
    return ActionRefusedError(
        refused(
            "hook.arguments_not_shown",
            f"The arguments cannot be shown to the authorization service whole: {detail[:500]}",
            solution="The tool's author must use arguments that JSON can carry.",
            again=Again.NOT_IN_THIS_RUN,
        )
    )


def not_runnable(detail: str) -> ActionRefusedError:
    """What was judged is not what the tool would run."""
    return ActionRefusedError(
        refused(
            "hook.judged_form_not_runnable",
            f"The tool cannot run exactly what was judged: {detail[:500]}",
            solution="Write the call in its plainest form.",
            again=Again.CORRECTED,
        )
    )
