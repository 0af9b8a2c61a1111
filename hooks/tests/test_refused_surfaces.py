"""What acts by itself is refused at start, by name, with what to do instead."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken

from autogen_counterfoil import Guard, GuardedWorkbench, UnguardedSurfaceError, guard_tools, protect
from autogen_counterfoil.surfaces import REFUSED_AGENTS
from builders import Ran, assistant, model
from simulator import Simulator

Token = Callable[[], str]


class Plain(BaseChatAgent):
    """An agent of one's own that acts in its own method."""

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> Response:
        return Response(chat_message=TextMessage(content="x", source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing to reset."""


@pytest.mark.parametrize("name", sorted(REFUSED_AGENTS))
def test_agent_that_acts_inside_its_own_methods_is_refused(guard: Guard, name: str) -> None:
    # the real classes need browsers and providers to construct; what decides is class and home
    cls = type(name, (Plain,), {"__module__": "autogen_ext.agents.somewhere"})
    surfer = cls("surfer", "d")
    ran = Ran()

    async def tool() -> str:
        return "x"

    good = assistant("x", name="good", tools=[tool])
    before = good._workbench
    with pytest.raises(UnguardedSurfaceError) as caught:
        protect(RoundRobinGroupChat([good, surfer]), guard)
    (surface,) = caught.value.surfaces
    assert surface.name == name
    assert REFUSED_AGENTS[name] in str(caught.value)
    assert "surfer" in surface.where
    assert good._workbench is before, "a refused team was changed half-way"
    protect(RoundRobinGroupChat([good]), guard)  # control
    assert ran == []


def test_real_file_surfer_is_refused(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    # its page converter is an extra: only its name is needed to import the real agent
    converter = types.ModuleType("markitdown")
    page = types.SimpleNamespace(title="", text_content="")
    members = {"convert_stream": lambda *_args, **_kwargs: page}
    for missing in ("MarkItDown", "FileConversionException", "UnsupportedFormatException"):
        setattr(converter, missing, type(missing, (Exception,), members))
    monkeypatch.setitem(sys.modules, "markitdown", converter)
    from autogen_ext.agents.file_surfer import FileSurfer  # noqa: PLC0415

    surfer = FileSurfer("files", model("x"))
    with pytest.raises(UnguardedSurfaceError, match="FileSurfer"):
        protect(RoundRobinGroupChat([surfer]), guard)


@pytest.mark.parametrize("name", ["on_messages", "on_messages_stream", "_execute_tool_call", "run"])
def test_assistant_with_its_own_methods_is_refused(guard: Guard, name: str) -> None:
    async def own(*_args: Any, **_kwargs: Any) -> Any:
        raise NotImplementedError

    cls = type("Sly", (AssistantAgent,), {name: own})
    with pytest.raises(UnguardedSurfaceError, match=f"Sly.{name}"):
        protect(cls("sly", model("x")), guard)
    harmless = type("Named", (AssistantAgent,), {"on_reset": own, "helper": own})
    protect(harmless("named", model("x")), guard)  # control


def test_method_replaced_on_the_instance_is_refused(guard: Guard) -> None:
    agent = assistant("x")
    agent.__dict__["on_messages_stream"] = lambda *_args: None
    with pytest.raises(UnguardedSurfaceError, match="on_messages_stream"):
        protect(agent, guard)


def test_method_of_a_mixin_is_refused(guard: Guard) -> None:
    class Mixin:
        async def on_messages(self, *_args: Any) -> Any:
            raise NotImplementedError

    cls = type("Mixed", (Mixin, AssistantAgent), {})
    with pytest.raises(UnguardedSurfaceError, match=r"Mixed\.on_messages"):
        protect(cls("mixed", model("x")), guard)


def test_unknown_agent_is_refused_unless_reviewed(guard: Guard) -> None:
    team = RoundRobinGroupChat([Plain("plain", "d")])
    with pytest.raises(UnguardedSurfaceError, match="reviewed"):
        protect(team, guard)
    protect(team, guard, reviewed=[Plain])  # control


def test_reviewed_assistant_still_has_its_tools_guarded(guard: Guard) -> None:
    class Logging(AssistantAgent):
        async def on_messages(self, *args: Any) -> Any:
            return await super().on_messages(*args)

    agent = Logging("a", model("x"))
    protect(agent, guard, reviewed=[Logging])
    assert all(isinstance(workbench, GuardedWorkbench) for workbench in agent._workbench)


def test_unguardable_agent_behind_a_tool_is_refused(guard: Guard) -> None:
    tool = AgentTool(Plain("plain", "d"))
    good, bad = assistant("x", name="good"), assistant("x", name="bad", tools=[tool])
    before = good._workbench
    with pytest.raises(UnguardedSurfaceError, match="bad/plain"):
        protect(RoundRobinGroupChat([good, bad]), guard)
    assert good._workbench is before, "a refused team was changed half-way"
    with pytest.raises(UnguardedSurfaceError, match="plain"):
        guard_tools([tool], guard)


def test_team_of_unknown_kind_is_refused(guard: Guard) -> None:
    class Own(RoundRobinGroupChat):
        async def run_stream(self, **_kwargs: Any) -> Any:
            yield None

    with pytest.raises(UnguardedSurfaceError, match=r"Own\.run_stream"):
        protect(Own([assistant("x")]), guard)


def test_tools_that_the_provider_runs_are_refused(guard: Guard) -> None:
    agent = assistant("x")
    agent._model_client.__dict__["_create_args"] = {"model": "m", "web_search_options": {}}
    with pytest.raises(UnguardedSurfaceError, match="web_search_options"):
        protect(agent, guard)
    agent._model_client.__dict__["_create_args"] = {"model": "m", "temperature": 0}
    protect(agent, guard)  # control


def test_team_has_one_guard(sim: Simulator, guard: Guard) -> None:
    team = protect(assistant("x"), guard)
    with pytest.raises(UnguardedSurfaceError, match="One team has one Guard"):
        protect(team, Guard(sim.url))
