"""The three lines: `Guard(url)`, `protect(team, guard)`, `run(guard, team, task=…, token=…)`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import TypeVar

from autogen_agentchat.base import ChatAgent, TaskResult, Team
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_core import CancellationToken

from autogen_counterfoil.credentials import Tokens
from autogen_counterfoil.dpop import DPoPKey
from autogen_counterfoil.guard import Guard
from autogen_counterfoil.walk import MARK, Mark, protect_node

NodeT = TypeVar("NodeT", bound=ChatAgent | Team)
Task = str | BaseChatMessage | Sequence[BaseChatMessage] | None


def protect(team: NodeT, guard: Guard, *, reviewed: Collection[type] = ()) -> NodeT:
    """Guard everything in `team` that can act, in place, and return it.

    Args:
        team: a team or a single agent. Walked whole: nested teams, agents behind tools,
            workbenches, tools, handoffs and code executors.
        guard: who is asked.
        reviewed: classes of your own that you have read: they call no tool and run no code
            except through what the hook guards.

    Raises:
        UnguardedSurfaceError: something in it acts by itself; nothing was changed.
    """
    protect_node(team, guard, reviewed)
    return team


async def run(
    guard: Guard,
    team: ChatAgent | Team,
    *,
    task: Task = None,
    token: Tokens = None,
    key: DPoPKey | None = None,
    cancellation_token: CancellationToken | None = None,
    reviewed: Collection[type] = (),
) -> TaskResult:
    """Run a team with every action judged, and report the outcomes before returning.

    Args:
        guard: who is asked.
        team: protected here if it is not yet; what was added since is guarded too.
        task: as for `team.run`.
        token: a callable that gives the delegation token, a `pathlib.Path`, a mapping from
            agent names to those ("*" for the team), or None for the environment.
        key: what every token must be bound to (DPoP, RFC 9449); each call then carries a proof.
            None: plain tokens, or with `token=None` the key that the environment names.
        cancellation_token: as for `team.run`.
        reviewed: as for `protect`.

    Raises:
        UnguardedSurfaceError: something in the team acts by itself; nothing was started.
        CredentialError: no delegation token can be had; nothing was started.
    """
    ids = protect_node(team, guard, reviewed)
    async with guard.session(token=token, key=key, task=_task_text(team, task), teams=ids):
        return await team.run(task=task, cancellation_token=cancellation_token)


async def run_stream(
    guard: Guard,
    team: ChatAgent | Team,
    *,
    task: Task = None,
    token: Tokens = None,
    key: DPoPKey | None = None,
    cancellation_token: CancellationToken | None = None,
    reviewed: Collection[type] = (),
) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult, None]:
    """Do the same as `run`, and yield what `team.run_stream` yields."""
    ids = protect_node(team, guard, reviewed)
    async with guard.session(token=token, key=key, task=_task_text(team, task), teams=ids):
        async for item in team.run_stream(task=task, cancellation_token=cancellation_token):
            yield item


def _task_text(team: ChatAgent | Team, task: Task) -> str | None:
    """The task in words; a team that goes on without a new one goes on with its last."""
    mark: Mark = vars(team)[MARK]
    if isinstance(task, str):
        mark.task = task
    elif isinstance(task, BaseChatMessage):
        mark.task = task.to_text()
    elif task is not None:
        mark.task = "\n".join(message.to_text() for message in task)
    return mark.task
