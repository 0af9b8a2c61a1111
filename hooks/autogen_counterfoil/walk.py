"""Walks a team and guards everything in it that can act, or nothing at all.

First the whole team is looked at. If one thing acts by itself, the team is left as it was
and `UnguardedSurfaceError` names all such things. Only then are the guards put in, in place,
so that no reference to an unguarded agent is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from autogen_agentchat.agents import (
    AssistantAgent,
    CodeExecutorAgent,
    MessageFilterAgent,
    SocietyOfMindAgent,
)
from autogen_agentchat.base import ChatAgent, Team
from autogen_agentchat.teams import BaseGroupChat
from autogen_agentchat.tools._task_runner_tool import TaskRunnerTool
from autogen_core.tools import Workbench

from autogen_counterfoil.code import GuardedCodeExecutor
from autogen_counterfoil.core_tools import GuardedTool, refuse_component
from autogen_counterfoil.errors import Surface, UnguardedSurfaceError
from autogen_counterfoil.guard import Guard
from autogen_counterfoil.handoffs import guard_handoffs
from autogen_counterfoil.surfaces import (
    GUARDED_AGENTS,
    GUARDED_TEAMS,
    HARMLESS_OVERRIDES,
    REFUSED_AGENTS,
    autogen_names,
)
from autogen_counterfoil.workbench import STATIC, GuardedWorkbench

MARK = "_counterfoil"
PROVIDER_TOOLS = frozenset({"tools", "web_search_options", "mcp_servers", "plugins"})
"""Arguments of a model client by which the provider runs tools of its own."""
UNKNOWN = (
    "The hook does not know what it does. Use one of AutoGen's own agents and teams, or, "
    "when you have read that it calls no tool and runs no code by itself, name its class in "
    "protect(…, reviewed=[…])"
)


@dataclass(slots=True)
class Mark:
    """What is remembered of a protected agent or team."""

    guard: Guard
    task: str | None = None


@dataclass(slots=True)
class Plan:
    """What a walk found, and what it will change."""

    guard: Guard
    reviewed: tuple[type, ...] = ()
    findings: list[Surface] = field(default_factory=list)
    team_ids: set[str] = field(default_factory=set)
    _changes: list[Callable[[], None]] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def visit(self, node: object, where: str) -> None:
        """Look at an agent or a team, and at all within."""
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        where = f"{where}/{getattr(node, 'name', type(node).__name__)}"
        if not isinstance(node, (ChatAgent, Team)):
            self.find(where, type(node).__name__, UNKNOWN)
        elif self._is_known(node, where):
            mark = vars(node).get(MARK)
            if mark is not None and mark.guard is not self.guard:
                self.find(where, "already guarded", "One team has one Guard")
                return
            self._look_inside(node, where)
            self._changes.append(lambda: _mark(node, self.guard))

    def find(self, where: str, name: str, remedy: str) -> None:
        """Note something that cannot be guarded."""
        self.findings.append(Surface(where, name, remedy))

    def apply(self) -> None:
        """Put the guards in.

        Raises:
            UnguardedSurfaceError: something cannot be guarded; nothing was changed.
        """
        if self.findings:
            raise UnguardedSurfaceError(self.findings)
        for change in self._changes:
            change()
        self.guard.sessions.know(self.team_ids)

    def _is_known(self, node: ChatAgent | Team, where: str) -> bool:
        """Whether what the node does is known; notes it if not."""
        names = autogen_names(type(node))
        refused = next((name for name in names if name in REFUSED_AGENTS), None)
        if refused is not None:
            self.find(where, refused, REFUSED_AGENTS[refused])
            return False
        if not any(name in GUARDED_AGENTS or name in GUARDED_TEAMS for name in names):
            if not isinstance(node, self.reviewed):
                self.find(where, type(node).__name__, UNKNOWN)
            return False
        if not isinstance(node, self.reviewed) and (own := overrides(node)):
            self.find(
                where, f"{type(node).__name__}.{own[0]}", "It replaces what is guarded. " + UNKNOWN
            )
            return False
        return True

    def _look_inside(self, node: ChatAgent | Team, where: str) -> None:
        if isinstance(node, AssistantAgent):
            self._assistant(node, where)
        elif isinstance(node, CodeExecutorAgent):
            self._changes.append(lambda: _guard_executor(node, self.guard))
        elif isinstance(node, SocietyOfMindAgent):
            self.visit(node._team, where)
        elif isinstance(node, MessageFilterAgent):
            self.visit(node._wrapped_agent, where)
        elif isinstance(node, BaseGroupChat):
            self.team_ids.add(node._team_id)
            for participant in node._participants:
                self.visit(participant, where)

    def _assistant(self, agent: AssistantAgent, where: str) -> None:
        self._client(agent._model_client, where)
        for workbench in agent._workbench:
            self._workbench(workbench, where)
        self._changes.append(lambda: _guard_assistant(agent, self.guard))

    def _workbench(self, workbench: Workbench, where: str) -> None:
        if isinstance(workbench, GuardedWorkbench):
            if workbench.guard is not self.guard:
                self.find(where, "GuardedWorkbench", "It has another Guard. One team has one Guard")
            inner = workbench.inner
        else:
            inner = workbench
        if getattr(inner, "_model_client", None) is not None:
            self.find(
                where,
                f"{type(inner).__name__} with model_client",
                "Its server could drive the model by sampling, unseen. Leave model_client out",
            )
        for tool in getattr(inner, "_tools", []) if type(inner) in STATIC else []:
            self._tool(tool, where)

    def _tool(self, tool: object, where: str) -> None:
        if isinstance(tool, GuardedTool):
            if tool.guard is not self.guard:
                self.find(where, tool.name, "It has another Guard. One team has one Guard")
            tool = tool.inner
        if isinstance(tool, TaskRunnerTool):
            self.visit(tool._task_runner, where)
        names = autogen_names(type(tool))
        if "HttpTool" in names and "run" in _own_names(type(tool)):
            self.find(
                where, type(tool).__name__, "It sends its requests in its own way. Use HttpTool"
            )

    def _client(self, client: object, where: str) -> None:
        arguments = getattr(client, "_create_args", None)
        if isinstance(arguments, dict) and (own := PROVIDER_TOOLS & arguments.keys()):
            self.find(
                where,
                f"{type(client).__name__} with {', '.join(sorted(own))}",
                "The provider would run tools itself, where nothing can be judged. Leave it out",
            )


def protect_node(node: object, guard: Guard, reviewed: Collection[type] = ()) -> set[str]:
    """Guard an agent or team in place and return the ids of all teams within.

    Raises:
        UnguardedSurfaceError: it cannot be guarded; nothing was changed.
    """
    plan = Plan(guard, tuple(reviewed))
    plan.visit(node, "")
    plan.apply()
    return plan.team_ids


def overrides(node: object) -> list[str]:
    """Return the methods of AutoGen's that a node has of its own, by class or on itself."""
    own = [name for name in _own_names(type(node)) if name not in HARMLESS_OVERRIDES]
    if MARK not in vars(node):
        own += [
            name
            for name, value in vars(node).items()
            if callable(value) and hasattr(type(node), name)
        ]
    return own


