"""Hundreds of calls, fifty at a time, with everything going wrong: nothing runs unallowed.

Seeded: the same calls, effects, faults and cancellations each time. The service is stopped
and started in the middle, with calls in flight.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool

from autogen_counterfoil import Guard, GuardedWorkbench, current_grant
from builders import bench
from simulator import Simulator, delegation

CALLS, PARALLEL, SEED = 400, 50, 20261124
FAULTS = ["503", "500", "refused", "cut", "answer_lost", "garbage", "empty", "401", "400"]
SLOW_SECONDS = 0.03
DEADLINE_SECONDS = 1.5
HANG_SECONDS = 10  # deadline, grace and a loaded machine


@dataclass
class Chaos:
    """What ran and under which grant, as the tool itself saw it."""

    began: list[tuple[int, str]] = field(default_factory=list)
    jtis: list[str] = field(default_factory=list)
    longest: float = 0.0
    cancel_on_begin: dict[int, CancellationToken] = field(default_factory=dict)

    async def act(self, n: int, how: str) -> str:
        self._note(n)
        await asyncio.sleep(SLOW_SECONDS if how == "slow" else 0)
        if how == "fail":
            raise ValueError(f"tool {n} failed")
        return f"did {n}"

    def act_sync(self, n: int, how: str) -> str:
        self._note(n)
        threading.Event().wait(SLOW_SECONDS if how == "slow" else 0)
        if how == "fail":
            raise ValueError(f"tool {n} failed")
        return f"did {n}"

    def _note(self, n: int) -> None:
        grant = current_grant()
        assert grant is not None
        assert grant.scoped_token_request is not None
        self.began.append((n, grant.decision_id))
        if n in self.cancel_on_begin:
            self.cancel_on_begin[n].cancel()
        self.jtis.append(grant.scoped_token_request["signed_request"])  # type: ignore[arg-type]  # text


async def test_calls_with_denials_faults_restarts_and_cancellations(  # noqa: PLR0915 -- one story
    sim: Simulator,
) -> None:
    dice = random.Random(SEED)  # noqa: S311 -- a seed to repeat, not a secret
    effects = {n: dice.choice(["allow", "allow", "allow", "deny"]) for n in range(CALLS)}
    sim.default = lambda body: effects[body["action"]["properties"]["arguments"]["n"]]
    lock = threading.Lock()
    sim_dice = random.Random(SEED + 1)  # noqa: S311 -- as above

    def fault(_path: str) -> str | None:
        with lock:
            return sim_dice.choice(FAULTS) if sim_dice.random() < 0.1 else None

    sim.fault = fault
    chaos = Chaos()
    tools: list[Any] = [FunctionTool(chaos.act, "a"), FunctionTool(chaos.act_sync, "s")]
    guard = Guard(sim.url, deadline_seconds=DEADLINE_SECONDS, flush_seconds=20)
    workbench = GuardedWorkbench(bench(tools), guard, agent="coder")
    gate = asyncio.Semaphore(PARALLEL)
    done: Counter[str] = Counter()
    plan = [
        (n, dice.choice(["act", "act_sync"]), dice.choice(["quick", "slow", "fail"]),
         dice.random() * 0.08 if dice.random() < 0.1 else None)
        for n in range(CALLS)
    ]  # fmt: skip

    async def one(n: int, tool: str, how: str, cancel_after: float | None) -> None:
        async with gate:
            token = CancellationToken()
            if how == "slow" and n % 7 == 0:
                chaos.cancel_on_begin[n] = token
            if cancel_after is not None:
                asyncio.get_running_loop().call_later(cancel_after, token.cancel)
            began = asyncio.get_running_loop().time()
            # the model repeats its call ids on purpose
            result = await workbench.call_tool(tool, {"n": n, "how": how}, token, f"call_{n % 3}")
            chaos.longest = max(chaos.longest, asyncio.get_running_loop().time() - began)
            done["error" if result.is_error else "ok"] += 1

    async def restarts() -> None:
        for _ in range(2):
            await asyncio.sleep(0.8)
            await asyncio.to_thread(sim.stop)
            await asyncio.sleep(0.25)
            sim.start(sim.port)

    async with guard.session(token=delegation, task="chaos") as session:
        restarting = asyncio.create_task(restarts())
        await asyncio.gather(*(one(*item) for item in plan))
        await restarting
        await asyncio.sleep(SLOW_SECONDS * 3)  # threads that outlived their cancellation
        sim.fault = None

    allowed = sim.allowed()
    assert done.total() == CALLS
    assert done["ok"] > CALLS / 10, "nearly nothing ran: the chaos proves nothing"
    assert {decision for _, decision in chaos.began} <= allowed, "a tool ran without an allow"
    assert all(effects[n] == "allow" for n, _ in chaos.began)
    ran = Counter(n for n, _ in chaos.began)
    assert max(ran.values()) == 1, "a tool ran twice"
    arguments = {
        sim.known_keys[asked.key][1]["decision_id"]: asked.arguments["n"] for asked in sim.asked
    }
    assert all(arguments[decision] == n for n, decision in chaos.began), "another's allow"
    assert len(set(chaos.jtis)) == len(chaos.jtis), "two calls used one grant"
    assert chaos.longest < HANG_SECONDS
    reported = set(sim.outcomes)
    assert {decision for _, decision in chaos.began} <= reported
    assert session.outbox.lost == 0
    statuses = Counter(outcome["status"] for outcome in sim.outcomes.values())
    assert statuses["ok"] >= done["ok"]
    assert statuses["error"] > 0
    assert statuses["cancelled_unknown"] > 0
    # an allow whose answer never arrived, whatever was tried, is the service's alone
    assert len(allowed - reported) < CALLS / 50
