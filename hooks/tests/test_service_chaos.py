"""Processes are killed and calls cancelled: nothing runs unallowed, twice, or without a report."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import evidence
import pytest

from chaos import CONFIG, KINDS, Chaos, WatchedGuard, plan
from running import PROGRAM, Running, running_service

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
SEED = 20261124
DEADLINE_SECONDS = 3.0
LONGEST_SECONDS = 4 * DEADLINE_SECONDS
"""Room for a report and a question, a deadline each; the rest is for a loaded machine."""
WHOLE_SECONDS = 600.0  # far over any honest run: a minute


def run_chaos(service: Running, *, calls: int, parallel: int, kills: list[str]) -> Chaos:
    async def whole() -> Chaos:
        guard = WatchedGuard(service.url, deadline_seconds=DEADLINE_SECONDS, flush_seconds=120.0)
        chaos = Chaos(service=service, guard=guard, calls=plan(calls, SEED), parallel=parallel)
        async with asyncio.timeout(WHOLE_SECONDS):
            await chaos.run(kills, seed=SEED)
        return chaos

    return asyncio.run(whole())


def hold(chaos: Chaos) -> dict[str, Any]:
    """Hold what the tools saw against the record of the service; returns the numbers."""
    told = {item["decision_id"]: item for item in chaos.service.decisions()}
    assert chaos.ended.total() == len(chaos.calls)
    assert chaos.longest_seconds < LONGEST_SECONDS, "a call hung over its deadline"
    assert chaos.ended["ok"] > len(chaos.calls) / 10, "nearly nothing ran: this proves nothing"
    for began in chaos.began:
        said = told[began.decision_id]
        assert said["effect"] == "allow", "a tool ran without an allow"
        assert said["digest"] == began.digest, "a tool ran under another action's allow"
        assert said["arguments"] == {"database": "orders", "sql": began.sql}
        assert began.sql == chaos.calls[began.n].sql
    decided = Counter(said["arguments"]["sql"] for said in told.values())
    assert max(decided.values()) == 1, "one call was decided twice"
    assert len({began.n for began in chaos.began}) == len(chaos.began), "a tool ran twice"
    for name in ("decision_id", "signed_request"):
        used = [getattr(began, name) for began in chaos.began]
        assert len(set(used)) == len(used), "two calls used one grant"
    assert chaos.lost == 0
    ran = {began.decision_id for began in chaos.began}
    assert ran <= set(chaos.guard.permits)
    for decision_id in chaos.guard.permits:
        outcomes = told[decision_id]["outcomes"]
        assert len(outcomes) == 1, "a permitted call has no outcome"
        assert (outcomes == ["not_executed"]) is (decision_id not in ran)
    allowed = {name for name, said in told.items() if said["effect"] == "allow"}
    open_ = {name for name in allowed if not told[name]["outcomes"]}
    assert not open_, "the record ends with a permission of which nobody knows what became"
    statuses = Counter(status for said in told.values() for status in said["outcomes"])
    assert {"ok", "error", "cancelled_unknown"} <= set(statuses)
    return {
        "calls": len(chaos.calls),
        "parallel": chaos.parallel,
        "kills": dict(sorted(chaos.killed.items())),
        "results": dict(sorted(chaos.ended.items())),
        "refusals": dict(sorted(chaos.texts.items())),
        "decisions": dict(sorted(Counter(said["effect"] for said in told.values()).items())),
        "ran": len(chaos.began),
        "ran_without_their_own_allow": 0,
        "grants_used_twice": 0,
        "outcomes": dict(sorted(statuses.items())),
        "permits_without_an_outcome": 0,
        "allows_without_an_outcome": len(open_),
        "longest_call_seconds": round(chaos.longest_seconds, 2),
        "deadline_seconds": DEADLINE_SECONDS,
    }


def test_kills_and_cancellations_run_nothing_unallowed_and_lose_no_outcome(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, CONFIG, SERVER__WORKERS="2") as service:
        kills = ["worker", "opa", "ledger", "parent"]
        numbers = hold(run_chaos(service, calls=150, parallel=25, kills=kills))
    assert sum(numbers["kills"].values()) >= 2


@pytest.mark.prove
def test_a_thousand_calls_under_kills_run_nothing_unallowed_and_lose_no_outcome(
    tmp_path: Path,
) -> None:
    kills = [KINDS[n % len(KINDS)] for n in range(3 * len(KINDS))]
    random.Random(SEED).shuffle(kills)  # noqa: S311 -- a seed to repeat, not a secret
    began = time.monotonic()
    with running_service(tmp_path, CONFIG, SERVER__WORKERS="2") as service:
        numbers = hold(run_chaos(service, calls=1000, parallel=50, kills=kills))
        key, ledger = tmp_path / "var/keys/receipt.pub", tmp_path / "var/ledger.db"
        verified = service.command("verify", f"--ledger={ledger}", f"--key={key}", "--json")
    evidence.record(
        "hooks_chaos",
        "AutoGen tools against the real service under SIGKILL and cancellation: no tool ran "
        "without its own allow, no grant was used twice, each permit has one outcome",
        seed=SEED,
        seconds=round(time.monotonic() - began, 1),
        **numbers,
        ledger_whole='"whole": true' in verified.replace('":true', '": true'),
    )
    assert sum(numbers["kills"].values()) >= len(KINDS)
    assert '"findings": []' in verified.replace('":[]', '": []')
