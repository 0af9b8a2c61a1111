"""Observe mode: the service's configuration decides, and the hook cannot widen it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autogen_counterfoil import CredentialError, Guard, current_grant, protect, run
from builders import Ran, assistant, results
from simulator import Simulator, delegation

Token = Callable[[], str]


def wiping(ran: Ran, times: int = 1) -> Any:
    async def wipe(path: str) -> str:
        ran.append((path, current_grant()))
        return "wiped"

    calls = [[("wipe", {"path": f"/{n}"})] for n in range(times)]
    return assistant(*calls, "done", tools=[wipe])


@pytest.mark.parametrize("effect", ["deny", "needs_approval"])
@pytest.mark.parametrize(
    ("mode", "enforcement", "runs"),
    [
        ("observe", "observe", True),
        ("observe", "enforce", False),
        ("enforce", "observe", False),
        ("enforce", "enforce", False),
    ],
)
async def test_refused_call_runs_only_where_both_hook_and_service_observe(  # noqa: PLR0917 -- a table
    sim: Simulator, token: Token, mode: Any, enforcement: str, runs: bool, effect: str
) -> None:
    ran = Ran()
    sim.default = effect
    sim.enforcement["wipe"] = enforcement
    guard = Guard(sim.url, mode=mode, approval_wait_seconds=0.3)
    await run(guard, protect(wiping(ran), guard), task="t", token=token)
    assert ran == ([("/0", None)] if runs else [])  # and no grant without a true allow
    assert {answer["effect"] for answer in sim.answers.values()} == {effect}
    assert bool(sim.approvals) is (effect == "needs_approval" and enforcement == "enforce")
    assert len(sim.outcomes) == (1 if runs else 0)


async def test_observed_allow_has_its_grant_and_runs_the_original_arguments(
    sim: Simulator, token: Token
) -> None:
    ran = Ran()
    sim.default = "allow"
    sim.enforcement["wipe"] = "observe"
    sim.execute["wipe"] = lambda _arguments: {"path": "canonical"}
    observing, enforcing = Guard(sim.url, mode="observe"), Guard(sim.url)
    await run(observing, protect(wiping(ran), observing), task="t", token=token)
    await run(enforcing, protect(wiping(ran), enforcing), task="t", token=token)
    assert [path for path, _ in ran] == ["/0", "canonical"]
    assert all(grant is not None for _, grant in ran)


@pytest.mark.parametrize("fault", ["refused", "late", "503", "401", "cut"])
async def test_service_out_of_reach_runs_unrecorded_and_is_reported_with_the_next_call(
    sim: Simulator, token: Token, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    ran = Ran()
    sim.default = "deny"
    sim.enforcement["wipe"] = "observe"
    guard = Guard(sim.url, mode="observe", deadline_seconds=2 if fault == "late" else 20)
    sim.fault = lambda path: fault if path == "/authorize" and len(ran) < 2 else None
    await run(guard, protect(wiping(ran, times=4), guard), task="t", token=token)
    assert [path for path, _ in ran] == ["/0", "/1", "/2", "/3"]
    assert [asked.headers.get("counterfoil-unrecorded") for asked in sim.asked] == ["2", None]
    assert caplog.text.count("unrecorded") == 1, "one warning per run"


async def test_call_that_ran_unrecorded_is_never_reported_as_not_executed(
    sim: Simulator, token: Token
) -> None:
    # the service decided and its answer was lost; the call ran, so asking again would lie
    ran = Ran()
    sim.default = "allow"
    sim.enforcement["wipe"] = "observe"
    faults = iter(["answer_lost"] * 4)
    sim.fault = lambda path: next(faults, None) if path == "/authorize" else None
    guard = Guard(sim.url, mode="observe", deadline_seconds=20)
    await run(guard, protect(wiping(ran), guard), task="t", token=token)
    assert [path for path, _ in ran] == ["/0"]
    assert len(sim.asked) == 1
    assert sim.outcomes == {}


@pytest.mark.parametrize("fault", ["garbage", "redirect", "400", "403", "html", "empty"])
async def test_wrong_answer_is_not_a_service_out_of_reach(
    sim: Simulator, token: Token, fault: str
) -> None:
    ran = Ran()
    sim.default = "deny"
    sim.enforcement["wipe"] = "observe"
    guard = Guard(sim.url, mode="observe", deadline_seconds=20)
    sim.fault = fault
    ((_, is_error),) = results(await run(guard, protect(wiping(ran), guard), task="t", token=token))
    assert (ran, is_error) == ([], True)
    sim.fault = None  # control
    await run(guard, protect(wiping(ran), guard), task="t", token=token)
    assert len(ran) == 1


async def test_tool_that_the_service_enforces_stays_enforced_when_it_is_gone(
    sim: Simulator, token: Token
) -> None:
    ran = Ran()
    guard = Guard(sim.url, mode="observe", deadline_seconds=20)
    await run(guard, protect(wiping(ran), guard), task="t", token=token)
    sim.fault = "refused"
    await run(guard, protect(wiping(ran), guard), task="t", token=token)
    assert ran == []


async def test_enforce_mode_runs_nothing_when_the_service_is_gone(
    sim: Simulator, token: Token
) -> None:
    ran = Ran()
    guard = Guard(sim.url, deadline_seconds=20, flush_seconds=0.3)
    sim.fault = "refused"
    await run(guard, protect(wiping(ran), guard), task="t", token=token)
    assert ran == []


async def test_person_token_starts_nothing_in_observe_mode_either(sim: Simulator) -> None:
    guard = Guard(sim.url, mode="observe")
    with pytest.raises(CredentialError):
        await run(
            guard, protect(wiping(Ran()), guard), task="t", token=lambda: delegation(actor=None)
        )


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="enforce or observe"):
        Guard("http://127.0.0.1:1", mode="audit")  # type: ignore[arg-type]  # the mistake
