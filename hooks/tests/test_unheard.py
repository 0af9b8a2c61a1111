"""A decision whose answer is lost: nothing runs, and the record does not end with a permission."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from autogen_core import CancellationToken

from autogen_counterfoil import Guard, protect
from autogen_counterfoil.outcomes import Outbox
from builders import Ran, assistant, results
from simulator import Simulator

Token = Callable[[], str]


def wiping(ran: Ran, times: int = 1) -> Any:
    async def wipe(path: str) -> str:
        ran.append(path)
        return "wiped"

    turns = [[("wipe", {"path": f"/{n}"})] for n in range(times)]
    return assistant(*turns, "done", tools=[wipe])


def lose(sim: Simulator, answers: int) -> None:
    """Have the service decide, and the first so many answers get lost on their way."""
    faults = iter(["answer_lost"] * answers)
    sim.fault = lambda path: next(faults, None) if path == "/authorize" else None


async def test_allow_whose_answer_is_lost_is_closed_as_not_executed(
    sim: Simulator, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    # room for one report: the second call also shows that the first gave it back
    monkeypatch.setattr(Outbox.__init__, "__kwdefaults__", {"room": 1})
    ran = Ran()
    sim.default = "allow"
    lose(sim, 4)
    guard = Guard(sim.url, deadline_seconds=20)
    agent = protect(wiping(ran, times=2), guard)
    async with guard.session(token=token, task="t") as session:
        (lost, is_error), (_, refused) = results(await agent.run(task="t"))
    assert (ran, is_error, refused) == (["/1"], True, False)
    assert "could not decide in time" in lost
    reports = {sim.answers[name]["decision_id"]: said for name, said in sim.outcomes.items()}
    assert [said["status"] for said in reports.values()] == ["not_executed", "ok"]
    assert len(sim.answers) == 2, "the same key was taken for another action"
    assert session.outbox.lost == 0


async def test_first_try_that_was_still_being_decided_is_closed_too(
    sim: Simulator, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"
    faults = iter(["recorded_busy"] * 4)
    sim.fault = lambda path: next(faults, None) if path == "/authorize" else None
    guard = Guard(sim.url, deadline_seconds=20)
    async with guard.session(token=token, task="t"):
        ((_, is_error),) = results(await protect(wiping(ran), guard).run(task="t"))
    assert (ran, is_error) == ([], True)
    assert [said["status"] for said in sim.outcomes.values()] == ["not_executed"]


async def test_cancelled_call_whose_answer_is_lost_is_closed_too(
    sim: Simulator, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    faults = iter(["answer_lost"] * 4)

    def fault(path: str) -> str | None:
        if path == "/authorize":
            loop.call_soon_threadsafe(asked.set)
            return next(faults, None)
        return None

    sim.fault = fault
    guard = Guard(sim.url, deadline_seconds=20)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        agent = protect(wiping(ran), guard)
        running = asyncio.create_task(agent.run(task="t", cancellation_token=cancellation))
        await asked.wait()
        cancellation.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert ran == []
    assert [said["status"] for said in sim.outcomes.values()] == ["not_executed"]


async def test_approval_that_was_opened_unheard_is_withdrawn(sim: Simulator, token: Token) -> None:
    ran = Ran()
    sim.default = "needs_approval"
    lose(sim, 4)
    guard = Guard(sim.url, deadline_seconds=20)
    async with guard.session(token=token, task="t"):
        ((_, is_error),) = results(await protect(wiping(ran), guard).run(task="t"))
    assert (ran, is_error) == ([], True)
    assert sim.withdrawn == list(sim.approvals)
    assert len(sim.withdrawn) == 1


async def test_service_that_cannot_be_connected_to_has_decided_nothing(
    sim: Simulator, token: Token
) -> None:
    ran = Ran()
    guard = Guard(sim.url, deadline_seconds=20)
    sim.stop()
    async with guard.session(token=token, task="t") as session:
        ((_, is_error),) = results(await protect(wiping(ran), guard).run(task="t"))
        assert not session._carried
    sim.start(sim.port)
    assert (ran, is_error, sim.asked) == ([], True, [])


async def test_service_without_policy_has_decided_nothing(sim: Simulator, token: Token) -> None:
    ran = Ran()
    sim.fault = lambda path: "policy_timeout" if path == "/authorize" else None
    guard = Guard(sim.url, deadline_seconds=20)
    async with guard.session(token=token, task="t") as session:
        ((text, is_error),) = results(await protect(wiping(ran), guard).run(task="t"))
        assert not session._carried
    assert (ran, is_error) == ([], True)
    assert "[policy.timeout]" in text


async def test_ledger_that_was_late_may_have_recorded(sim: Simulator, token: Token) -> None:
    # the service stores first and answers 503 when its own deadline has passed
    ran = Ran()
    sim.default = "allow"
    faults = iter(["recorded_late"] * 4)
    sim.fault = lambda path: next(faults, None) if path == "/authorize" else None
    guard = Guard(sim.url, deadline_seconds=20)
    async with guard.session(token=token, task="t"):
        ((text, is_error),) = results(await protect(wiping(ran), guard).run(task="t"))
    assert (ran, is_error) == ([], True)
    assert "[ledger.unavailable]" in text
    assert [said["status"] for said in sim.outcomes.values()] == ["not_executed"]


async def test_end_of_the_run_waits_for_a_lost_answer_in_bounded_time(
    sim: Simulator, token: Token
) -> None:
    sim.default = "allow"
    lose(sim, 1_000)
    guard = Guard(sim.url, deadline_seconds=20, flush_seconds=0.3)
    ran = Ran()
    async with guard.session(token=token, task="t") as session:
        await protect(wiping(ran), guard).run(task="t")
        assert len(session._carried) == 1
    assert ran == []
    assert not session._carried
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if "_carry" in repr(task)]
