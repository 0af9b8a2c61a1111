"""Each allowed call is reported once, whatever became of it."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest

from autogen_counterfoil import Guard, protect, run
from autogen_counterfoil.outcomes import EXCERPT, Outbox, OutcomeStatus, not_run, outcome
from builders import Ran, assistant
from simulator import Simulator, delegation

Token = Callable[[], str]


def saying(text: str, times: int = 1) -> Any:
    async def say(n: int) -> str:
        return text

    calls = [("say", {"n": n}) for n in range(times)]
    return assistant(calls, "done", tools=[say])


@pytest.mark.parametrize("text", ["", "short", "ä€😀" * 2000, "lone \ud800 surrogate"])
async def test_report_has_status_digest_length_and_excerpt(
    sim: Simulator, guard: Guard, token: Token, text: str
) -> None:
    sim.default = "allow"
    await run(guard, protect(saying(text), guard), task="t", token=token)
    (report,) = sim.outcomes.values()
    whole = text.encode("utf-8", "backslashreplace")
    sha256 = urlsafe_b64encode(hashlib.sha256(whole).digest()).rstrip(b"=").decode()
    assert report == {
        "status": "ok",
        "length": len(whole),
        "sha256": sha256,
        "excerpt": whole.decode()[:EXCERPT],
    }


async def test_denied_call_has_no_outcome(sim: Simulator, guard: Guard, token: Token) -> None:
    await run(guard, protect(saying("x"), guard), task="t", token=token)
    assert sim.hits["decisions"] == 0


@pytest.mark.parametrize(
    "fault", ["503", "refused", "cut", "answer_lost", "late", "empty", "garbage"]
)
async def test_report_survives_a_failing_service(
    sim: Simulator, guard: Guard, token: Token, fault: str
) -> None:
    guard = Guard(sim.url, deadline_seconds=0.8)
    sim.default = "allow"
    faults = iter([fault] * 3)
    sim.fault = lambda path: next(faults, None) if "outcome" in path else None
    await run(guard, protect(saying("x"), guard), task="t", token=token)
    assert sim.outcomes.keys() == sim.allowed()


async def test_run_ends_in_bounded_time_when_reports_cannot_be_delivered(
    sim: Simulator, token: Token, caplog: pytest.LogCaptureFixture
) -> None:
    guard = Guard(sim.url, deadline_seconds=0.5, flush_seconds=0.7)
    sim.default = "allow"
    sim.fault = lambda path: "503" if "outcome" in path else None
    began = asyncio.get_running_loop().time()
    async with guard.session(token=token, task="t") as session:
        await protect(saying("x", times=3), guard).run(task="t")
    assert asyncio.get_running_loop().time() - began < 10
    assert (session.outbox.sent, session.outbox.lost) == (0, 3)
    assert caplog.text.count("was not recorded") == 3, "a lost report must be seen"


async def test_call_is_not_asked_for_without_room_to_report_it(
    sim: Simulator, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbox.__init__, "__kwdefaults__", {"room": 2})
    guard = Guard(sim.url, deadline_seconds=0.5, flush_seconds=0.2)
    sim.default = "allow"
    sim.fault = lambda path: "503" if "outcome" in path else None
    async with guard.session(token=token, task="t") as session:
        await protect(saying("x", times=5), guard).run(task="t")
        assert session.tally.allowed == 2
    assert len(sim.asked) == 2


async def test_room_is_given_back_after_each_kind_of_end(
    sim: Simulator, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outbox.__init__, "__kwdefaults__", {"room": 1})
    guard = Guard(sim.url, deadline_seconds=1)
    ran = Ran()
    effects = iter(["allow", "deny", "allow", "deny", "allow"])
    sim.default = lambda _body: next(effects)

    async def step(n: int) -> str:
        ran.append(n)
        if n == 2:
            raise ValueError("tool failed")
        return "x"

    turns = [[("step", {"n": n})] for n in range(5)]
    agent = protect(assistant(*turns, "done", tools=[step]), guard)
    await run(guard, agent, task="t", token=token)
    assert ran == [0, 2, 4]
    assert sorted(report["status"] for report in sim.outcomes.values()) == ["error", "ok", "ok"]


async def test_report_goes_with_a_renewed_token(sim: Simulator, guard: Guard) -> None:
    sim.default = "allow"
    values = [delegation(), delegation(), delegation(rejected=True)]
    await run(
        guard,
        protect(saying("x"), guard),
        task="t",
        token=lambda: values.pop(0) if values else delegation(fresh=True),
    )
    assert [claims.get("fresh") for claims in sim.outcome_tokens.values()] == [True]


async def test_one_report_that_cannot_be_sent_does_not_stop_the_next() -> None:
    sent: list[str] = []

    async def send(report: Any) -> None:
        if report.decision_id == "bad":
            raise ZeroDivisionError
        sent.append(report.decision_id)

    outbox = Outbox(send)
    for decision_id in ("bad", "good"):
        await outbox.reserve(within_seconds=1)
        outbox.put(outcome(decision_id, OutcomeStatus.OK, "x", agent=None))
    await outbox.flush(within_seconds=2)
    outbox.put(not_run("late", agent=None))  # after the run: counted, never silent
    assert (sent, outbox.sent, outbox.lost) == (["good"], 1, 2)
