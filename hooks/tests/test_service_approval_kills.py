"""A wait for a person goes on through the death of any part of the service, and then runs once.

One service for all: OPA, the ledger's writer, a worker and in the end everything are killed, each
while an approval waits, and each wait must end in one run of its own action.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import processes
import pytest

from autogen_counterfoil import Guard, PendingApproval, protect, run
from builders import Ran, results, sql_agent
from running import PROGRAM, Running, running_service

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
BOB = ("--sub", "bob", "--group", "database-admins")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Killed here, so nobody else's."""
    with running_service(tmp_path_factory.mktemp("killed")) as service:
        yield service


def killed(service: Running, kind: str) -> None:
    """SIGKILL, and up again: by its parent, or all of it by its operator."""
    parent = service.process.pid
    if kind == "everything":
        for pid in processes.everyone(parent):
            processes.kill(pid)
        service.process.wait(30)
        service.start()
        return
    before = processes.family(parent)[kind]
    for pid in before:
        processes.kill(pid)

    def another() -> bool:
        found = processes.family(parent)[kind]
        return bool(found) and not set(found) & set(before) and ready(service)

    processes.eventually(another, f"another {kind}", 30)


def ready(service: Running) -> bool:
    """Whether the service says that it can decide and record."""
    try:
        return httpx.get(f"{service.url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("kind", ["opa", "ledger", "worker", "everything"])
async def test_a_pending_approval_survives_the_kill_and_the_agent_goes_on(
    own: Running, kind: str
) -> None:
    ran = Ran()
    pending: list[PendingApproval] = []
    token = own.token()
    guard = Guard(own.url, on_approval=pending.append, approval_wait_seconds=90)
    agent = protect(sql_agent(ran, f"DROP TABLE public.killed_{kind}"), guard)
    running: asyncio.Task[Any] = asyncio.create_task(
        run(guard, agent, task="Drop what nobody uses", token=lambda: token)
    )
    while not pending:
        assert not running.done(), results(await running)
        await asyncio.sleep(0.02)
    await asyncio.to_thread(killed, own, kind)
    assert (ran, running.done()) == ([], False)  # it waits on, and has run nothing meanwhile
    own.command("approvals", "approve", pending[0].id, *BOB, "--yes")
    ((text, is_error),) = results(await asyncio.wait_for(running, 60))
    assert (len(ran), is_error, len(pending)) == (1, False, 1), text
    told = [d for d in own.decisions() if d["arguments"]["sql"].endswith(f"killed_{kind}")]
    assert [d["effect"] for d in told] == ["needs_approval", "allow"]
    assert told[0]["digest"] == told[1]["digest"] == pending[0].action_digest
    assert told[1]["outcomes"] == ["ok"]
    late = own.command("approvals", "show", pending[0].id, *BOB, "--json")
    assert '"spent"' in late
