"""Observe mode with the real service: everything runs, and the record says what would not have."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from autogen_counterfoil import Guard, protect
from builders import Ran, sql_agent
from running import PROGRAM, running_service

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
PROMPT = "Tidy up the orders database"
OBSERVED = """
[[action]]
tool = "run_sql"
family = "database"
command = "{sql}"
resource = "{database}"
enforcement = "observe"
"""
REFUSED = ("DO $$ BEGIN END $$", "DROP TABLE public.b", "CREATE TABLE secret.c (id integer)")


async def test_observed_tool_runs_although_refused_and_the_record_has_the_true_effect(
    tmp_path: Path,
) -> None:
    ran = Ran()
    with running_service(tmp_path, OBSERVED) as service:
        value = service.token()
        for mode, runs in (("enforce", 0), ("observe", 1)):
            guard = Guard(service.url, mode=mode)  # type: ignore[arg-type]  # both are modes
            agent = protect(sql_agent(ran, *REFUSED), guard)
            async with guard.session(token=lambda: value, task=PROMPT) as session:
                await agent.run(task=PROMPT)
            assert len(ran) == runs * len(REFUSED)
            assert session.tally.observed == runs * len(REFUSED)
        assert [grant for _, _, grant in ran] == [None] * len(REFUSED)
        found = json.loads(service.command("trail", "--observed", "--json"))
        assert (
            json.loads(
                service.command(
                    "approvals", "list", "--json", "--sub", "bob", "--group", "database-admins"
                )
            )["approvals"]
            == []
        )
    assert (found["observed_decisions"], found["unrecorded"]) == (2 * len(REFUSED), 0)
    assert {(item["effect"], item["reason"]): item["count"] for item in found["counts"]} == {
        ("deny", "uncertain.sql_runs_code"): 2,
        ("needs_approval", "policy.approval_required"): 2,
        ("deny", "policy.default_deny"): 2,
    }


async def test_calls_that_ran_without_an_answer_are_in_the_record_of_the_next(
    tmp_path: Path,
) -> None:
    ran = Ran()
    with running_service(tmp_path, OBSERVED) as service:
        value = service.token()
        guard = Guard(service.url, mode="observe", flush_seconds=0.5)
        async with guard.session(token=lambda: value, task=PROMPT) as session:
            await asyncio.to_thread(service.stop)
            await protect(sql_agent(ran, *REFUSED[:2]), guard).run(task=PROMPT)
            assert (len(ran), session.tally.unrecorded) == (2, 2)
            await asyncio.to_thread(service.start)
            await protect(sql_agent(ran, *REFUSED), guard).run(task=PROMPT)
        assert len(ran) == 2 + len(REFUSED)
        found = json.loads(service.command("trail", "--observed", "--json"))
    assert (found["observed_decisions"], found["unrecorded"]) == (len(REFUSED), 2)
