"""Who may answer an approval, to what, and when. Each attack ends with the control: the honest
answer to the same approval still counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from approval_story import (
    ADMINS,
    LEADS,
    TWO_PEOPLE,
    Desk,
    answering,
    approval_bundle,
    approving_service,
    fresh,
    reading,
)
from counterfoil.app import Adapters
from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.errors import ApprovalExpired, LedgerUnavailable
from main_path import ShiftedClock, WatchedLedger, adapters_over, assert_problem


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("answers")) as service:
        yield Desk(service)


@pytest.fixture(scope="module")
def adapters(desk: Desk) -> Iterator[Adapters]:
    with adapters_over(desk.service) as found:
        yield found


def _still_waits(desk: Desk, approval: dict[str, Any], token: str) -> None:
    """The control: nothing changed, and the honest answer counts."""
    assert desk.view(approval["id"], token)["status"] == "pending"
    assert desk.approve(approval)["status"] == "approved"
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"


ATTACKERS: dict[str, tuple[Callable[[Desk], str], int, str]] = {
    "the person who asked": (
        lambda desk: desk.person("alice", (ADMINS, "developers")),
        403,
        "approval.self_approval",
    ),
    "the agent's own name as a person": (
        lambda desk: desk.person("coder"),
        403,
        "approval.self_approval",
    ),
    "the agent that asked": (
        lambda desk: desk.service.token("alice", (ADMINS,)),
        403,
        "identity.agent_not_allowed",
    ),
    "an approver's agent": (
        lambda desk: desk.service.token("bob", (ADMINS,)),
        403,
        "identity.agent_not_allowed",
    ),
    "another group": (
        lambda desk: desk.person("bob", ("developers", "compliance", "administrators")),
        403,
        "approval.not_an_approver",
    ),
    "a group in other letters": (
        lambda desk: desk.person("bob", ("Database-Admins", "database-admins ")),
        403,
        "approval.not_an_approver",
    ),
    "no group": (lambda desk: desk.person("bob", ()), 403, "approval.not_an_approver"),
    "an expired credential": (
        lambda desk: desk.person(exp=1_700_000_000, iat=1_699_999_000, nbf=1_699_999_000),
        401,
        "identity.invalid_token",
    ),
}


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("said", ["approve", "deny"])
def test_nobody_but_an_approver_answers(desk: Desk, who: str, said: str) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    attacker, status, code = ATTACKERS[who]
    assert_problem(desk.answer(approval, attacker(desk), said), status, code)
    _still_waits(desk, approval, token)


def test_without_a_credential_nothing_is_answered(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    body = {"answer": "approve", "action_digest": approval["action_digest"]}
    answer = desk.service.request("POST", f"/approvals/{approval['id']}/answer", body)
    assert_problem(answer, 401, "identity.missing_credential")
    _still_waits(desk, approval, token)


def test_an_answer_is_about_the_action_that_was_read(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    other = desk.opened(token, "CREATE TABLE public.receipts (id int)")
    body = {**approval, "action_digest": other["action_digest"]}
    assert_problem(desk.answer(body, desk.person()), 409, "approval.digest_mismatch")
    _still_waits(desk, approval, token)


@pytest.mark.parametrize(
    "body",
    [
        {"answer": "approve"},
        {"action_digest": "A" * 43},
        {"answer": "APPROVE", "action_digest": "A" * 43},
        {"answer": "yes", "action_digest": "A" * 43},
        {"answer": True, "action_digest": "A" * 43},
        {"answer": "approve", "action_digest": "A" * 42},
        {"answer": "approve", "action_digest": "A" * 43, "subject": "bob"},
        {"answer": "approve", "action_digest": "A" * 43, "comment": "x" * 2049},
        {},
    ],
)
def test_an_answer_has_the_published_shape(desk: Desk, body: dict[str, Any]) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    path = f"/approvals/{approval['id']}/answer"
    answer = desk.service.request("POST", path, body, token=desk.person())
    assert_problem(answer, 422, "request.schema")
    _still_waits(desk, approval, token)


@pytest.mark.parametrize(("first", "status"), [("approve", "approved"), ("deny", "denied")])
@pytest.mark.parametrize("second", ["approve", "deny"])
@pytest.mark.parametrize("who", ["bob", "dora"])
def test_what_was_answered_stays_answered(
    desk: Desk, first: str, status: str, second: str, who: str
) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert desk.answer(approval, desk.person(), first).body["status"] == status
    assert_problem(
        desk.answer(approval, desk.person(who), second), 409, "approval.already_answered"
    )
    assert desk.view(approval["id"], token)["status"] == status
    effect = desk.ask(token, approval=approval["id"])["effect"]
    assert effect == ("allow" if first == "approve" else "deny")


def test_two_people_are_two_people(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token, TWO_PEOPLE)
    bob = desk.person("bob", (ADMINS, LEADS))
    assert desk.approve(approval, bob)["status"] == "pending"
    for groups in ((ADMINS,), (LEADS,)):
        again = desk.answer(approval, desk.person("bob", groups))
        assert_problem(again, 409, "approval.already_answered")
    assert desk.ask(token, TWO_PEOPLE, approval=approval["id"])["effect"] == "deny"
    found = desk.approve(approval, desk.person("dora", (LEADS,)))
    assert found["status"] == "approved"
    assert [item["person"]["sub"] for item in found["answers"]] == ["bob", "dora"]
    assert desk.ask(token, TWO_PEOPLE, approval=approval["id"])["effect"] == "allow"


def test_one_denial_denies_whatever_the_quorum(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token, TWO_PEOPLE)
    assert desk.approve(approval)["status"] == "pending"
    denied = desk.answer(approval, desk.person("dora", (LEADS,)), "deny", comment="not today")
    assert (denied.body["status"], denied.body["comment"]) == ("denied", "not today")
    decision = desk.ask(token, TWO_PEOPLE, approval=approval["id"])
    assert [r["code"] for r in decision["reasons"]] == ["approval.denied"]


def test_of_two_answers_at_once_each_counts_once(desk: Desk) -> None:
    """Quorum 2, six people at the same moment: two count, four come too late."""
    token = fresh(desk)
    approval = desk.opened(token, TWO_PEOPLE)
    tokens = [desk.person(f"person{n}") for n in range(6)]
    answers = _at_once([partial(_status, desk, approval, token) for token in tokens])
    assert sorted(answers) == [200, 200, 409, 409, 409, 409]
    found = desk.view(approval["id"], token)
    assert found["status"] == "approved"
    assert len({item["person"]["sub"] for item in found["answers"]}) == 2
    kinds = desk.kinds(approval["decision_id"])
    assert kinds == ["decided", "approval_requested", "approval_answered", "approval_answered"]


def test_approve_and_deny_at_once_have_one_winner(desk: Desk) -> None:
    for _ in range(5):
        token = fresh(desk)
        approval = desk.opened(token)
        yes, no = desk.person("bob"), desk.person("dora")
        answers = _at_once(
            [
                partial(_status, desk, approval, yes, "approve"),
                partial(_status, desk, approval, no, "deny"),
            ]
        )
        assert sorted(answers) == [200, 409]
        status = desk.view(approval["id"], token)["status"]
        assert status == ("approved" if answers[0] == 200 else "denied")
        effect = desk.ask(token, approval=approval["id"])["effect"]
        assert effect == ("allow" if answers[0] == 200 else "deny")


def test_what_was_withdrawn_cannot_be_approved(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert desk.cancel(approval, token).body["status"] == "cancelled"
    assert desk.cancel(approval, token).body["status"] == "cancelled"  # twice is fine
    assert_problem(desk.answer(approval, desk.person()), 409, "approval.cancelled")
    assert desk.ask(token, approval=approval["id"])["effect"] == "deny"
    assert desk.kinds(approval["decision_id"]).count("approval_cancelled") == 1
    again = desk.opened(token)
    assert again["id"] != approval["id"]
    _still_waits(desk, again, token)


def test_only_who_asked_withdraws(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    for other in (
        fresh(desk),
        desk.agent(approval["run"], "bob"),
        desk.agent(approval["run"], act={"iss": DEVELOPMENT_ISSUER, "sub": "reviewer"}),
        desk.person(),
        desk.person("alice"),
    ):
        assert_problem(desk.cancel(approval, other), 404, "request.not_found")
    _still_waits(desk, approval, token)
    assert_problem(desk.cancel(approval, token), 409, "approval.already_answered")  # spent


def test_an_approved_but_unused_approval_can_be_withdrawn(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    assert desk.cancel(approval, token).body["status"] == "cancelled"
    decision = desk.ask(token, approval=approval["id"])
    assert [r["code"] for r in decision["reasons"]] == ["approval.cancelled"]


def test_an_expired_approval_takes_no_answer(desk: Desk, adapters: Adapters) -> None:
    token = fresh(desk)
    approval, control = desk.opened(token), desk.opened(token, TWO_PEOPLE)
    bob = desk.person()
    body = json.dumps({"answer": "approve", "action_digest": approval["action_digest"]}).encode()
    late = answering(desk.service, adapters, seconds=3_600.0)
    with pytest.raises(ApprovalExpired):
        late.run(approval_id=approval["id"], body=body, unverified_token=_later(desk, 3_600))
    # The first look has recorded it, and it stays so whatever the clock says later.
    assert desk.kinds(approval["decision_id"])[-1] == "approval_expired"
    assert desk.view(approval["id"], token)["status"] == "expired"
    assert_problem(desk.answer(approval, bob), 409, "approval.expired")
    assert_problem(desk.cancel(approval, token), 409, "approval.expired")
    early = answering(desk.service, adapters, seconds=3_500.0)
    body = json.dumps({"answer": "approve", "action_digest": control["action_digest"]}).encode()
    value = early.run(approval_id=control["id"], body=body, unverified_token=_later(desk, 3_500))
    assert isinstance(value, dict)
    assert len(value["answers"]) == 1


def test_an_expired_approval_is_shown_so_and_recorded_once(desk: Desk, adapters: Adapters) -> None:
    approval = desk.opened(fresh(desk))
    late = reading(desk.service, adapters, seconds=4_000.0)
    bob = _later(desk, 4_000)
    for _ in range(2):
        value = late.one(approval_id=approval["id"], wait_seconds=5, unverified_token=bob)
        assert isinstance(value, dict)
        assert value["status"] == "expired"
    assert desk.kinds(approval["decision_id"]).count("approval_expired") == 1


def test_policy_is_asked_again_at_the_answer(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Between request and answer the group of approvers changes: the old answer is worthless."""
    folder = tmp_path_factory.mktemp("changed")
    with approving_service(folder) as service:
        desk = Desk(service)
        token = fresh(desk)
        approval, kept = desk.opened(token), desk.opened(token, TWO_PEOPLE)
        service.stop()
        approval_bundle(folder, approvers=["owners"])
        service.start()
        changed = desk.answer(approval, desk.person())
        assert_problem(changed, 409, "approval.policy_changed")
        # A denial permits nothing, and needs no policy.
        assert desk.answer(kept, desk.person(), "deny").body["status"] == "denied"
        # Asked again under the new policy, the old one is replaced and the new one counts.
        again = desk.opened(token)
        assert again["id"] != approval["id"]
        assert desk.view(approval["id"], token)["status"] == "cancelled"
        assert desk.approve(again, desk.person("olga", ("owners",)))["status"] == "approved"
        assert desk.ask(token, approval=again["id"])["effect"] == "allow"


