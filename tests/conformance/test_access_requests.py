"""AuthZEN's access request and approval profile (draft 1), over the approvals of the service.

One test a sentence of the profile, as `POST /access/v1/requests` and its tasks answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from approval_story import CREATE, OTHER, Desk, approving_service, fresh, request
from main_path import assert_problem
from service import Answer
from simulators.hostile_session import SCHEMAS

PATH = "/access/v1/requests"
TYPES = "urn:openid:authzen:access-request:error:"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("authzen")) as service:
        yield Desk(service)


def body(evaluation_id: str, **more: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "run_sql"},
        "resource": {"type": "postgresql", "id": "orders"},
        "denial": {"evaluation_id": evaluation_id, "reason": "approval_required"},
        "context": {"business_justification": "it is empty"},
        **more,
    }


def submit(desk: Desk, token: str | None, sent: Any, key: str = '"k"', **headers: str) -> Answer:
    named = {"Idempotency-Key": key, **headers} if key else headers
    return desk.service.request("POST", PATH, sent, token=token, headers=named)


def task(desk: Desk, token: str, name: str) -> Answer:
    answer = desk.service.request("GET", f"{PATH}/{name}", token=token)
    if answer.status == 200:
        SCHEMAS.validator("access_task")(answer.body)
    return answer


def cancel(desk: Desk, token: str, name: str) -> Answer:
    return desk.service.request("POST", f"{PATH}/{name}/cancel", token=token)


def assert_error(answer: Answer, status: int, name: str) -> None:
    assert_problem(answer, status, f"access_request.{name}")
    assert answer.body["type"] == TYPES + name


def denied(desk: Desk, token: str, sql: str = CREATE) -> dict[str, Any]:
    decision = desk.ask(token, sql)
    assert decision["effect"] == "needs_approval"
    return decision


def test_a_request_is_a_task_that_is_pending_then_approved_then_evaluated_again(desk: Desk) -> None:
    token = fresh(desk)
    decision = denied(desk, token)
    answer = submit(desk, token, body(decision["decision_id"]))
    assert answer.status == 202
    SCHEMAS.validator("access_task")(answer.body)
    made = answer.body["task"]
    assert (made["status"], "result" in answer.body) == ("pending", False)
    assert made["id"] == decision["approval"]["id"]  # the same approval, adopted
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert made["status_endpoint"].endswith(answer.headers["location"])
    assert int(answer.headers["retry-after"]) > 0
    assert task(desk, token, made["id"]).headers["retry-after"]
    desk.approve(desk.view(made["id"], token))
    found = task(desk, token, made["id"])
    assert (found.body["task"]["status"], "retry-after" in found.headers) == ("approved", False)
    assert found.body["result"]["mode"] == "reevaluate"
    again = request(CREATE)
    again["context"]["approval"] = found.body["result"]["approval"]  # the object unchanged
    used = desk.service.request("POST", "/authorize", again, token=token)
    assert used.body["effect"] == "allow", used.body
    assert task(desk, token, made["id"]).body["task"]["status"] == "approved"  # spent, too
    kinds = desk.kinds(decision["decision_id"])
    assert kinds == [
        *("decided", "approval_requested", "access_requested"),
        *("approval_answered", "approval_spent"),
    ]
    said = desk.trail(decision["decision_id"])[2]["payload"]["access"]
    assert said["context"]["business_justification"] == "it is empty"


def test_what_is_final_at_once_is_201(desk: Desk) -> None:
    token = fresh(desk)
    decision = denied(desk, token)
    desk.approve(desk.view(decision["approval"]["id"], token))
    answer = submit(desk, token, body(decision["decision_id"]))
    assert (answer.status, answer.body["task"]["status"]) == (201, "approved")
    SCHEMAS.validator("access_task")(answer.body)


@pytest.mark.parametrize("said", ["approve", "deny"])
def test_a_task_ends_in_exactly_one_state(desk: Desk, said: str) -> None:
    token = fresh(desk)
    name = submit(desk, token, body(denied(desk, token)["decision_id"])).body["task"]["id"]
    desk.answer(desk.view(name, token), desk.person(), said)
    found = task(desk, token, name).body
    assert found["task"]["status"] == {"approve": "approved", "deny": "denied"}[said]
    assert ("result" in found) == (said == "approve")
    assert "cancel" not in found["task"]["links"]


def test_cancel_withdraws_and_is_409_when_final(desk: Desk) -> None:
    token = fresh(desk)
    answer = submit(desk, token, body(denied(desk, token)["decision_id"]))
    made = answer.body["task"]
    path = made["links"]["cancel"].partition("/access/")[2]
    first = desk.service.request("POST", f"/access/{path}", token=token)
    assert (first.status, first.body["task"]["status"]) == (200, "cancelled")
    assert_error(cancel(desk, token, made["id"]), 409, "invalid_task_state")
    late = desk.answer(desk.view(made["id"], token), desk.person())
    assert_problem(late, 409, "approval.cancelled")
    other = denied(desk, token, OTHER)
    shown = desk.view(other["approval"]["id"], token)
    desk.answer(shown, desk.person(), "deny")
    assert_error(cancel(desk, token, shown["id"]), 409, "invalid_task_state")


def test_a_task_is_nobody_elses(desk: Desk) -> None:
    token = fresh(desk)
    name = submit(desk, token, body(denied(desk, token)["decision_id"])).body["task"]["id"]
    for other in (fresh(desk), desk.person("mallory", ("developers",)), desk.agent("r", "dave")):
        assert_error(task(desk, other, name), 404, "unknown_task")
        assert_error(cancel(desk, other, name), 404, "unknown_task")
    for unknown in ("apr_" + "0" * 26, "dec_" + "0" * 26, "x", "apr_" + "0" * 26 + "'"):
        assert_error(task(desk, token, unknown), 404, "unknown_task")
    assert task(desk, desk.person(), name).status == 200  # an approver reads it
    assert_error(cancel(desk, desk.person(), name), 404, "unknown_task")
    assert cancel(desk, token, name).status == 200


NOT_BOUND: dict[str, dict[str, Any]] = {
    "another subject": {"subject": {"type": "user", "id": "bob"}},
    "another action": {"action": {"name": "kubectl_apply"}},
    "another resource": {"resource": {"type": "postgresql", "id": "payroll"}},
    "another type": {"resource": {"type": "mysql", "id": "orders"}},
    "another agent": {"client": {"actor": {"id": "reviewer"}}},
    "an unknown evaluation": {"denial": {"evaluation_id": "dec_" + "0" * 26}},
    "no evaluation": {"denial": {"evaluation_id": "' OR 1=1"}},
}


@pytest.mark.parametrize("what", NOT_BOUND)
def test_a_request_is_about_its_denial(desk: Desk, what: str) -> None:
    token = fresh(desk)
    sent = body(denied(desk, token)["decision_id"])
    refused = submit(desk, token, {**sent, **NOT_BOUND[what]})
    assert_error(refused, 400, "invalid_denial_binding")
    named = {"client": {"actor": {"id": "coder"}}, "resource": {"type": "tool", "id": "run_sql"}}
    assert submit(desk, token, {**sent, **named}).status == 202  # the control


def test_anothers_denial_is_no_denial(desk: Desk) -> None:
    token = fresh(desk)
    sent = body(denied(desk, token)["decision_id"])
    final = body(desk.ask(token, "DROP TABLE public.invoices")["decision_id"])
    for other in (fresh(desk), desk.person(), desk.agent("run_other", "dave")):
        for about in (sent, final):  # nor does it tell whether there is one
            assert_error(submit(desk, other, about), 400, "invalid_denial_binding")
    own = desk.person("alice")  # reads what her agent was denied, and did not ask herself
    assert_error(submit(desk, own, sent), 400, "invalid_denial_binding")
    assert submit(desk, token, sent).status == 202


def test_what_no_approval_changes_is_not_requestable(desk: Desk) -> None:
    token = fresh(desk)
    final = desk.ask(token, "DROP TABLE public.invoices")
    assert final["effect"] == "deny"
    assert_error(submit(desk, token, body(final["decision_id"])), 400, "not_requestable")
    sent = body(denied(desk, token)["decision_id"])
    refused: list[dict[str, Any]] = [{"items": []}, {"callback": {"endpoint": "https://x/"}}]
    for more in refused:
        assert_error(submit(desk, token, {**sent, **more}), 400, "not_requestable")


def test_the_key_is_required_and_stands_for_one_request(desk: Desk) -> None:
    token = fresh(desk)
    decision = denied(desk, token)
    sent = body(decision["decision_id"])
    assert_problem(submit(desk, token, sent, ""), 400, "request.header")
    answers = [submit(desk, token, sent, '"one"') for _ in range(3)]
    assert [answer.status for answer in answers] == [202] * 3
    assert answers[0].body == answers[1].body == answers[2].body
    other = {**sent, "context": {"business_justification": "another"}}
    assert_error(submit(desk, token, other, '"one"'), 409, "duplicate_request")
    assert submit(desk, token, other, '"two"').status == 202
    assert desk.kinds(decision["decision_id"]).count("access_requested") == 2


MALFORMED: dict[str, Any] = {
    "no subject": {"action": {"name": "x"}, "resource": {"type": "x", "id": "x"}},
    "no object": [],
    "an id that is no text": {"subject": {"type": "user", "id": 7}},
    "a doubled member": b'{"subject": {}, "subject": {}}',
    "no JSON": b"{",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests_are_400(desk: Desk, what: str) -> None:
    token = fresh(desk)
    sent = MALFORMED[what]
    if isinstance(sent, dict) and "subject" in sent:
        sent = {**body(denied(desk, token)["decision_id"]), **sent}
    assert_problem(submit(desk, token, sent), 400, "request.malformed")


def test_another_media_type_is_400_and_parameters_are_fine(desk: Desk) -> None:
    token = fresh(desk)
    sent = body(denied(desk, token)["decision_id"])
    refused = submit(desk, token, sent, **{"Content-Type": "text/plain"})
    assert_problem(refused, 400, "request.malformed")
    fine = submit(desk, token, sent, **{"Content-Type": "application/json; charset=utf-8"})
    assert fine.status == 202


def test_unknown_members_are_ignored_and_an_emergency_changes_nothing(desk: Desk) -> None:
    token = fresh(desk)
    sent = body(denied(desk, token)["decision_id"])
    more = {"x": 1, "requested_access": {"emergency": True, "requested_until": "2099-01-01"}}
    answer = submit(desk, token, {**sent, **more})
    assert (answer.status, answer.body["task"]["status"]) == (202, "pending")


def test_without_a_credential_nothing_is_asked_for(desk: Desk) -> None:
    sent = body(denied(desk, fresh(desk))["decision_id"])
    answer = submit(desk, None, sent)
    assert_problem(answer, 401, "identity.missing_credential")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_denial_whose_approval_expired_is_410(desk: Desk) -> None:
    token = fresh(desk)
    decision = denied(desk, token, "CREATE TABLE brief.gone (id int)")
    name, sent = decision["approval"]["id"], body(decision["decision_id"])
    desk.view(name, token, wait=3)
    assert_error(submit(desk, token, sent), 410, "expired_denial")
    assert task(desk, token, name).body["task"]["status"] == "expired"
    assert_error(cancel(desk, token, name), 410, "task_expired")
