"""Waiting for an answer: across workers, restarts and kills, and without holding anybody up."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import processes
from approval_story import Desk, approving_service, fresh, reading
from main_path import adapters_over

WAIT = 25


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("waiting")) as service:
        yield Desk(service)


class Waiter(threading.Thread):
    """One long poll; `found` is the approval as it came back, or the error."""

    def __init__(self, desk: Desk, approval_id: str, token: str) -> None:
        super().__init__(daemon=True)
        self.desk, self.approval_id, self.token = desk, approval_id, token
        self.found: Any = None
        self.connection = desk.service.connect(60.0)
        self.connection.connect()  # so that the wait is on its way before anything else
        self.start()

    def run(self) -> None:
        try:
            answer = self.desk.service.request(
                "GET",
                f"/approvals/{self.approval_id}?wait={WAIT}",
                token=self.token,
                connection=self.connection,
            )
            self.found = answer.body
        except (OSError, http.client.HTTPException) as error:
            self.found = error
        finally:
            self.connection.close()

    def result(self) -> Any:
        """What came back, well before the wait's own end on any machine that is not stuck."""
        self.join(60)
        return self.found


def test_a_waiter_hears_the_answer_whichever_worker_took_it(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    waiters = [Waiter(desk, approval["id"], token) for _ in range(8)]
    desk.approve(approval)
    assert [waiter.result()["status"] for waiter in waiters] == ["approved"] * 8


def test_waiters_hold_nobody_up(desk: Desk) -> None:
    """A hundred waits at both workers; others are decided, and the waits go on."""
    token = fresh(desk)
    approval = desk.opened(token)
    waiters = [Waiter(desk, approval["id"], token) for _ in range(100)]
    for _ in range(20):
        assert desk.ask(fresh(desk), "SELECT id FROM public.invoices")["effect"] == "allow"
    assert all(waiter.is_alive() for waiter in waiters)
    desk.answer(approval, desk.person(), "deny")
    assert {waiter.result()["status"] for waiter in waiters} == {"denied"}


def test_a_wait_ends_by_itself_with_the_approval_as_it_stands(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert desk.view(approval["id"], token, wait=1)["status"] == "pending"
    desk.approve(approval)
    assert desk.view(approval["id"], token, wait=30)["status"] == "approved"  # nothing to wait for


def test_more_waiters_than_a_worker_takes_are_answered_at_once(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    with adapters_over(desk.service) as adapters:
        adapters.ledger.states._waiters = 256
        flow = reading(desk.service, adapters)
        value = flow.one(approval_id=approval["id"], wait_seconds=30, unverified_token=token)
    assert isinstance(value, dict)
    assert value["status"] == "pending"


def test_a_stop_answers_the_waiting(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    waiters = [Waiter(desk, approval["id"], token) for _ in range(4)]
    _until_waiting(desk, len(waiters))
    began = time.monotonic()
    assert desk.service.stop() == 0
    assert time.monotonic() - began < WAIT - 5
    for waiter in waiters:
        found = waiter.result()
        assert isinstance(found, dict), found
        assert found["status"] == "pending"


def test_kill_of_a_worker_during_a_wait_loses_nothing(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    waiters = [Waiter(desk, approval["id"], token) for _ in range(6)]
    _until_waiting(desk, len(waiters))
    os.kill(processes.family(desk.service.process.pid)["worker"][0], signal.SIGKILL)
    desk.approve(approval)  # by the one that is left, or the new one
    for waiter in waiters:
        found = waiter.result()
        if isinstance(found, Exception):  # it waited at the killed one, and asks again
            found = desk.view(approval["id"], token, wait=WAIT)
        assert found["status"] == "approved"
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"


def test_an_approval_survives_restarts(desk: Desk) -> None:
    """Between request and answer, between answer and use, and after the use."""
    token = fresh(desk)
    approval = desk.opened(token)
    _restart(desk)
    assert desk.view(approval["id"], token)["status"] == "pending"
    desk.approve(approval)
    _kill(desk)
    assert desk.view(approval["id"], token)["status"] == "approved"
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"
    _restart(desk)
    assert desk.view(approval["id"], token)["status"] == "spent"
    assert desk.ask(token, approval=approval["id"])["effect"] == "deny"


def _restart(desk: Desk) -> None:
    assert desk.service.stop() == 0
    desk.service.start()


def _kill(desk: Desk) -> None:
    desk.service.process.kill()
    desk.service.process.wait(30)
    desk.service.start()


def _until_waiting(desk: Desk, count: int) -> None:
    """Until the service has read `count` requests: their bytes have left the sockets' queues."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if _established(desk.service.port) >= count:
            break
        time.sleep(0.02)  # another process's connections: they can only be looked at
    time.sleep(0.3)  # from accepted to waiting; too short only makes the test weaker


def _established(port: int) -> int:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    empty = "00000000:00000000"
    return sum(row[1].endswith(f":{port:04X}") and row[3:5] == ["01", empty] for row in rows)
