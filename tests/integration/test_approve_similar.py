"""Approve similar over HTTP: what was given in advance answers what was meant, as often and as
long as was said, and everything else waits for a person as ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from approval_story import CREATE, Desk, approving_service, codes, fresh, request
from counterfoil.ledger.keys import VERIFIER_KEY, read_verifier_key
from counterfoil.ledger.verify import verify_ledger
from fault.approval_races import at_once
from main_path import assert_problem

DROP = "DROP TABLE scratch.old_{}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """At the end the whole record must verify: rule 13 among the others."""
    with approving_service(tmp_path_factory.mktemp("similar")) as service:
        yield Desk(service)
        service.stop()
        key = read_verifier_key(service.keys / VERIFIER_KEY)
        assert verify_ledger(service.database, key).findings == []


def similar(uses: int = 3, seconds: int = 300, **hole: Any) -> dict[str, Any]:
    kind = hole or {"prefix": "old_"}
    holes = [{"argument": "sql", "value": "old_1", **kind}]
    return {"similar": {"holes": holes, "uses": uses, "expires_in_seconds": seconds}}


def given(desk: Desk, token: str, **bounds: Any) -> dict[str, Any]:
    """An approval with which similar ones were approved."""
    approval = desk.opened(token, DROP.format(1))
    answer = desk.answer(approval, desk.person(), **similar(**bounds))
    assert answer.status == 200, answer.body
    return dict(answer.body)


def waits(desk: Desk, token: str, sql: str) -> bool:
    """Whether a person must still answer this."""
    decision = desk.ask(token, sql)
    assert decision["effect"] == "needs_approval", codes(decision)
    return bool(decision["approval"]["status"] == "pending")


def test_a_similar_action_is_answered_at_once_and_runs_once(desk: Desk) -> None:
    token = fresh(desk)
    approval = given(desk, token)
    decision = desk.ask(token, DROP.format("two"))
    assert (decision["effect"], decision["approval"]["status"]) == ("needs_approval", "approved")
    own = desk.view(decision["approval"]["id"], token)
    assert own["id"] != approval["id"]
    assert [item["person"]["sub"] for item in own["answers"]] == ["bob"]
    used = desk.ask(token, DROP.format("two"), approval=own["id"])
    assert (used["effect"], codes(used)) == ("allow", ["policy.approved"])
    assert used["permissions"][0]["identifier"] == "scratch.old_two"
    again = desk.ask(token, DROP.format("two"), approval=own["id"])
    assert codes(again)[0] == "approval.spent"
    assert desk.kinds(approval["decision_id"])[2:] == [
        *("approval_answered", "template_given", "template_used"),
    ]
    told = desk.trail(decision["decision_id"])
    assert [event["event"] for event in told] == [
        *("decided", "approval_requested", "approval_answered", "approval_spent"),
    ]
    assert told[2]["template_of"] == approval["decision_id"]
    assert desk.view(approval["id"], token)["similar"]["used"] == 1
    assert desk.ask(token, DROP.format(1), approval=approval["id"])["effect"] == "allow"  # its own


DIFFERENT = {
    "another beginning": "DROP TABLE scratch.orders",
    "another verb": "CREATE TABLE scratch.old_2 (id int)",
    "another option": "DROP TABLE IF EXISTS scratch.old_2",
    "two at once": "DROP TABLE scratch.old_2, scratch.old_3",
    "other white space": "DROP  TABLE scratch.old_2",
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_differs_otherwise_waits_for_a_person(desk: Desk, what: str) -> None:
    token = fresh(desk)
    given(desk, token)
    assert waits(desk, token, DIFFERENT[what])
    assert not waits(desk, token, DROP.format(2))  # the control


def test_another_runs_agent_gains_nothing(desk: Desk) -> None:
    token = fresh(desk)
    given(desk, token)
    for other in (fresh(desk), desk.agent("run_other", "dave")):
        assert waits(desk, other, DROP.format(2))
    assert not waits(desk, token, DROP.format(2))


def test_it_is_used_as_often_as_was_said_and_no_more(desk: Desk) -> None:
    """Five at the same moment, three may: three are approved, and two wait for a person."""
    token = fresh(desk)
    approval = given(desk, token, uses=3)

    def one(number: int) -> str:
        body = request(DROP.format(f"race_{number}"))
        answer = desk.service.request("POST", "/authorize", body, token=token)
        return str(answer.body["approval"]["status"])

    got = at_once([lambda n=n: one(n) for n in range(5)])  # type: ignore[misc]
    assert sorted(got) == ["approved"] * 3 + ["pending"] * 2
    seen = desk.view(approval["id"], token)["similar"]
    assert (seen["used"], seen["uses"]) == (3, 3)
    assert desk.kinds(approval["decision_id"]).count("template_used") == 3


def test_a_batch_uses_one_for_each(desk: Desk) -> None:
    token = fresh(desk)
    approval = given(desk, token, uses=2)
    actions = [request(DROP.format(f"batch_{n}")) for n in range(3)]
    body = {"actions": actions}
    answer = desk.service.request("POST", "/authorize/batch", body, token=token)
    states = [item["approval"]["status"] for item in answer.body["decisions"]]
    assert states == ["approved", "approved", "pending"]
    assert desk.view(approval["id"], token)["similar"]["used"] == 2


def test_it_ends_in_time(desk: Desk) -> None:
    token = fresh(desk)
    given(desk, token, seconds=1)
    time.sleep(1.1)
    assert waits(desk, token, DROP.format(2))


def test_whoever_may_give_it_may_end_it_and_so_may_the_agent(desk: Desk) -> None:
    for ender in ("approver", "agent", "person"):
        token = fresh(desk)
        approval = given(desk, token)
        by = {"approver": desk.person("dora"), "agent": token, "person": desk.person("alice")}
        for stranger in (fresh(desk), desk.person("mallory", ("developers",))):
            assert_problem(_end(desk, approval, stranger), 404, "request.not_found")
        assert not waits(desk, token, DROP.format(2))
        for _ in range(2):
            assert _end(desk, approval, by[ender]).body["similar"]["ended"] is True
        assert waits(desk, token, DROP.format(3))
        assert desk.kinds(approval["decision_id"])[-1] == "template_ended"


def _end(desk: Desk, approval: dict[str, Any], token: str) -> Any:
    path = f"/approvals/{approval['id']}/similar/end"
    return desk.service.request("POST", path, {}, token=token)


def test_where_nothing_was_given_nothing_can_be_ended(desk: Desk) -> None:
    approval = desk.opened(fresh(desk), DROP.format(1))
    assert_problem(_end(desk, approval, desk.person()), 409, "approval.template_over")


def test_it_dies_with_who_gave_it(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token, DROP.format(1))
    bob = desk.person("bob", jti="bobs-template")
    assert desk.answer(approval, bob, **similar()).status == 200
    admin = desk.person("root", ["administrators"])
    named = {"token": "bobs-template"}
    assert desk.service.request("POST", "/revocations", named, token=admin).status == 200
    time.sleep(0.3)  # a little longer than a worker goes without looking
    assert waits(desk, token, DROP.format(2))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "more uses than policy lets": (similar(uses=6), "approval.template_unusable"),
    "longer than policy lets": (similar(seconds=601), "approval.template_unusable"),
    "another word": (
        {
            "similar": {
                "holes": [{"argument": "sql", "value": "old", "prefix": "old"}],
                "uses": 1,
                "expires_in_seconds": 60,
            }
        },
        "approval.template_unusable",
    ),
    "a short beginning": (similar(prefix="ol"), "request.schema"),
    "two types": (similar(prefix="old_", one_of=["old_1"]), "request.schema"),
    "no type": (
        {
            "similar": {
                "holes": [{"argument": "sql", "value": "old_1"}],
                "uses": 1,
                "expires_in_seconds": 60,
            }
        },
        "request.schema",
    ),
    "a pattern": (similar(pattern=".*"), "request.schema"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_template_that_is_too_wide_is_no_answer_at_all(desk: Desk, what: str) -> None:
    token = fresh(desk)
    approval = desk.opened(token, DROP.format(1))
    body, code = REFUSED[what]
    assert_problem(desk.answer(approval, desk.person(), **body), 422, code)
    assert desk.view(approval["id"], token)["status"] == "pending"
    assert desk.answer(approval, desk.person(), **similar()).status == 200  # the control


def test_where_policy_lets_nobody_nothing_is_approved_in_advance(desk: Desk) -> None:
    """Its terms say nothing of similar actions; nor is anything denied in advance."""
    token = fresh(desk)
    approval = desk.opened(token, CREATE)
    hole = {"argument": "sql", "value": "invoices", "prefix": "inv"}
    body: dict[str, Any] = {"similar": {"holes": [hole], "uses": 1, "expires_in_seconds": 60}}
    refused = desk.answer(approval, desk.person(), **body)
    assert_problem(refused, 422, "approval.template_unusable")
    other = desk.opened(token, DROP.format(1))
    denied = desk.answer(other, desk.person(), "deny", **similar())
    assert_problem(denied, 422, "approval.template_unusable")
    for one in (approval, other):
        assert desk.view(one["id"], token)["status"] == "pending"
    assert desk.approve(approval)["status"] == "approved"
