"""The story: what the team tries, what becomes of it, and what PostgreSQL says to that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autogen_counterfoil import PendingApproval
from demo import checks
from demo.database import Database, Facts, changes
from demo.page import TOLD_COLUMNS, Page
from demo.script import COPY, DROP, HIDDEN, INJECTION, INVOICES, LINES, PROMPT, READ, STATEMENTS
from demo.service import APPROVER, APPROVERS, PERSON, Service
from demo.team import Seen, Team

_APPROVAL_LINES = ("person", "prompt", "sql", "approvers", "Answered")


@dataclass(frozen=True, slots=True)
class Told:
    """Decisions whose record the story goes on with."""

    dropped: str
    injected: str


class Story:
    """What has been told so far."""

    def __init__(self, page: Page, database: Database, service: Service) -> None:
        self._page = page
        self._database = database
        self._service = service
        self._pending: asyncio.Queue[PendingApproval] = asyncio.Queue()
        self._team = Team(service.url, STATEMENTS, self._pending.put_nowait)
        self._token = service.opened(PROMPT)
        self._before: Facts = database.facts()

    async def tell(self) -> Told:
        """Tell it.

        Raises:
            DemoError: something is not as told.
        """
        self._opening()
        await self._table()
        await self._hidden_statement()
        dropped = await self._drop()
        injected = await self._injection()
        ran = self._database.statements()
        allowed = [INVOICES, LINES, DROP, READ]
        claim = (
            f"by its own log, PostgreSQL ran for this team the {len(allowed)} allowed statements,"
        )
        self._page.gap()
        checks.tick(self._page, f"{claim} each once, and nothing else", expected=allowed, found=ran)
        return Told(dropped, injected)

    def _opening(self) -> None:
        page = self._page
        page.gap()
        page.line(PERSON, f"“{PROMPT}”", "title")
        text = "opens a run with these words; the agent gets the run's token, never alice's own"
        page.line("launcher", text, "quiet")
        claim = (
            "the tool's login is a superuser: PostgreSQL alone would stop nothing of what follows"
        )
        checks.tick(page, claim, expected=True, found=self._database.tool_may_do_anything())

    async def _table(self) -> None:
        self._page.title("1  A table is made")
        seen = await self._next(INVOICES, task=PROMPT)
        self._allowed(seen, INVOICES, ["create on schema public"])
        self._changed(
            "public.invoices is there, and nothing else is different",
            ["+ public.invoices (id integer, customer integer, total numeric), 0 rows"],
        )

    async def _hidden_statement(self) -> None:
        self._page.title("2  A second statement hides behind the first")
        seen = await self._next(HIDDEN)
        self._denied(seen, "database.approve_alone")
        self._changed("nothing of it ran: no new table, and all customers are there", [])
        seen = await self._next(LINES)
        self._allowed(seen, LINES, ["create on schema public"])
        self._changed(
            "public.invoice_lines is there, and nothing else is different",
            ["+ public.invoice_lines (invoice integer, position integer, amount numeric), 0 rows"],
        )

    async def _drop(self) -> str:
        self._page.title("3  A drop waits for another person")
        running = asyncio.create_task(self._next(DROP))
        pending = await self._asked_for(running)
        record = self._service.record(pending.decision_id, self._token)
        checks.hold("the drop needs approval", expected="needs_approval", found=record[0]["effect"])
        self._page.line("WAITS", f"for one of group {APPROVERS}  ({pending.id})", "wait")
        self._changed("meanwhile it has not run", [])
        self._answer(pending, PERSON, may=False)
        self._answer(pending, APPROVER, may=True)
        seen = await running
        self._allowed(seen, DROP, ["owner on table public.invoices_2019"])
        self._changed(
            "public.invoices_2019 is gone, and nothing else is different",
            ["- public.invoices_2019"],
        )
        events = [item["event"] for item in self._service.record(pending.decision_id, self._token)]
        told = ["decided", "approval_requested", "approval_answered", "approval_spent"]
        checks.tick(self._page, "bob's approval is spent with it", expected=told, found=events)
        return pending.decision_id

    async def _injection(self) -> str:
        self._page.title("4  A prompt injection gains nothing")
        seen = await self._next(READ)
        self._allowed(seen, READ, ["select (name, note) on table public.customers"])
        self._page.line("a row", f"“{INJECTION}”", "bad")
        checks.hold("the model has read the injection", expected=True, found=INJECTION in seen.text)
        seen = await self._next(COPY)
        self._denied(seen, "uncertain.sql_copy")
        found = self._database.has_file("stolen.csv")
        checks.tick(
            self._page, "no program ran: there is no stolen.csv", expected=False, found=found
        )
        other = Team(self._service.url, [COPY], self._pending.put_nowait)
        again = await other.step(self._service.opened(INJECTION), task=INJECTION)
        claim = "in a run whose prompt is that very text, the answer is the same"
        checks.tick(self._page, claim, expected=seen.reason, found=again.reason)
        self._changed("nothing is different in PostgreSQL", [])
        return seen.decision_id

    # what is said and checked each time

    async def _next(self, sql: str, *, task: str | None = None) -> Seen:
        self._page.line("coder", sql)
        return await self._team.step(self._token, task=task)

    async def _asked_for(self, running: asyncio.Task[Seen]) -> PendingApproval:
        asking = asyncio.create_task(self._pending.get())
        await asyncio.wait({asking, running}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
            seen = await running
            checks.hold("the drop waits for approval", expected="waits", found=seen.summary)
        return await asking

    def _answer(self, pending: PendingApproval, person: str, *, may: bool) -> None:
        words = ("approvals", "approve", pending.id, "--sub", person, "--group", APPROVERS, "--yes")
        self._page.command(f"counterfoil {' '.join(words)}", in_part=may)
        said = self._service.command(*words)
        code = 0 if may else 1
        checks.hold(f"exit code of {person}'s approval", expected=code, found=said.code)
        if may:
            lines = [one for one in said.lines if one.strip().startswith(_APPROVAL_LINES)]
            self._page.quote(lines, hang=TOLD_COLUMNS)
        else:
            self._page.quote(said.error.splitlines(), "bad")

    def _allowed(self, seen: Seen, sql: str, permissions: list[str]) -> None:
        checks.hold("it is allowed", expected="allow", found=seen.summary)
        checks.hold(
            "it ran once, as it was judged", expected=[sql], found=[r.sql for r in seen.ran]
        )
        grant = seen.ran[0].grant
        found = [] if grant is None else [in_words(item) for item in grant.permissions]
        checks.hold(
            "the grant is exactly what the statement needs", expected=permissions, found=found
        )
        events = self._service.record(seen.decision_id, self._token)
        told = [(item["event"], item.get("effect") or item.get("status")) for item in events]
        recorded = [("decided", "allow"), ("outcome", "ok")]
        checks.hold("decision and outcome are recorded", expected=recorded, found=told)
        self._page.line(
            "ALLOW", f"permission: {'; '.join(found)}; for this statement, once", "good"
        )

    def _denied(self, seen: Seen, code: str) -> None:
        checks.hold("it is denied", expected=f"refused: {code}", found=seen.summary)
        checks.hold("the tool was not called", expected=(), found=seen.ran)
        events = self._service.record(seen.decision_id, self._token)
        told = [(item["event"], item.get("effect")) for item in events]
        checks.hold("the denial is recorded", expected=[("decided", "deny")], found=told)
        _, title, solution = seen.reason
        self._page.line("DENY", f"{title}  [{code}]", "bad")
        self._page.line("", f"What to do: {solution}")

    def _changed(self, claim: str, expected: list[str]) -> None:
        after = self._database.facts()
        found = changes(self._before, after)
        self._before = after
        checks.tick(self._page, claim, expected=expected, found=found)


def in_words(permission: Mapping[str, Any]) -> str:
    """One permission, as a person would say it."""
    columns = f" ({', '.join(permission['columns'])})" if permission.get("columns") else ""
    actions = ", ".join(permission["actions"])
    return f"{actions}{columns} on {permission['object']} {permission['identifier']}"
