"""`Idempotency-Key`: one request, one decision, one record, however often it is sent."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from counterfoil.app import Adapters
from counterfoil.errors import IdempotencyInProgress, LedgerUnavailable
from counterfoil.flows.authorize import AuthorizeFlow
from counterfoil.ports import Event
from main_path import (
    CREATE,
    ShiftedClock,
    WatchedLedger,
    adapters_over,
    ask,
    assert_allowed,
    assert_problem,
    flow_of,
    leaves,
    new_run,
    run,
)
from service import Service, sql_request

BATCH = {
    "actions": [sql_request(CREATE), sql_request("DELETE FROM public.a"), sql_request("DO ''")]
}


def new_key() -> str:
    return secrets.token_hex(16)


def raw(service: Service, body: Any, token: str, key: str) -> tuple[int, bytes]:
    """Status and the exact bytes of an answer."""
    path = "/authorize/batch" if "actions" in body else "/authorize"
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    connection = service.connect()
    try:
        connection.request("POST", path, json.dumps(body).encode(), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("body", [sql_request(CREATE), sql_request("DO ''"), BATCH])
def test_a_repetition_gets_the_same_bytes_and_no_second_record(
    service: Service, body: dict[str, Any]
) -> None:
    run_id, key = new_run(), new_key()
    token = service.token(run=run_id)
    first = raw(service, body, token, key)
    assert first[0] == 200
    count = len(leaves(service, run_id))
    assert count == len(body.get("actions", [body]))
    for _ in range(3):
        assert raw(service, body, token, key) == first
    # White space and the order of members are no other body
    turned = dict(reversed(body.items()))
    assert raw(service, turned, service.token(run=run_id), f'"{key}"') == first
    assert len(leaves(service, run_id)) == count
    assert raw(service, body, token, new_key()) != first
    assert len(leaves(service, run_id)) == 2 * count


def test_a_key_stands_for_one_body(service: Service) -> None:
    run_id, key = new_run(), new_key()
    token = service.token(run=run_id)
    first = ask(service, sql_request(CREATE), token, idempotency_key=key)
    assert_allowed(first.body)
    others: list[dict[str, Any]] = [
        sql_request("CREATE TABLE public.other (id int)"),
        sql_request(CREATE, "another prompt"),
        {**sql_request(CREATE), "resource": {"type": "postgresql", "id": "orders"}},
        {"actions": [sql_request(CREATE)]},
    ]
    for other in others:
        answer = ask(service, other, token, idempotency_key=key)
        assert_problem(answer, 422, "request.idempotency_conflict")
    assert len(leaves(service, run_id)) == 1
    assert ask(service, sql_request(CREATE), token, idempotency_key=key).body == first.body


def test_integers_beyond_a_double_are_other_bodies(service: Service) -> None:
    def body(number: int) -> dict[str, Any]:
        return {
            "action": {"name": "count", "properties": {"arguments": {"n": number}}},
            "context": {"prompt": "count"},
        }

    key, token = new_key(), service.token()
    assert ask(service, body(2**60), token, idempotency_key=key).status == 200
    answer = ask(service, body(2**60 + 1), token, idempotency_key=key)
    assert_problem(answer, 422, "request.idempotency_conflict")


def test_another_callers_key_is_another_key(service: Service) -> None:
    key, body = new_key(), sql_request(CREATE)
    callers = [
        service.token("alice"),
        service.token("bob"),
        service.token("alice", agent="reviewer"),
    ]
    answers = [ask(service, body, token, idempotency_key=key).body for token in callers]
    assert len({answer["decision_id"] for answer in answers}) == len(callers)
    assert [answer["effect"] for answer in answers] == ["allow", "allow", "deny"]


def test_identity_is_proven_before_a_key_answers(service: Service) -> None:
    key, body = new_key(), sql_request(CREATE)
    ask(service, body, service.token(), idempotency_key=key)
    for token, code in (
        (service.token(agent=None), "identity.actor_required"),
        (service.token(aud="billing"), "identity.invalid_token"),
    ):
        answer = ask(service, body, token, idempotency_key=key)
        assert_problem(answer, 401, code)


@pytest.mark.parametrize("key", ['""', '"a', "a b", "a" * 256, "é"])
def test_a_malformed_key_is_refused(service: Service, key: str) -> None:
    answer = ask(service, sql_request(CREATE), idempotency_key=key)
    assert_problem(answer, 400, "request.header")


def test_requests_at_once_make_one_record(service: Service) -> None:
    run_id, key = new_run(), new_key()
    token = service.token(run=run_id)
    answers: list[tuple[int, bytes]] = []
    together = threading.Barrier(8)

    def send() -> None:
        together.wait()
        answers.append(raw(service, sql_request(CREATE), token, key))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leaves(service, run_id)) == 1
    first = raw(service, sql_request(CREATE), token, key)
    assert {answer for answer in answers if answer[0] == 200} <= {first}
    for status, body in answers:
        assert status in {200, 409}
        assert status == 200 or json.loads(body)["code"] == "request.idempotency_conflict"


def test_a_failed_request_gives_its_key_back_at_once(service: Service) -> None:
    key, token = new_key(), service.token()
    mistaken = {**sql_request(CREATE), "resource": {"type": "postgresql", "id": "billing"}}
    answer = ask(service, mistaken, token, idempotency_key=key)
    assert_problem(answer, 422, "request.resource_mismatch")
    assert_allowed(ask(service, sql_request(CREATE), token, idempotency_key=key).body)


@pytest.fixture(scope="module")
def adapters(service: Service) -> Iterator[Adapters]:
    with adapters_over(service) as made:
        yield made


def _long_token(service: Service, run_id: str) -> str:
    now = int(time.time())  # noqa: TID251
    return service.token(run=run_id, iat=now - 400, nbf=now - 400, exp=now + 400)


def _ago(service: Service, adapters: Adapters, seconds: float) -> AuthorizeFlow:
    return flow_of(service, adapters, clock=ShiftedClock(-seconds))


@pytest.mark.parametrize(("seconds", "decisions"), [(302, 2), (200, 1)])
def test_an_expired_grant_is_never_replayed(
    service: Service, adapters: Adapters, seconds: float, decisions: int
) -> None:
    run_id, key = new_run(), new_key()
    token = _long_token(service, run_id)
    first = run(_ago(service, adapters, seconds), token=token, key=key)
    assert_allowed(first)
    second = run(flow_of(service, adapters), token=token, key=key)
    assert_allowed(second)
    assert len({first["decision_id"], second["decision_id"]}) == decisions
    assert len(leaves(service, run_id)) == decisions


def test_a_denial_is_replayed_for_longer_than_a_grant(service: Service, adapters: Adapters) -> None:
    run_id, key = new_run(), new_key()
    token, body = _long_token(service, run_id), sql_request("DELETE FROM public.a")
    first = run(_ago(service, adapters, 302), body, token=token, key=key)
    assert run(flow_of(service, adapters), body, token=token, key=key) == first


@pytest.mark.parametrize("body", [sql_request(CREATE), BATCH], ids=["one", "batch"])
def test_a_claim_that_ended_too_early_makes_no_second_record(
    service: Service, adapters: Adapters, body: dict[str, Any]
) -> None:
    """The first caller is slow, its claim ends, a second one decides: all get that answer."""
    run_id, key = new_run(), new_key()
    token = service.token(run=run_id)
    second: list[dict[str, Any]] = []

    def overtake(events: Sequence[Event]) -> None:
        assert events[0].once is not None
        adapters.ledger.release(events[0].once)  # what the claim's deadline does
        second.append(run(flow_of(service, adapters), body, token=token, key=key))

    slow = WatchedLedger(adapters.ledger, before_append=overtake)
    first = run(flow_of(service, adapters, ledger=slow), body, token=token, key=key)
    assert [first] == second
    count = len(body.get("actions", [body]))
    assert [leaf["event"] for leaf in leaves(service, run_id)] == ["decided"] * count


def test_while_the_first_request_runs_no_second_one_does(
    service: Service, adapters: Adapters
) -> None:
    key, token = new_key(), service.token()
    refused: list[str] = []

    def repeat(_events: Sequence[Event]) -> None:
        with pytest.raises(IdempotencyInProgress) as caught:
            run(flow_of(service, adapters), token=token, key=key)
        refused.append(caught.value.code)

    ledger = WatchedLedger(adapters.ledger, before_append=repeat)
    answer = run(flow_of(service, adapters, ledger=ledger), token=token, key=key)
    assert refused == ["request.idempotency_conflict"]
    assert run(flow_of(service, adapters), token=token, key=key) == answer


def test_a_repetition_is_neither_judged_nor_granted_again(
    service: Service, adapters: Adapters
) -> None:
    key, token = new_key(), service.token()
    ledger = WatchedLedger(adapters.ledger)
    flow = flow_of(service, adapters, ledger=ledger)
    first = run(flow, token=token, key=key)
    assert ledger.calls == ["reserve", "append", "durable"]
    assert run(flow, token=token, key=key) == first
    assert ledger.calls == ["reserve", "append", "durable", "reserve"]


def test_whatever_fails_the_key_is_given_back(service: Service, adapters: Adapters) -> None:
    class Cancelled(BaseException):
        """As gevent ends a greenlet: no `Exception`."""

    def stumble(error: BaseException) -> WatchedLedger:
        def fail(_events: Sequence[Event]) -> None:
            raise error

        return WatchedLedger(adapters.ledger, before_append=fail)

    for error in (LedgerUnavailable("full"), RuntimeError(), Cancelled()):
        run_id, key = new_run(), new_key()
        token, ledger = service.token(run=run_id), stumble(error)
        with pytest.raises(type(error)):
            run(flow_of(service, adapters, ledger=ledger), token=token, key=key)
        assert ledger.calls == ["reserve", "append", "release"]
        assert leaves(service, run_id) == []
        assert_allowed(run(flow_of(service, adapters), token=token, key=key))
