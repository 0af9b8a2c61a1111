"""The team of `sql_team.py`, guarded, with a model that says what the story wants it to."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import sql_team
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ToolCallExecutionEvent

from autogen_counterfoil import (
    Grant,
    Guard,
    HookError,
    PendingApproval,
    current_grant,
    protect,
    run,
)
from demo.errors import DemoError

_DECISION = re.compile(r"dec_[0-9A-Za-z]{26}")
_REASON = re.compile(r"^- (?P<title>.*) \[(?P<code>[a-z_.]+)\]$", re.MULTILINE)
_SOLUTION = re.compile(r"^ +What to do: (?P<solution>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """The tool was called: with what, and under which grant."""

    sql: str
    grant: Grant | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One call as the model saw its end, and what ran for it."""

    text: str
    refused: bool
    ran: tuple[Ran, ...]

    @property
    def summary(self) -> str:
        """In a few words: allow, or refused and why."""
        code, title, _ = self.reason
        return f"refused: {code or title}" if self.refused else "allow"

    @property
    def decision_id(self) -> str:
        """The decision behind it, as told to the tool or to the model."""
        if self.ran and self.ran[0].grant is not None:
            return self.ran[0].grant.decision_id
        found = _DECISION.search(self.text)
        return found[0] if found else ""

    @property
    def reason(self) -> tuple[str, str, str]:
        """Code, title and solution of a refusal; empty where there is none."""
        reason, solution = _REASON.search(self.text), _SOLUTION.search(self.text)
        return (
            reason["code"] if reason else "",
            reason["title"] if reason else self.text,
            solution["solution"] if solution else "",
        )


class Team:
    """A guarded team; each step is one call of the model's, run to its end."""

    def __init__(self, url: str, statements: list[str], on_approval: OnApproval) -> None:
        self._ran: list[Ran] = []
        turns = [turn for sql in statements for turn in (("sql", sql), ("text", "Done."))]

        guard = Guard(url, deadline_seconds=15, approval_wait_seconds=60, on_approval=on_approval)
        team = sql_team.sql_team(sql_team.replayed(tuple(turns)), self._tool())
        self._guard, self._team = guard, protect(team, guard)

    async def step(self, token: str, *, task: str | None = None) -> Seen:
        """Let the model make its next call; without a task, it goes on with the last one.

        Raises:
            DemoError: the model was shown no result of exactly one call.
        """
        self._ran.clear()
        try:
            result = await run(self._guard, self._team, task=task, token=lambda: token)
        except HookError as error:
            raise DemoError(f"the team cannot run: {error}") from error
        shown = _results(result)
        if len(shown) != 1:
            raise DemoError(f"the model was shown {len(shown)} results of one call")
        text, refused = shown[0]
        return Seen(text=text, refused=refused, ran=tuple(self._ran))

    def _tool(self) -> Callable[[str, str], Awaitable[str]]:
        @functools.wraps(sql_team.run_sql)
        async def run_sql(database: str, sql: str) -> str:
            self._ran.append(Ran(sql, current_grant()))
            return await sql_team.run_sql(database, sql)

        return run_sql


OnApproval = Callable[[PendingApproval], None]


def _results(result: TaskResult) -> list[tuple[str, bool]]:
    """Text and error flag of every tool result that the model was shown."""
    events = [item for item in result.messages if isinstance(item, ToolCallExecutionEvent)]
    return [(str(one.content), bool(one.is_error)) for event in events for one in event.content]
