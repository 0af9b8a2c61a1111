"""No record, no permission; no policy, no decision: 503 in bounded time, and alone back again.

A service of its own, because its parts are stopped and killed.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from counterfoil.errors import LedgerUnavailable
from main_path import (
    CREATE,
    adapters_over,
    ask,
    assert_allowed,
    assert_problem,
    claims_held,
    flow_of,
    leaves,
    new_run,
    run,
    settings,
)
from processes import eventually, family, kill
from service import Answer, Service, running_service, sql_request

POLICY_SECONDS = 1.0
BOUND = 15.0  # a stuck request would hang for ever; nothing here measures speed


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(
        tmp_path_factory.mktemp("frail"),
        server__workers=1,
        policy__timeout_ms=int(POLICY_SECONDS * 1000),
    ) as started:
        yield started


@contextmanager
def _stopped(service: Service, kind: str) -> Iterator[None]:
    """SIGSTOP: the process holds its sockets, and answers nobody."""
    pids = family(service.process.pid)[kind]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _recovers(service: Service) -> None:
    """The control: alone, by nothing but time, exactly the honest allow comes back."""

    def allowed() -> bool:
        return ask(service, sql_request(CREATE)).status == 200

    eventually(allowed, "the service answers again")
    assert_allowed(ask(service, sql_request(CREATE)).body)


def _in_time(service: Service, body: Any, token: str, **headers: str) -> Answer:
    started = time.monotonic()
    answer = ask(service, body, token, **headers)
    assert time.monotonic() - started < BOUND
    return answer


def test_what_cannot_be_recorded_is_not_answered(frail: Service) -> None:
    run_id = new_run()
    _recovers(frail)
    one, denied = sql_request(CREATE), sql_request("DELETE FROM public.a")
    asked: list[tuple[Any, dict[str, str]]] = [
        (one, {}),
        (denied, {}),
        ({"actions": [one, denied]}, {}),
        (one, {"idempotency_key": "k"}),
    ]
    with _stopped(frail, "ledger"), ThreadPoolExecutor(len(asked)) as callers:
        answers = [
            callers.submit(_in_time, frail, body, frail.token(run=run_id), **headers)
            for body, headers in asked
        ]
        for answer in answers:
            assert_problem(answer.result(), 503, "ledger.unavailable")
            assert answer.result().headers["retry-after"] == "1"
        assert leaves(frail, run_id) == []
    _recovers(frail)


def test_an_answer_lost_on_the_way_is_had_by_its_key(frail: Service) -> None:
    """A stopped writer may still record: the repetition gets that record, not a second one."""
    run_id, key = new_run(), secrets.token_hex(8)
    _recovers(frail)
    token = frail.token(run=run_id)
    with adapters_over(frail) as adapters:
        flow = flow_of(frail, adapters, settings=settings(ledger_seconds=1.0))
        assert_allowed(run(flow, token=frail.token()))  # the readers and sockets are there
        writer = family(frail.process.pid)["ledger"][0]
        asked = adapters.policy.ask

        def stop_then_ask(*arguments: Any, **named: Any) -> Any:
            os.kill(writer, signal.SIGSTOP)  # between the claim and the record
            return asked(*arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(adapters.policy, "ask", stop_then_ask)
            with pytest.raises(LedgerUnavailable):
                run(flow, token=token, key=key)
        os.kill(writer, signal.SIGCONT)
        eventually(lambda: adapters.ledger.health(deadline=time.monotonic() + 1).ready, "writer")
        answer = run(flow_of(frail, adapters), token=token, key=key)
        assert_allowed(answer)
    (leaf,) = leaves(frail, run_id)
    assert leaf["decision_id"] == answer["decision_id"]


def test_without_the_writers_socket_nothing_is_permitted(frail: Service) -> None:
    _recovers(frail)
    socket = frail.run_directory / "ledger.sock"
    aside = socket.with_name("aside.sock")
    run_id = new_run()
    with adapters_over(frail) as adapters:
        flow = flow_of(frail, adapters, settings=settings(ledger_seconds=1.0))
        socket.rename(aside)
        try:
            with pytest.raises(LedgerUnavailable):
                run(flow, token=frail.token(run=run_id))
        finally:
            aside.rename(socket)
        assert leaves(frail, run_id) == []
        assert_allowed(run(flow, token=frail.token(run=run_id)))


def test_a_killed_writer_comes_back(frail: Service) -> None:
    _recovers(frail)
    kill(family(frail.process.pid)["ledger"][0])
    answer = _in_time(frail, sql_request(CREATE), frail.token())
    if answer.status != 200:  # the writer may be back already
        assert_problem(answer, 503, "ledger.unavailable")
    _recovers(frail)


@pytest.mark.parametrize("items", [1, 3])
def test_a_silent_policy_engine_decides_nothing_and_that_is_recorded(
    frail: Service, items: int
) -> None:
    run_id = new_run()
    _recovers(frail)
    one = sql_request(CREATE)
    body = one if items == 1 else {"actions": [one] * items}
    with _stopped(frail, "opa"):
        answer = _in_time(frail, body, frail.token(run=run_id))
    assert_problem(answer, 503, "policy.timeout")
    assert answer.headers["retry-after"] == "1"
    failed = leaves(frail, run_id)
    assert [leaf["event"] for leaf in failed] == ["failed"] * items
    assert [leaf["plain"]["code"] for leaf in failed] == ["policy.timeout"] * items
    assert not any("grant" in leaf["plain"] for leaf in failed)
    assert len({leaf["decision_id"] for leaf in failed}) == items
    _recovers(frail)


def test_a_failed_decision_is_read_by_those_whom_it_concerns(frail: Service) -> None:
    run_id = new_run()
    _recovers(frail)
    with _stopped(frail, "opa"):
        _in_time(frail, sql_request(CREATE), frail.token(run=run_id))
    (leaf,) = leaves(frail, run_id)
    path = f"/decisions/{leaf['decision_id']}"
    trail = frail.request("GET", path, token=frail.token(run=run_id))
    (event,) = trail.body["events"]
    found = event["event"], event.get("code")
    assert found == ("failed", "policy.timeout"), (event, frail.lines[-20:])
    assert event["payload"]["arguments"]["sql"] == CREATE
    assert_problem(frail.request("GET", path, token=frail.token()), 404, "request.not_found")
    report = frail.request(
        "POST", f"{path}/outcome", {"status": "ok"}, token=frail.token(run=run_id)
    )
    assert_problem(report, 404, "request.not_found")


def test_with_both_silent_the_answer_is_still_bounded(frail: Service) -> None:
    _recovers(frail)
    with _stopped(frail, "opa"), _stopped(frail, "ledger"):
        answer = _in_time(frail, sql_request(CREATE), frail.token())
        # A writer that is stopped while it empties the WAL holds readers off too, and then
        # nobody knows what is revoked: the ledger is the first to be missed.
        assert answer.body["code"] in {"policy.timeout", "ledger.unavailable"}, answer.body
        assert_problem(answer, 503, answer.body["code"])
    _recovers(frail)


def test_a_key_whose_worker_was_killed_is_free_at_its_deadline(frail: Service) -> None:
    run_id, key = new_run(), secrets.token_hex(8)
    _recovers(frail)
    token = frail.token(run=run_id)

    def send() -> None:
        with pytest.raises((OSError, ValueError)):  # the worker dies under it
            ask(frail, sql_request(CREATE), token, idempotency_key=key)

    held = claims_held(frail)
    (worker,) = family(frail.process.pid)["worker"]
    with _stopped(frail, "opa"):
        caller = threading.Thread(target=send)
        caller.start()
        eventually(lambda: claims_held(frail) > held, "the key is claimed")
        kill(worker)
        caller.join()

    def answered() -> bool:
        answer = ask(frail, sql_request(CREATE), token, idempotency_key=key)
        assert answer.status in {200, 409, 503}, answer.body
        return answer.status == 200

    eventually(answered, "the key is free")
    first = ask(frail, sql_request(CREATE), token, idempotency_key=key)
    assert_allowed(first.body)
    decided = [leaf for leaf in leaves(frail, run_id) if leaf["event"] == "decided"]
    assert [leaf["decision_id"] for leaf in decided] == [first.body["decision_id"]]


def test_a_failed_question_gives_the_key_back_at_once(frail: Service) -> None:
    """The claim would stand for a minute yet."""
    _recovers(frail)
    key, token = secrets.token_hex(8), frail.token()
    with adapters_over(frail) as adapters:
        patient = settings(policy_seconds=0.3, ledger_seconds=60.0)
        with _stopped(frail, "opa"), pytest.raises(Exception, match="in time"):
            run(flow_of(frail, adapters, settings=patient), token=token, key=key)
        assert_allowed(run(flow_of(frail, adapters), token=token, key=key))
