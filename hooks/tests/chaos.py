"""Calls of real AutoGen tools against the real service, while its processes are killed.

Everything is drawn from one seed: what each call asks for, which tool, how long it works,
when it is cancelled, and which process is killed after how many calls.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import processes
from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, GuardedWorkbench, current_grant
from autogen_counterfoil.cancel import Cancel
from autogen_counterfoil.guard import Permit
from autogen_counterfoil.refusal import Refusal
from builders import bench
from running import Running

ALLOWED, DENIED = "CREATE TABLE public.c{n} (id integer)", "CREATE TABLE secret.c{n} (id integer)"
SLOW_SECONDS = 0.05
PAUSE_SECONDS = 1.0
KINDS = ("worker", "opa", "ledger", "reader", "http", "parent", "all")
CONFIG = """
[[action]]
tool = "run_sql_sync"
family = "database"
command = "{sql}"
resource = "{database}"
enforcement = "enforce"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the plan."""

    n: int
    tool: str
    sql: str
    how: str
    cancel_after: float | None


def plan(count: int, seed: int) -> list[Call]:
    """The calls: a quarter are denied, a tenth cancelled, a third slow, a third fail."""
    dice = random.Random(seed)  # noqa: S311 -- a seed to repeat, not a secret
    return [
        Call(
            n=n,
            tool=dice.choice(["run_sql", "run_sql_sync"]),
            sql=dice.choice([ALLOWED, ALLOWED, ALLOWED, DENIED]).format(n=n),
            how=dice.choice(["quick", "slow", "fail"]),
            cancel_after=dice.random() * 0.1 if dice.random() < 0.1 else None,
        )
        for n in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Began:
    """One start of a tool, as the tool itself saw it."""

    n: int
    sql: str
    decision_id: str
    digest: str
    signed_request: str


class WatchedGuard(Guard):
    """The guard itself, and a list of the permits that it gave."""

    def __init__(self, url: str, **options: float) -> None:
        super().__init__(url, **options)  # type: ignore[arg-type]  # only numbers are given
        self.permits: list[str] = []

    async def decide(
        self,
        *,
        name: str,
        arguments: bytes,
        agent: str | None,
        call_id: str | None,
        team_id: str | None,
        cancel: Cancel,
        keeps: frozenset[str] = frozenset(),
    ) -> Permit | Refusal:
        verdict = await super().decide(
            name=name, arguments=arguments, agent=agent, call_id=call_id, team_id=team_id,
            cancel=cancel, keeps=keeps,
        )  # fmt: skip
        if isinstance(verdict, Permit) and verdict.decision_id is not None:
            self.permits.append(verdict.decision_id)
        return verdict


@dataclass
class Chaos:
    """A run of the plan, and what came of it."""

    service: Running
    guard: WatchedGuard
    calls: Sequence[Call]
    parallel: int
    began: list[Began] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0
    lost: int = 0
    _tokens: dict[int, CancellationToken] = field(default_factory=dict)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self, kills: Sequence[str], *, seed: int) -> None:
        """Make all calls, `parallel` at a time, and kill a process after every so many runs."""
        token = self.service.token()
        tools = [
            FunctionTool(self._run_sql, "d", name="run_sql"),
            FunctionTool(self._run_sql_sync, "d", name="run_sql_sync"),
        ]
        workbench = GuardedWorkbench(bench(tools), self.guard, agent="coder")
        gate = asyncio.Semaphore(self.parallel)
        async with self.guard.session(token=lambda: token, task="Make many tables") as session:
            killing = asyncio.create_task(self._kill(kills, seed))
            await asyncio.gather(*(self._one(workbench, gate, call) for call in self.calls))
            await killing
            await asyncio.sleep(SLOW_SECONDS * 3)  # threads that outlived their cancellation
        self.lost = session.outbox.lost

    async def _one(self, workbench: GuardedWorkbench, gate: asyncio.Semaphore, call: Call) -> None:
        loop = asyncio.get_running_loop()
        async with gate:
            token = CancellationToken()
            if call.how == "slow" and call.n % 5 == 0:
                self._tokens[call.n] = token  # cancelled by the tool itself, once it has begun
            if call.cancel_after is not None:
                loop.call_later(call.cancel_after, token.cancel)
            arguments = {"database": "orders", "sql": call.sql}
            began = loop.time()
            # the model repeats its call ids on purpose
            result = await workbench.call_tool(call.tool, arguments, token, f"call_{call.n % 3}")
            self.longest_seconds = max(self.longest_seconds, loop.time() - began)
            if "yes, later" in result.to_text():
                await asyncio.sleep(PAUSE_SECONDS)  # as whoever reads that would
        async with self._moved:
            self.ended["error" if result.is_error else "ok"] += 1
            found = re.search(r"\[([a-z_.]+)\]", result.to_text())
            self.texts[found[1] if found else "of the tool"] += 1
            self._moved.notify_all()

    async def _kill(self, kills: Sequence[str], seed: int) -> None:
        dice = random.Random(seed + 1)  # noqa: S311 -- as above
        runs = len(self.calls) // (4 * len(kills))
        for kind in kills:
            if not await self._have_run(runs):
                return
            await asyncio.to_thread(self._kill_one, kind, dice)
            self.killed[kind] += 1

    async def _have_run(self, more: int) -> bool:
        """Wait until so many more tools have run; False where the calls end before that."""
        wanted = len(self.began) + more
        last = len(self.calls) - self.parallel
        async with self._moved:
            await self._moved.wait_for(
                lambda: len(self.began) >= wanted or self.ended.total() >= last
            )
        return len(self.began) >= wanted

    def _kill_one(self, kind: str, dice: random.Random) -> None:
        parent = self.service.process.pid
        if kind in {"parent", "all"}:
            for pid in processes.everyone(parent) if kind == "all" else [parent]:
                _kill(pid)
            self.service.process.wait(30)
            self.service.start()
            return
        processes.eventually(lambda: bool(processes.family(parent)[kind]), f"a {kind}")
        _kill(dice.choice(processes.family(parent)[kind] or [parent]))

    async def _run_sql(self, database: str, sql: str) -> str:
        call = self._note(sql)
        await asyncio.sleep(SLOW_SECONDS if call.how == "slow" else 0)
        return _ended(call)

    def _run_sql_sync(self, database: str, sql: str) -> str:
        call = self._note(sql)
        threading.Event().wait(SLOW_SECONDS if call.how == "slow" else 0)
        return _ended(call)

    def _note(self, sql: str) -> Call:
        found = re.search(r"\.c(\d+) ", sql)
        assert found is not None
        call = self.calls[int(found[1])]
        grant = current_grant()
        assert grant is not None
        assert grant.scoped_token_request is not None
        signed = str(grant.scoped_token_request["signed_request"])
        self.began.append(Began(call.n, sql, grant.decision_id, grant.action_digest, signed))
        if call.n in self._tokens:
            self._tokens[call.n].cancel()
        return call


def _kill(pid: int) -> None:
    try:
        processes.kill(pid)
    except ProcessLookupError:
        return  # it died with another one


def _ended(call: Call) -> str:
    if call.how == "fail":
        raise ValueError(f"tool {call.n} failed")
    return f"did {call.n}"
