"""A person's answer with the real service: waited for, durable, and good for one run of one action."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from autogen_core import CancellationToken

from autogen_counterfoil import Guard, PendingApproval, protect, run
from builders import Ran, results, sql_agent
from running import PROGRAM, Running

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
PROMPT = "Drop what nobody uses any more"
BOB = ("--sub", "bob", "--group", "database-admins")
Token = Callable[[], str]


def answer(service: Running, pending: PendingApproval, verdict: str, *, token: str) -> int:
    said = httpx.post(
        f"{service.url}/approvals/{pending.id}/answer",
        headers={"Authorization": f"Bearer {token}"},
        json={"answer": verdict, "comment": "seen", "action_digest": pending.action_digest},
        trust_env=False,
    )
    return said.status_code


async def told(pending: list[PendingApproval], running: asyncio.Task[Any]) -> PendingApproval:
    """Wait until a person is asked; the request, told from inside the run."""
    while not pending:
        assert not running.done(), results(await running)
        await asyncio.sleep(0.02)
    return pending[-1]


@pytest.mark.parametrize("verdict", ["approve", "deny"])
async def test_drop_waits_for_another_person_and_runs_once_or_not_at_all(
    service: Running, plain: Token, verdict: str
) -> None:
    ran = Ran()
    pending: list[PendingApproval] = []
    guard = Guard(service.url, on_approval=pending.append, approval_wait_seconds=60)
    agent = protect(sql_agent(ran, f"DROP TABLE public.old_{verdict}"), guard)
    running = asyncio.create_task(run(guard, agent, task=PROMPT, token=plain))
    asked = await told(pending, running)
    assert ran == []
    own = service.command("token", "--sub", "alice", "--group", "database-admins")
    assert await asyncio.to_thread(answer, service, asked, "approve", token=own) == 403
    agents = service.token(sub="bob", group="database-admins")  # a token with `act`
    assert await asyncio.to_thread(answer, service, asked, "approve", token=agents) == 403
    shown = await asyncio.to_thread(service.command, "approvals", "show", asked.id, *BOB)
    assert f"DROP TABLE public.old_{verdict}" in shown
    words = ["approvals", verdict, asked.id, *BOB, "--yes", "--comment", "seen"]
    await asyncio.to_thread(service.command, *words)
    ((text, is_error),) = results(await asyncio.wait_for(running, 30))
    assert (len(ran), is_error) == ((1, False) if verdict == "approve" else (0, True))
    assert ("did not approve" in text) is (verdict == "deny")


async def test_cancelled_wait_withdraws_and_a_late_approval_runs_nothing(
    service: Running, plain: Token
) -> None:
    ran = Ran()
    pending: list[PendingApproval] = []
    guard = Guard(service.url, on_approval=pending.append, approval_wait_seconds=60)
    agent = protect(sql_agent(ran, "DROP TABLE public.cancelled"), guard)
    cancellation = CancellationToken()
    running = asyncio.create_task(
        run(guard, agent, task=PROMPT, token=plain, cancellation_token=cancellation)
    )
    asked = await told(pending, running)
    cancellation.cancel()
    await asyncio.wait_for(asyncio.gather(running, return_exceptions=True), 30)
    bob = service.command("token", *BOB)
    assert await asyncio.to_thread(answer, service, asked, "approve", token=bob) == 409
    assert ran == []
