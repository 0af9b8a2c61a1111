"""What happened under a decision: told once, by its own agent, in time, and kept sealed."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from main_path import (
    CREATE,
    assert_denied,
    assert_problem,
    assert_receipt,
    everything_stored,
    leaves,
    new_run,
)
from service import Answer, Service
from simulators.hostile_session import SCHEMAS

DONE = {
    "status": "ok",
    "excerpt": "CREATE TABLE",
    "length": 12,
    "sha256": "A" * 43,
}
DAY = 86_400


def _decided(service: Service, run: str, sql: str = CREATE) -> str:
    answer = service.authorize(sql, token=service.token(run=run))
    return str(answer.body["decision_id"])


def _report(service: Service, decision: str, body: Any, token: str) -> Answer:
    return service.request("POST", f"/decisions/{decision}/outcome", body, token=token)


def _ended(service: Service, run: str, seconds: float) -> str:
    """A token of the run that expired so long ago."""
    ended = int(time.time() - seconds)  # noqa: TID251
    return service.token(run=run, iat=ended - 600, nbf=ended - 600, exp=ended)


def _outcomes(service: Service, run: str, decision: str) -> list[dict[str, Any]]:
    trail = service.request("GET", f"/decisions/{decision}", token=service.token(run=run)).body
    events: list[dict[str, Any]] = trail["events"]
    return [event for event in events if event["event"] == "outcome"]


def test_a_report_is_recorded_beside_its_decision(service: Service) -> None:
    run = new_run()
    decision = _decided(service, run)
    answer = _report(service, decision, DONE, service.token(run=run))
    assert answer.status == 200
    SCHEMAS.validator("outcome_response")(answer.body)
    assert answer.body["decision_id"] == decision
    assert_receipt(service, answer.body["receipt"])
    (event,) = _outcomes(service, run, decision)
    assert event["reported_by"] == "agent"
    assert (event["status"], event["credential"]) == ("ok", "valid")
    assert event["payload"]["response"] == DONE
    assert event["receipt"] == answer.body["receipt"]


@pytest.mark.parametrize("status", ["ok", "error", "cancelled_unknown", "not_executed"])
def test_the_shortest_report_is_enough(service: Service, status: str) -> None:
    run = new_run()
    decision = _decided(service, run)
    assert _report(service, decision, {"status": status}, service.token(run=run)).status == 200
    (event,) = _outcomes(service, run, decision)
    assert event["status"] == status


def test_the_same_report_again_changes_nothing(service: Service) -> None:
    run = new_run()
    decision = _decided(service, run)
    first = _report(service, decision, DONE, service.token(run=run))
    again = _report(service, decision, dict(reversed(DONE.items())), service.token(run=run))
    later = _report(service, decision, DONE, _ended(service, run, 30))
    assert first.body == again.body == later.body
    (event,) = _outcomes(service, run, decision)
    assert event["credential"] == "valid"


@pytest.mark.parametrize("change", [{"status": "error"}, {"length": 13}, {"excerpt": "DROP"}])
def test_a_second_and_other_report_is_a_conflict(service: Service, change: Any) -> None:
    run = new_run()
    decision = _decided(service, run)
    token = service.token(run=run)
    assert _report(service, decision, DONE, token).status == 200
    answer = _report(service, decision, {**DONE, **change}, token)
    assert_problem(answer, 409, "request.outcome_conflict")
    (event,) = _outcomes(service, run, decision)
    assert event["payload"]["response"] == DONE


def test_of_reports_at_once_one_is_recorded(service: Service) -> None:
    run = new_run()
    decision = _decided(service, run)
    token = service.token(run=run)
    answers: list[int] = []
    together = threading.Barrier(6)

    def send(number: int) -> None:
        together.wait()
        answers.append(_report(service, decision, {**DONE, "length": number}, token).status)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409, 409, 409]
    assert len(_outcomes(service, run, decision)) == 1


@pytest.mark.parametrize(
    "who",
    [
        {"agent": "reviewer"},
        {"run": "run_another"},
        {"sub": "bob"},
        {"agent": None},
        {"agent": None, "sub": "carol", "groups": ["compliance"]},
    ],
    ids=str,
)
def test_nobody_else_reports_and_nobody_learns_that_the_decision_exists(
    service: Service, who: dict[str, Any]
) -> None:
    run = new_run()
    decision = _decided(service, run)
    foreign = service.token(**{"run": run, **who})
    answer = _report(service, decision, DONE, foreign)
    assert_problem(answer, 404, "request.not_found")
    missing = _report(service, "dec_" + "0" * 26, DONE, foreign)
    assert {**missing.body, "request_id": ""} == {**answer.body, "request_id": ""}
    assert _report(service, decision, DONE, service.token(run=run)).status == 200


def test_nothing_can_have_happened_under_a_denial(service: Service) -> None:
    run = new_run()
    answer = service.authorize("DELETE FROM public.a", token=service.token(run=run))
    assert_denied(answer.body)
    report = _report(service, answer.body["decision_id"], DONE, service.token(run=run))
    assert_problem(report, 409, "request.outcome_not_expected")
    assert len(leaves(service, run)) == 1


def test_an_expired_credential_still_reports_and_is_marked(service: Service) -> None:
    run = new_run()
    decision = _decided(service, run)
    token = _ended(service, run, 30)
    assert_problem(service.authorize(token=token), 401, "identity.invalid_token")
    reading = service.request("GET", f"/decisions/{decision}", token=token)
    assert_problem(reading, 401, "identity.invalid_token")
    assert _report(service, decision, DONE, token).status == 200
    (event,) = _outcomes(service, run, decision)
    assert event["credential"] == "expired"


def test_after_the_grace_no_report_is_taken(service: Service) -> None:
    run = new_run()
    decision = _decided(service, run)
    late = _report(service, decision, DONE, _ended(service, run, DAY + 30))
    assert_problem(late, 401, "identity.invalid_token")
    assert _outcomes(service, run, decision) == []
    assert _report(service, decision, DONE, _ended(service, run, DAY - 120)).status == 200


def test_grace_is_for_time_alone(service: Service) -> None:
    run = new_run()
    decision = _decided(service, run)
    for claims in ({"aud": "billing"}, {"iss": "https://idp.example"}):
        answer = _report(service, decision, DONE, service.token(run=run, **claims))
        assert_problem(answer, 401, "identity.invalid_token")
    answer = service.request("POST", f"/decisions/{decision}/outcome", DONE)
    assert_problem(answer, 401, "identity.missing_credential")


def test_what_a_tool_returned_lies_sealed(service: Service) -> None:
    run, secret = new_run(), "swordfish-4711"
    decision = _decided(service, run)
    report = {**DONE, "excerpt": f"password: {secret}"}
    assert _report(service, decision, report, service.token(run=run)).status == 200
    (event,) = _outcomes(service, run, decision)
    assert secret in event["payload"]["response"]["excerpt"]
    stored = everything_stored(service)
    assert event["event_id"] in stored  # the control: the record itself is there
    assert secret not in stored


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "done"},
        {**DONE, "reported_by": "human"},
        {**DONE, "credential": "valid"},
        {**DONE, "length": -1},
        {**DONE, "length": 1.5},
        {**DONE, "excerpt": "x" * 4097},
        {**DONE, "sha256": "A" * 42},
        [],
    ],
    ids=str,
)
def test_a_report_of_another_shape_is_refused(service: Service, body: Any) -> None:
    run = new_run()
    decision = _decided(service, run)
    answer = _report(service, decision, body, service.token(run=run))
    assert answer.status in {400, 422}
    assert_problem(answer, answer.status, answer.body["code"])
    assert _outcomes(service, run, decision) == []
