"""A person's answer: waited for beside the siblings, asked with once, or nothing runs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool

from autogen_counterfoil import (
    ActionRefusedError,
    Guard,
    PendingApproval,
    guard_tools,
    protect,
    run,
)
from builders import Ran, assistant, results
from simulator import Simulator, delegation

Token = Callable[[], str]


def dropping(ran: Ran, *extra: tuple[str, dict[str, Any]]) -> Any:
    async def drop(table: str) -> str:
        ran.append(table)
        return f"dropped {table}"

    async def read(table: str) -> str:
        ran.append(f"read {table}")
        return "rows"

    return assistant([("drop", {"table": "t"}), *extra], "done", tools=[drop, read])


@pytest.fixture
def needs(sim: Simulator) -> Simulator:
    sim.rules = {"drop": "needs_approval", "read": "allow"}
    return sim


async def test_approved_action_runs_once_with_the_approval(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    running = asyncio.create_task(run(guard, protect(dropping(ran), guard), task="t", token=token))
    pending = await asyncio.to_thread(needs.pending)
    assert ran == []
    needs.answer(pending.id, "approved")
    result = await running
    assert ran == ["t"]
    first, second = needs.asked
    assert second.context["approval"] == {"id": pending.id}
    assert second.arguments == first.arguments
    assert second.key != first.key
    assert results(result)[0] == ("dropped t", False)
    assert needs.outcomes.keys() == needs.allowed()


async def test_allow_of_another_action_than_the_approved_one_runs_nothing(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    # the approval was given to one digest; the judged form must still be that one
    ran = Ran()
    forms = iter([{"table": "t"}, {"table": "other"}])
    needs.execute["drop"] = lambda _arguments: next(forms)
    needs.with_approval_of_any_action = True
    running = asyncio.create_task(run(guard, protect(dropping(ran), guard), task="t", token=token))
    needs.answer((await asyncio.to_thread(needs.pending)).id, "approved")
    ((text, is_error),) = results(await running)
    assert (ran, is_error) == ([], True)
    assert "not for the action that was approved" in text


async def test_action_that_a_person_denies_is_not_run_and_the_model_is_told(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    running = asyncio.create_task(run(guard, protect(dropping(ran), guard), task="t", token=token))
    needs.answer((await asyncio.to_thread(needs.pending)).id, "denied")
    ((text, is_error),) = results(await running)
    assert (ran, is_error) == ([], True)
    assert "did not approve" in text
    assert "Asking again can help: no" in text
    assert len(needs.asked) == 1


async def test_sibling_calls_are_not_held_up_by_a_waiting_one(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    agent = protect(dropping(ran, ("read", {"table": "u"})), guard)
    running = asyncio.create_task(run(guard, agent, task="t", token=token))
    pending = await asyncio.to_thread(needs.pending)
    while "read u" not in ran:  # noqa: ASYNC110 -- the tool has no event to give
        await asyncio.sleep(0.01)
    needs.answer(pending.id, "approved")
    await running
    assert ran == ["read u", "t"]


async def test_cancelled_wait_withdraws_and_a_late_approval_runs_nothing(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()

    async def drop_now(table: str) -> str:
        ran.append(table)
        return "dropped"

    (drop,) = guard_tools([FunctionTool(drop_now, "d", name="drop")], guard)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(drop.run_json({"table": "t"}, cancellation))
        pending = await asyncio.to_thread(needs.pending)
        while not needs.hits["approvals"]:  # noqa: ASYNC110 -- the simulator is another thread
            await asyncio.sleep(0.01)
        cancellation.cancel()
        with pytest.raises(Exception, match="cancelled"):
            await running
    assert needs.withdrawn == [pending.id]
    needs.answer(pending.id, "approved")
    await asyncio.sleep(0.1)
    assert ran == []
    assert len(needs.asked) == 1


async def test_approval_that_is_opened_while_the_run_is_cancelled_is_withdrawn(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    asking = threading.Event()

    def slowly(_body: Any) -> str:
        asking.set()
        time.sleep(0.3)
        return "needs_approval"

    async def drop(table: str) -> str:
        raise AssertionError("it ran")

    needs.rules["drop"] = slowly
    (tool,) = guard_tools([drop], guard)
    cancellation = CancellationToken()
    async with guard.session(token=token, task="t"):
        running = asyncio.create_task(tool.run_json({"table": "t"}, cancellation))
        await asyncio.to_thread(asking.wait, 5)
        cancellation.cancel()
        with pytest.raises(ActionRefusedError):
            await running
    assert needs.withdrawn == ["apr_1"]


async def test_unanswered_approval_expires_and_is_withdrawn(needs: Simulator, token: Token) -> None:
    ran = Ran()
    guard = Guard(needs.url, approval_wait_seconds=0.6)
    ((text, is_error),) = results(
        await run(guard, protect(dropping(ran), guard), task="t", token=token)
    )
    assert (ran, is_error) == ([], True)
    assert "in time" in text
    assert needs.withdrawn == ["apr_1"]


async def test_approval_that_has_expired_at_the_service_is_not_waited_for(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    needs.approval_expires_at = "2020-01-01T00:00:00Z"
    ((text, _),) = results(await run(guard, protect(dropping(ran), guard), task="t", token=token))
    assert ran == []
    assert "in time" in text
    assert needs.hits["approvals"] == 1  # only the withdrawal


async def test_approval_that_does_not_cover_the_action_runs_nothing_and_asks_no_more(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    running = asyncio.create_task(run(guard, protect(dropping(ran), guard), task="t", token=token))
    pending = await asyncio.to_thread(needs.pending)
    needs.approvals[pending.id].digest = "of something else"
    needs.answer(pending.id, "approved")
    ((text, is_error),) = results(await running)
    assert (ran, is_error) == ([], True)
    assert "did not cover" in text
    assert len(needs.asked) == 2


@pytest.mark.parametrize("state", ["granted", "APPROVED", "", "denied"])
async def test_unknown_state_of_an_approval_is_not_approved(
    needs: Simulator, guard: Guard, token: Token, state: str
) -> None:
    ran = Ran()
    guard = Guard(needs.url, approval_wait_seconds=1)
    running = asyncio.create_task(run(guard, protect(dropping(ran), guard), task="t", token=token))
    needs.answer((await asyncio.to_thread(needs.pending)).id, state)
    ((_, is_error),) = results(await running)
    assert (ran, is_error) == ([], True)


async def test_wait_survives_a_restart_of_the_service(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    running = asyncio.create_task(run(guard, protect(dropping(ran), guard), task="t", token=token))
    pending = await asyncio.to_thread(needs.pending)
    await asyncio.to_thread(needs.stop)
    await asyncio.sleep(0.3)
    needs.start(needs.port)
    needs.answer(pending.id, "approved")
    await running
    assert ran == ["t"]


async def test_token_that_expires_during_the_wait_is_renewed(
    needs: Simulator, guard: Guard
) -> None:
    ran = Ran()
    first = [delegation(), delegation()]
    fresh = delegation(fresh=True)
    seen: list[str] = []
    needs.fault = seen.append
    agent = protect(dropping(ran), guard)
    running = asyncio.create_task(
        run(guard, agent, task="t", token=lambda: first.pop() if first else fresh)
    )
    needs.answer((await asyncio.to_thread(needs.pending)).id, "approved")
    await running
    assert ran == ["t"]
    assert [asked.claims.get("fresh") for asked in needs.asked] == [None, True]
    assert any(path.startswith("/approvals/") for path in seen)


async def test_parallel_waits_for_the_same_action_run_it_once_per_approval(
    needs: Simulator, guard: Guard, token: Token
) -> None:
    ran = Ran()
    agent = protect(dropping(ran, ("drop", {"table": "t"})), guard)
    running = asyncio.create_task(run(guard, agent, task="t", token=token))
    pending = await asyncio.to_thread(needs.pending)
    while len(needs.asked) < 2:  # noqa: ASYNC110 -- the simulator is another thread
        await asyncio.sleep(0.01)
    needs.answer(pending.id, "approved")
    result = await running
    assert ran == ["t"], "one approval let two calls run"
    assert sorted(is_error for _, is_error in results(result)) == [False, True]


async def test_person_is_told_once_and_a_failing_teller_changes_nothing(
    needs: Simulator, token: Token
) -> None:
    told: list[PendingApproval] = []

    def tell(pending: PendingApproval) -> None:
        told.append(pending)
        needs.answer(pending.id, "approved")
        raise RuntimeError("no screen")

    ran = Ran()
    guard = Guard(needs.url, on_approval=tell)
    await run(guard, protect(dropping(ran), guard), task="t", token=token)
    assert ran == ["t"]
    assert [(p.action_name, p.agent, p.url) for p in told] == [
        ("drop", "coder", f"{needs.url}/console/approvals/apr_1")
    ]
    assert told[0].action_digest == needs.answers[told[0].decision_id]["action_digest"]
