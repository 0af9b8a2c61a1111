"""The order of effects: nothing leaves before its record is durable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from counterfoil.app import Adapters
from counterfoil.errors import LedgerError, LedgerUnavailable
from counterfoil.http.lean import LeanFlask
from counterfoil.ports import Event, Recorded
from main_path import (
    CREATE,
    WatchedLedger,
    adapters_over,
    assert_allowed,
    flow_of,
    leaves,
    new_run,
    run,
)
from service import Service, sql_request
from simulators.http_door import honest
from simulators.in_process import application_over

BODIES: dict[str, Any] = {
    "an allow": sql_request(CREATE),
    "a deny": sql_request("DELETE FROM public.a"),
    "a batch": {"actions": [sql_request(CREATE), sql_request("DELETE FROM public.a")]},
}


@pytest.fixture(scope="module")
def adapters(service: Service) -> Iterator[Adapters]:
    with adapters_over(service) as made:
        run(flow_of(service, made), token=service.token())  # opens what is opened once
        yield made


@pytest.fixture(scope="module")
def application(service: Service) -> Iterator[LeanFlask]:
    with application_over(service) as app:
        yield app


@pytest.mark.parametrize("body", BODIES)
def test_the_record_is_durable_before_the_answer_exists(
    service: Service, adapters: Adapters, body: str
) -> None:
    run_id, token_of = new_run(), service.token
    seen: list[int] = []
    ledger = WatchedLedger(
        adapters.ledger, before_append=lambda _: seen.append(len(leaves(service, run_id)))
    )
    answer = run(
        flow_of(service, adapters, ledger=ledger), BODIES[body], token=token_of(run=run_id)
    )
    decisions = answer.get("decisions", [answer])
    assert ledger.calls == ["append", "durable"]
    assert seen == [0]
    recorded = {leaf["event_id"]: leaf["decision_id"] for leaf in leaves(service, run_id)}
    assert recorded == {item["receipt"]["event_id"]: item["decision_id"] for item in decisions}


@pytest.mark.parametrize("body", BODIES)
def test_not_one_byte_leaves_before_the_record_is_durable(
    service: Service, application: LeanFlask, body: str
) -> None:
    order: list[str] = []
    ledger = application.extensions["counterfoil"].ledger
    append = ledger.append

    def watched(events: Sequence[Event], **more: Any) -> list[Recorded]:
        recorded: list[Recorded] = append(events, **more)
        order.append("durable")
        return recorded

    def start(status: str, _headers: list[tuple[str, str]]) -> None:
        order.append(status)

    value = BODIES[body]
    environ = honest(
        json.dumps(value).encode(),
        PATH_INFO="/authorize/batch" if "actions" in value else "/authorize",
        HTTP_HOST=f"127.0.0.1:{service.port}",
        HTTP_AUTHORIZATION=f"Bearer {service.token()}",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "append", watched)
        b"".join(application.wsgi_app(environ, start))
    assert order == ["durable", "200 OK"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_record_that_fails_leaves_no_answer(
    service: Service, adapters: Adapters, body: str, when: str
) -> None:
    """Also where it failed after the commit: what nobody confirmed is not permitted."""

    class Failing(WatchedLedger):
        def append(self, events: Sequence[Event], **more: Any) -> list[Recorded]:
            if when == "after":
                super().append(events, **more)
            raise LedgerUnavailable

    flow = flow_of(service, adapters, ledger=Failing(adapters.ledger))
    with pytest.raises(LedgerError):
        run(flow, BODIES[body], token=service.token())
    control = run(flow_of(service, adapters), BODIES[body], token=service.token())
    assert {item["effect"] for item in control.get("decisions", [control])} <= {"allow", "deny"}


def test_a_grant_is_signed_while_its_record_is_written_and_nothing_after_it(
    service: Service, adapters: Adapters
) -> None:
    """So that no failure to sign can follow a durable record unseen, and no time is lost."""
    order: list[str] = []

    class Signing:
        def sign(self, claims: Any) -> str:
            order.append("sign")
            return adapters.signer.sign(claims)

    class Noting(WatchedLedger):
        def append(self, events: Sequence[Event], **more: Any) -> list[Recorded]:
            order.append("append")
            recorded = super().append(events, **more)
            order.append("durable")
            return recorded

    ledger = Noting(adapters.ledger)
    flow = flow_of(service, adapters, ledger=ledger, signer=Signing())
    answer = run(flow, token=service.token())
    assert_allowed(answer)
    assert order == ["append", "sign", "durable"]
    ((event,),) = ledger.appended
    grant = json.loads(event.payload["grant"])
    assert grant["jti"] == event.plain["grant"]["jti"]  # type: ignore[call-overload, index]
    assert grant["txn"] == answer["decision_id"]