def _own_names(cls: type) -> Iterable[str]:
    """Names that the classes outside of AutoGen redefine."""
    known = next(base for base in cls.__mro__ if base.__module__.startswith("autogen_"))
    for base in cls.__mro__[: cls.__mro__.index(known)]:
        for name, value in vars(base).items():
            special = name.startswith("__") and name not in {"__getattribute__", "__call__"}
            if not special and hasattr(known, name) and (callable(value) or _wraps(value)):
                yield name


def _wraps(value: object) -> bool:
    return isinstance(value, (property, staticmethod, classmethod))


def _guard_assistant(agent: AssistantAgent, guard: Guard) -> None:
    guarded = []
    for workbench in agent._workbench:
        if isinstance(workbench, GuardedWorkbench):
            workbench.agent = workbench.agent or agent.name
            guarded.append(workbench)
        else:
            guarded.append(GuardedWorkbench(workbench, guard, agent=agent.name))
    agent._workbench = guarded
    if MARK not in vars(agent):
        guard_handoffs(agent, guard)


def _guard_executor(agent: CodeExecutorAgent, guard: Guard) -> None:
    executor = agent._code_executor
    if not isinstance(executor, GuardedCodeExecutor):
        agent._code_executor = GuardedCodeExecutor(executor, guard, agent=agent.name)


def _mark(node: Any, guard: Guard) -> None:
    """Mark a node as guarded, and have it refuse to be dumped without its guard."""
    vars(node).setdefault(MARK, Mark(guard))
    vars(node)["dump_component"] = vars(node)["_to_config"] = refuse_component
