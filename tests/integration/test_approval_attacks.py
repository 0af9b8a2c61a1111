"""Attacks on an approval over HTTP, each named; each ends with the control: the honest answer to
the same approval counts, and its own action runs."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from approval_story import (
    ADMINS,
    CREATE,
    LEADS,
    ONE_EACH,
    OTHER,
    Desk,
    approving_service,
    codes,
    fresh,
)
from main_path import assert_problem

BOUND = 400


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("attacks")
    with approving_service(folder, approval__max_sign_in_age_seconds=BOUND) as service:
        yield Desk(service)


def _ago(seconds: int) -> int:
    return int(time.time()) - seconds  # noqa: TID251


def _honest(desk: Desk, approval: dict[str, Any], token: str, sql: str = CREATE) -> None:
    """The control."""
    assert desk.approve(approval)["status"] == "approved"
    assert desk.ask(token, sql, approval=approval["id"])["effect"] == "allow"


def test_swapped_arguments_run_nothing(desk: Desk) -> None:
    token = fresh(desk)
    approval, other = desk.opened(token), desk.opened(token, OTHER)
    # At the answer: what was read under one id is answered under the other.
    for shown, sent in ((approval, other), (other, approval)):
        swapped = {**shown, "action_digest": sent["action_digest"]}
        assert_problem(desk.answer(swapped, desk.person()), 409, "approval.digest_mismatch")
    # At the use: same tool, same resource, same operations but for the name.
    desk.approve(approval)
    swapped = desk.ask(token, OTHER, approval=approval["id"])
    assert (swapped["effect"], codes(swapped)[0]) == ("deny", "approval.digest_mismatch")
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"
    _honest(desk, other, token, OTHER)


def test_a_replayed_answer_counts_once_and_for_nothing_else(desk: Desk) -> None:
    token, bob = fresh(desk), desk.person()
    approval = desk.opened(token)
    assert desk.cancel(approval, token).status == 200
    again = desk.opened(token)  # the same action: its digest is the same
    assert again["action_digest"] == approval["action_digest"]
    assert_problem(desk.answer(approval, bob), 409, "approval.cancelled")
    assert desk.view(again["id"], token)["status"] == "pending"
    _honest(desk, again, token)
    assert_problem(desk.answer(again, bob), 409, "approval.already_answered")
    later = desk.opened(token)  # the same action once more needs an answer of its own
    assert later["id"] not in {approval["id"], again["id"]}
    _honest(desk, later, token)


def _with_groups(token: str, *groups: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["groups"] = list(groups)
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


def test_a_forged_group_approves_nothing(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    mallory = desk.person("mallory", ("developers",))
    forged = desk.answer(approval, _with_groups(mallory, ADMINS))
    assert_problem(forged, 401, "identity.invalid_token")
    for more in ({"groups": [ADMINS]}, {"person": {"groups": [ADMINS]}}):
        assert_problem(desk.answer(approval, mallory, **more), 422, "request.schema")
    for claims in ({"roles": [ADMINS]}, {"realm_access": {"roles": [ADMINS]}}, {"group": ADMINS}):
        told = desk.person("mallory", ("developers",), **claims)
        assert_problem(desk.answer(approval, told), 403, "approval.not_an_approver")
    _honest(desk, approval, token)


def test_a_forwarded_link_shows_and_permits_nothing(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert approval["url"].endswith(f"/console/approvals/{approval['id']}")  # and holds no secret
    for reader in (desk.person("mallory", ("developers",)), fresh(desk), desk.agent("run_other")):
        assert_problem(desk.read(approval["id"], reader), 404, "request.not_found")
    assert_problem(desk.service.request("GET", f"/approvals/{approval['id']}"), 401, NO_CREDENTIAL)
    mallory = desk.person("mallory", ("developers",))
    assert_problem(desk.answer(approval, mallory), 403, "approval.not_an_approver")
    _honest(desk, approval, token)


NO_CREDENTIAL = "identity.missing_credential"


def test_an_action_mutated_while_it_waits_is_another_action(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    mutated = CREATE.replace("id int", "id int, secret text")
    denied = desk.ask(token, mutated, approval=approval["id"])
    assert (denied["effect"], codes(denied)[0]) == ("deny", "approval.digest_mismatch")
    shown = desk.view(approval["id"], desk.person())
    assert shown["action"]["arguments"]["sql"] == CREATE
    assert desk.opened(token, mutated)["id"] != approval["id"]
    _honest(desk, approval, token)


def test_two_of_one_group_are_not_one_of_each(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token, ONE_EACH)
    assert approval["each_from"] == [ADMINS, LEADS]
    assert desk.approve(approval, desk.person("bob"))["status"] == "pending"
    assert desk.approve(approval, desk.person("eve"))["status"] == "pending"
    assert desk.ask(token, ONE_EACH, approval=approval["id"])["effect"] == "deny"
    found = desk.approve(approval, desk.person("carol", (LEADS,)))
    assert found["status"] == "approved"
    assert desk.ask(token, ONE_EACH, approval=approval["id"])["effect"] == "allow"
    told = [event.get("of") for event in desk.trail(approval["decision_id"])]
    assert told[2:5] == [[0], [0], [1]]


def test_a_person_of_both_groups_counts_for_one(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token, ONE_EACH)
    assert desk.approve(approval, desk.person("dora", (ADMINS, LEADS)))["status"] == "pending"
    again = desk.answer(approval, desk.person("dora", (LEADS,)))
    assert_problem(again, 409, "approval.already_answered")
    assert desk.ask(token, ONE_EACH, approval=approval["id"])["effect"] == "deny"
    assert desk.approve(approval, desk.person("carol", (LEADS,)))["status"] == "approved"
    assert desk.ask(token, ONE_EACH, approval=approval["id"])["effect"] == "allow"


@pytest.mark.parametrize(("sql", "bound"), [(ONE_EACH, 300), (CREATE, BOUND)])
def test_an_old_sign_in_approves_nothing_but_denies(desk: Desk, sql: str, bound: int) -> None:
    """The narrower of what policy's terms and the configuration say; CREATE's terms say nothing."""
    token = fresh(desk)
    approval = desk.opened(token, sql)
    tellings: list[dict[str, Any]] = [
        {"auth_time": _ago(bound + 5)},
        {"auth_time": _ago(bound + 5), "iat": _ago(0)},
        {"iat": _ago(bound + 5), "nbf": _ago(bound + 5)},  # no auth_time: the token's own age
        {"iat": _ago(bound + 5), "auth_time": _ago(-600)},  # nobody signs in after their token
    ]
    for claims in tellings:
        old = desk.answer(approval, desk.person("bob", **claims))
        assert_problem(old, 403, "approval.sign_in_too_old")
    assert desk.view(approval["id"], token)["answers"] == []
    lately = desk.person("bob", auth_time=_ago(bound - 60))
    assert len(desk.approve(approval, lately)["answers"]) == 1
    other = desk.opened(fresh(desk), sql)
    stale = desk.person("bob", auth_time=_ago(bound + 5))
    assert desk.answer(other, stale, "deny").body["status"] == "denied"


def test_the_launchers_own_credential_approves_nothing(desk: Desk) -> None:
    token = fresh_of(desk, "desk-launcher")
    approval = desk.opened(token)
    for attacker in (desk.person("desk-launcher"), desk.person("bob", client_id="desk-launcher")):
        assert_problem(desk.answer(approval, attacker), 403, "approval.self_approval")
    _honest(desk, approval, token)


def fresh_of(desk: Desk, launcher: str) -> str:
    """The token of alice's agent, as given to this launcher."""
    return desk.agent(f"run_{'0' * 20}launch", client_id=launcher)