def _later(desk: Desk, seconds: int) -> str:
    """Bob's token of a later day."""
    now = int(ShiftedClock(seconds).now())
    return desk.person(iat=now, nbf=now, exp=now + 600)


def _status(desk: Desk, approval: Any, token: str, answer: str = "approve") -> int:
    return desk.answer(approval, token, answer).status


def _at_once(calls: list[Callable[[], int]]) -> list[int]:
    found: list[int] = [0] * len(calls)
    gate = threading.Barrier(len(calls))

    def one(index: int) -> None:
        gate.wait()
        found[index] = calls[index]()

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_no_record_no_answer(desk: Desk, adapters: Adapters) -> None:
    """What is not recorded did not happen: the caller gets a failure, the approval waits on."""

    def full(_events: object) -> None:
        raise LedgerUnavailable("no space")

    token = fresh(desk)
    approval = desk.opened(token)
    body = json.dumps({"answer": "approve", "action_digest": approval["action_digest"]}).encode()
    ledger = WatchedLedger(adapters.ledger, before_append=full)
    flow = answering(desk.service, adapters, ledger=ledger)
    with pytest.raises(LedgerUnavailable):
        flow.run(approval_id=approval["id"], body=body, unverified_token=desk.person())
    assert ledger.calls == ["append"]
    _still_waits(desk, approval, token)
