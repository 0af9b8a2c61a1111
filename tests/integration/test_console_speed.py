"""Ten thousand decisions: what a page of the console costs the service (`make prove`)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import evidence
from approval_story import CREATE, Desk, approving_service, fresh
from console import Visitor, visitor
from main_path import BATCH, ask, new_run
from service import sql_request
from simulators.in_process import application_over

DECISIONS = 10_000
PEOPLE = 40
WAITING = 200
TIMES = 30


@pytest.mark.prove
def test_pages_over_ten_thousand_decisions(tmp_path: Path, capsys: Any) -> None:
    """Prints and records what they took; what is asserted is that each was whole."""
    patient = {"policy__timeout_ms": 8000, "ledger__timeout_ms": 8000}  # nobody else may hurry it
    with approving_service(tmp_path, **patient) as service, application_over(service) as app:
        for number in range(DECISIONS // BATCH):
            token = service.token(f"person-{number % PEOPLE}", run=new_run())
            sql = f"SELECT a{number} FROM public.t"  # noqa: S608 -- judged, never run
            answer = ask(service, {"actions": [sql_request(sql)] * BATCH}, token)
            assert answer.status == 200, answer.body
        desk = Desk(service)
        waits = [desk.opened(fresh(desk), CREATE) for _ in range(WAITING)]
        browser = visitor(app, service)
        browser.sign_in("root", "database-admins compliance")
        decision, approval = waits[0]["decision_id"], waits[0]["id"]
        pages = {
            "activity": "/console/activity",
            "activity by effect": "/console/activity?effect=deny",
            "activity by person": "/console/activity?issuer=urn:counterfoil:development&subject=person-1",
            "decision": f"/console/activity/{decision}",
            "approvals": "/console/approvals",
            "approval": f"/console/approvals/{approval}",
            "ledger": "/console/ledger",
            "proof": f"/console/ledger/{decision}",
        }
        numbers = {name: _measured(browser, address) for name, address in pages.items()}
    load = [round(item, 1) for item in os.getloadavg()]
    whole = {"decisions": DECISIONS, "waiting": WAITING, "pages_ms": numbers, "load_average": load}
    evidence.record("console_pages", "server time of the console's pages", **whole)
    with capsys.disabled():
        print(whole)  # noqa: T201  # the numbers are what the proof is run for


def _measured(browser: Visitor, address: str) -> dict[str, float]:
    """The first look of a worker, and those after it; each page is whole."""
    times = []
    for _ in range(TIMES):
        started, used = time.perf_counter(), time.process_time()
        answer = browser.get(address)
        times.append((time.perf_counter() - started, time.process_time() - used))
        assert answer.status == 200
        assert len(answer.data) < 100_000
    walls = sorted(wall for wall, _ in times[1:])
    return {
        "first": round(times[0][0] * 1e3, 1),
        "median": round(walls[len(walls) // 2] * 1e3, 1),
        "slowest": round(walls[-1] * 1e3, 1),
        "cpu_first": round(times[0][1] * 1e3, 1),
        "cpu_median": round(sorted(cpu for _, cpu in times[1:])[len(times) // 2] * 1e3, 1),
    }