@pytest.mark.parametrize("by", ["token", "subject"])
def test_an_approver_revoked_since_has_approved_nothing(desk: Desk, by: str) -> None:
    token, bob = fresh(desk), desk.person("bob" if by == "token" else f"bob-{by}", jti=f"bobs-{by}")
    approval, control = desk.opened(token), desk.opened(token, OTHER)
    desk.approve(approval, bob)
    desk.approve(control, desk.person("dora"))
    named = {
        "token": {"token": f"bobs-{by}"},
        "subject": {"subject": {"iss": "urn:counterfoil:development", "sub": f"bob-{by}"}},
    }[by]
    admin = desk.person("root", ["administrators"])
    assert desk.service.request("POST", "/revocations", named, token=admin).status == 200
    time.sleep(0.3)  # a little longer than a worker goes without looking
    denied = desk.ask(token, approval=approval["id"])
    assert (denied["effect"], codes(denied)[0]) == ("deny", "approval.cancelled")
    assert desk.view(approval["id"], token)["status"] == "cancelled"
    assert desk.kinds(approval["decision_id"])[-1] == "approval_cancelled"
    assert desk.ask(token, OTHER, approval=control["id"])["effect"] == "allow"


def test_events_tell_what_is_new_to_those_who_may_read_it(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    path, headers = f"/approvals/{approval['id']}?wait=1", {"Accept": "text/event-stream"}

    def events(by: str, last: str = "") -> tuple[int, str]:
        sent = {**headers, "Last-Event-ID": last}
        answer = desk.service.request("GET", path, token=by, headers=sent)
        return answer.status, answer.body.decode() if isinstance(answer.body, bytes) else "problem"

    assert events(fresh(desk)) == (404, "problem")
    assert "id: pending.0\n" in events(token)[1]
    assert events(token, "pending.0") == (200, "retry: 1000\n: nothing new\n\n")
    desk.approve(approval)
    assert "id: approved.1\n" in events(token, "pending.0")[1]
    assert events(token, "approved.1") == (204, "")
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"


def test_a_pending_action_mutated_in_the_ledgers_file_is_answered_by_nobody(desk: Desk) -> None:
    """Written behind the writer's back, while it stands still: the last test of this service."""
    token = fresh(desk)
    approval, other = desk.opened(token), desk.opened(token, OTHER)
    desk.service.stop()
    with closing(sqlite3.connect(desk.service.database)) as db, db:
        sealed = (
            "SELECT p.seq, p.sealed FROM payloads p JOIN entries e ON e.seq = p.seq"
            " WHERE e.decision_id = ? ORDER BY e.seq DESC LIMIT 1"
        )
        ((seq, _), (_, foreign)) = (
            db.execute(sealed, (item["decision_id"],)).fetchone() for item in (approval, other)
        )
        db.execute("UPDATE payloads SET sealed = ? WHERE seq = ?", (foreign, seq))
    desk.service.start()
    assert_problem(desk.answer(approval, desk.person()), 503, "ledger.corrupt")
    assert_problem(desk.read(approval["id"], token), 503, "ledger.corrupt")
    _honest(desk, other, token, OTHER)
