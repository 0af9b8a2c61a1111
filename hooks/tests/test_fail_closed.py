"""No decision, no action: each way an answer can be wrong, against a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from autogen_core import CancellationToken

from autogen_counterfoil import Guard, guard_tools, protect, run
from autogen_counterfoil.canonical import action_digest
from builders import Ran, assistant, results
from simulator import Simulator, jws

Token = Callable[[], str]


async def attempt(guard: Guard, token: Token) -> tuple[Ran, str, bool]:
    """One call through a real agent: what ran, and what the model was shown."""
    ran = Ran()

    async def wipe(path: str) -> str:
        ran.append(path)
        return "wiped"

    agent = protect(assistant([("wipe", {"path": "/"})], "done", tools=[wipe]), guard)
    ((text, is_error),) = results(await run(guard, agent, task="t", token=token))
    return ran, text, is_error


FAULTS = [
    "late", "refused", "cut", "drip", "huge", "garbage", "array", "empty", "bare_allow", "html",
    "redirect", "201", "203", "206", "204", "304", "400", "401", "403", "404", "500", "502", "503",
]  # fmt: skip


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_broken_answer_runs_nothing(
    sim: Simulator, token: Token, fault: str, mode: Any
) -> None:
    # in observe mode the tool was enforced before: taking the service away widens nothing
    sim.default = "allow"
    guard = Guard(sim.url, mode=mode, deadline_seconds=20)
    ran, text, is_error = await attempt(guard, token)  # control, and "enforce" is remembered
    assert (ran, text, is_error) == (["/"], "wiped", False)
    guard._deadline_seconds, guard._flush_seconds = 1.2, 0.3
    sim.fault = lambda path: fault if path == "/authorize" else None
    began = asyncio.get_running_loop().time()
    ran, text, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)
    assert "NOT RUN" in text
    assert "Asking again can help" in text
    assert asyncio.get_running_loop().time() - began < 10


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {key: value for key, value in answer.items() if key != name}


def _with(**members: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda answer: {**answer, **members}


def _claims(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        request = dict(answer["scoped_token_request"])
        claims = {
            "sub": "alice", "act": {"sub": "coder"}, "txn": answer["decision_id"],
            "action_digest": answer["action_digest"], **changes,
        }  # fmt: skip
        return {**answer, "scoped_token_request": {**request, "signed_request": jws(claims)}}

    return change


ANSWERS = {
    "unknown effect": _with(effect="permit"),
    "upper case effect": _with(effect="ALLOW"),
    "effect that is true": _with(effect=True),
    "no effect": _without("effect"),
    "unknown enforcement": _with(enforcement="none"),
    "no enforcement": _without("enforcement"),
    "no decision id": _without("decision_id"),
    "empty decision id": _with(decision_id=""),
    "no digest": _without("action_digest"),
    "unknown obligation": _with(obligations=[{"type": "wear_a_hat"}]),
    "obligations that are no list": _with(obligations={}),
    "denial with a grant": _with(effect="deny"),
    "execute without arguments": _with(execute={}),
    "execute that is text": _with(execute="rm"),
    "another decision's grant": lambda answer: {
        **answer,
        "scoped_token_request": {**answer["scoped_token_request"], "decision_id": "dec_other"},
    },
    "grant of another transaction": _claims(txn="dec_other"),
    "grant for another action": _claims(action_digest="B" * 43),
    "grant for another person": _claims(sub="mallory"),
    "grant for another agent": _claims(act={"sub": "other"}),
    "judged missing": _without("judged"),
    "judged that is text": _with(judged="all"),
    "judged beside a denial": _with(
        effect="deny", permissions=[], ambient=[], scoped_token_request=None
    ),
    "arguments of another action to run": _with(execute={"arguments": {"path": "/etc"}}),
    "digest of another action": _with(action_digest="B" * 43),
    "grant that cannot be read": lambda answer: {
        **answer,
        "scoped_token_request": {**answer["scoped_token_request"], "signed_request": "x"},
    },
    "approval wanted, none given": _with(
        effect="needs_approval", permissions=[], scoped_token_request=None, approval=None
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_answer_that_is_not_for_this_action_runs_nothing(
    sim: Simulator, guard: Guard, token: Token, name: str
) -> None:
    sim.default = "allow"
    sim.change = ANSWERS[name]
    ran, text, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)
    assert "NOT RUN" in text
    sim.change = _claims()  # control: the same with honest claims
    ran, text, is_error = await attempt(guard, token)
    assert (ran, is_error) == (["/"], False)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("subject", {"iss": "urn:test", "sub": "mallory"}),
        ("actor", {"iss": "urn:agents", "sub": "other"}),
        ("actor", None),
        ("action", {"name": "other", "family": "tool"}),
        ("tenant", "another"),
        ("resource", {"type": "postgresql", "id": "x", "location": "y"}),
    ],
)
async def test_digest_over_something_else_runs_nothing(
    sim: Simulator, guard: Guard, token: Token, member: str, value: Any
) -> None:
    sim.default = "allow"
    ran, _, _ = await attempt(guard, token)  # control
    assert ran == ["/"]
    sim.change = lambda answer: {**answer, "judged": {**answer["judged"], member: value}}
    ran, _, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("subject", {"iss": "urn:test", "sub": "mallory"}),
        ("actor", {"iss": "urn:agents", "sub": "other"}),
        ("action", {"name": "other", "family": "tool"}),
    ],
)
async def test_answer_that_is_whole_but_of_somebody_else_runs_nothing(
    sim: Simulator, guard: Guard, token: Token, member: str, value: Any
) -> None:
    # a service that mixed up two calls: everything in the answer fits together
    sim.default = "allow"
    ran, _, _ = await attempt(guard, token)  # control
    assert ran == ["/"]

    def mixed_up(answer: dict[str, Any]) -> dict[str, Any]:
        judged = {**answer["judged"], member: value}
        whole = {**answer, "judged": judged, "action_digest": action_digest(judged, {"path": "/"})}
        return _claims()(whole)

    sim.change = mixed_up
    ran, text, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)
    assert "another action, person or agent" in text


async def test_answer_without_its_judged_form_runs_nothing(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    # the digest is of the judged form: the caller's own arguments may mean something else
    sim.default = "allow"
    sim.execute["wipe"] = lambda _arguments: {"path": "/judged"}
    ran, _, _ = await attempt(guard, token)  # control
    assert ran == ["/judged"]
    sim.change = _without("execute")
    ran, text, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)
    assert "digest" in text


async def test_lost_answer_is_asked_for_again_with_the_same_key(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "allow"
    faults = iter(["answer_lost"])
    sim.fault = lambda path: next(faults, None) if path == "/authorize" else None
    ran, _, is_error = await attempt(guard, token)
    assert (ran, is_error) == (["/"], False)
    assert sim.hits["authorize"] == 2
    assert len(sim.answers) == 1, "the repeat was taken for another action"


async def test_call_without_a_session_is_refused(sim: Simulator, guard: Guard) -> None:
    ran = Ran()
    sim.default = "allow"

    async def wipe(path: str) -> str:
        ran.append(path)
        return "wiped"

    agent = protect(assistant([("wipe", {"path": "/"})], "done", tools=[wipe]), guard)
    ((text, is_error),) = results(await agent.run(task="t"))
    assert (ran, is_error) == ([], True)
    assert "autogen_counterfoil.run" in text
    assert sim.asked == []


async def test_call_after_the_run_has_ended_is_refused(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    # a task that outlives its run still carries the run's context
    ran = Ran()
    sim.default = "allow"
    ended = asyncio.Event()

    async def wipe(path: str) -> str:
        ran.append(path)
        return "wiped"

    (tool,) = guard_tools([wipe], guard)

    async def straggler() -> str:
        await ended.wait()
        try:
            return str(await tool.run_json({"path": "/"}, CancellationToken()))
        except Exception as error:  # noqa: BLE001 -- the refusal is looked at
            return str(error)

    async with guard.session(token=token, task="t"):
        late = asyncio.create_task(straggler())
        await tool.run_json({"path": "/ok"}, CancellationToken())  # control
    ended.set()
    assert "NOT RUN" in await late
    assert ran == ["/ok"]


async def test_error_inside_the_guard_is_a_refusal_and_no_exception(
    sim: Simulator, guard: Guard, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.default = "allow"

    def fail(*_args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("autogen_counterfoil.guard.hold_to_action", fail)
    ran, text, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)
    assert "NOT RUN" in text


async def test_id_of_the_service_cannot_leave_its_path(
    sim: Simulator, guard: Guard, token: Token
) -> None:
    sim.default = "needs_approval"
    sim.change = lambda answer: {
        **answer,
        "approval": {
            "id": "../decisions?x=",
            "status": "pending",
            "expires_at": "2099-01-01T00:00:00Z",
        },
    }
    ran, _, is_error = await attempt(guard, token)
    assert (ran, is_error) == ([], True)
    assert set(sim.hits) == {"authorize"}
