"""Two whole services on one PostgreSQL: what one decided, answered or revoked counts on the other."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from approval_story import Desk, approving_service, fresh
from main_path import new_run
from revoking import FRESH
from servers import ledger_server
from service import PROGRAM, Service


@pytest.fixture(scope="module")
def desks(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: ledger_server.Server
) -> Iterator[tuple[Desk, Desk]]:
    """Two replicas, with the same keys and the same policy."""
    url = postgresql_server.url(postgresql_server.new_database())
    first, second = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    with (
        approving_service(first, ledger__url=url) as one,
        approving_service(second, ledger__url=url, keys__directory=one.keys) as two,
    ):
        yield Desk(one), Desk(two)


def run(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        env=service.environment,
        cwd=service.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_repeated_request_is_decided_once_by_both(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    token = fresh(one)
    first = one.ask(token, "SELECT a FROM public.t", Idempotency_Key='"the same"')
    again = two.ask(token, "SELECT a FROM public.t", Idempotency_Key='"the same"')
    assert again["decision_id"] == first["decision_id"]
    other = two.ask(token, "SELECT a FROM public.t", Idempotency_Key='"another"')  # control
    assert other["decision_id"] != first["decision_id"]


def test_an_approval_is_asked_here_answered_there_and_spent_once(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    token = fresh(one)
    approval = one.opened(token)
    two.approve(approval, one.person())
    first = one.ask(token, approval=approval["id"])
    assert first["effect"] == "allow", first["reasons"]
    again = two.ask(token, approval=approval["id"])
    assert again["effect"] != "allow"
    assert [event["event"] for event in one.trail(first["decision_id"])]


def test_a_waiter_on_one_wakes_at_the_answer_on_the_other(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    token = fresh(one)
    approval = one.opened(token)
    two.approve(approval, one.person())
    assert one.view(approval["id"], token, wait=20)["status"] == "approved"


def test_a_revocation_on_one_is_in_force_on_the_other(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    name = new_run()
    token, bystander = one.agent(name), fresh(one)
    two.ask(token, "SELECT a FROM public.t")
    administrator = one.service.token("root", ["administrators"], agent=None)
    done = one.service.request("POST", "/revocations", {"run": name}, token=administrator)
    assert done.status == 200, done.body
    time.sleep(FRESH)
    assert two.service.authorize(token=token).status == 401
    assert two.service.authorize(token=bystander).status == 200


def test_the_story_and_the_whole_ledger_are_read_on_either(desks: tuple[Desk, Desk]) -> None:
    one, two = desks
    decision = one.ask(fresh(one), "SELECT a FROM public.t")["decision_id"]
    for desk in desks:
        told = run(desk.service, "trail", decision)
        assert told.returncode == 0, told.stderr
        assert "SELECT a FROM public.t" in told.stdout
        checked = run(desk.service, "verify")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "whole: postgresql://" in checked.stdout
    ready = two.service.request("GET", "/readyz")
    assert ready.status == 200, ready.body
