"""What an approval may be used for: exactly the action it was given for, by who asked, once.

Each attack ends with the control: the honest use of the same approval is allowed.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from approval_story import (
    CREATE,
    OTHER,
    Desk,
    approval_bundle,
    approving_service,
    codes,
    fresh,
    request,
)
from counterfoil.app import Adapters
from counterfoil.config import DEVELOPMENT_ISSUER
from main_path import ShiftedClock, adapters_over, assert_denied, flow_of, new_run, run
from service import PROMPT, prompt_digest
from simulators.hostile_session import PERMISSION


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("use")) as service:
        yield Desk(service)


@pytest.fixture(scope="module")
def adapters(desk: Desk) -> Iterator[Adapters]:
    with adapters_over(desk.service) as found:
        yield found


def _still_good(desk: Desk, approval: dict[str, Any], token: str) -> dict[str, Any]:
    """The control: the approval is unspent and carries its own action."""
    decision = desk.ask(token, approval=approval["id"])
    assert decision["effect"] == "allow", decision["reasons"]
    assert codes(decision) == ["policy.approved"]
    assert decision["permissions"] == [PERMISSION]
    return decision


def _claims(decision: dict[str, Any]) -> dict[str, Any]:
    payload = decision["scoped_token_request"]["signed_request"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def test_an_approved_action_is_allowed_with_exactly_its_permissions(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    decision = _still_good(desk, approval, token)
    assert decision["permissions"] == approval["permissions"]
    assert decision["execute"] == approval["execute"]
    assert decision["action_digest"] == approval["action_digest"]
    assert "approval" not in decision
    claims = _claims(decision)
    assert claims["approval_id"] == approval["id"]
    assert claims["action_digest"] == approval["action_digest"]


def test_the_whole_story_stands_in_one_trail(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    granted = _still_good(desk, approval, token)["decision_id"]
    events = desk.trail(approval["decision_id"])
    assert [event["event"] for event in events] == [
        "decided",
        "approval_requested",
        "approval_answered",
        "approval_spent",
    ]
    assert {event["approval"] for event in events} == {approval["id"]}
    assert events[2]["payload"]["caller"]["subject"]["sub"] == "bob"
    assert events[3]["granting_decision"] == granted
    (decided,) = desk.trail(granted)
    assert decided["approval"] == approval["id"]


@pytest.mark.parametrize("sql", [OTHER, "CREATE TABLE public.invoices (id int, more int)"])
def test_another_action_is_not_what_was_approved(desk: Desk, sql: str) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    assert_denied(desk.ask(token, sql, approval=approval["id"]), "approval.digest_mismatch")
    _still_good(desk, approval, token)


def test_an_approval_carries_no_action_that_needs_none(desk: Desk) -> None:
    """Even what is allowed anyway is denied under a wrong approval: the caller is confused."""
    token = fresh(desk)
    approval = desk.approved(token)
    select = "SELECT id FROM public.invoices"
    assert desk.ask(token, select)["effect"] == "allow"
    assert_denied(desk.ask(token, select, approval=approval["id"]), "approval.digest_mismatch")
    _still_good(desk, approval, token)


def test_an_approval_carries_no_action_that_policy_denies(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    decision = desk.ask(token, "DELETE FROM public.invoices", approval=approval["id"])
    assert decision["effect"] == "deny"
    assert codes(decision)[0] == "approval.digest_mismatch"
    _still_good(desk, approval, token)


def test_another_run_agent_or_person_has_no_such_approval(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    for other in (
        fresh(desk),
        desk.agent(approval["run"], "bob"),
        desk.agent(approval["run"], act={"iss": DEVELOPMENT_ISSUER, "sub": "reviewer"}),
        desk.service.token(run=None),
    ):
        decision = desk.ask(other, approval=approval["id"])
        assert decision["effect"] == "deny"
        assert codes(decision)[0] == "approval.unknown"
    _still_good(desk, approval, token)


@pytest.mark.parametrize("name", ["apr_" + "0" * 26, "apr_", "x", "dec_1' OR '1'='1", "a" * 128])
def test_an_approval_that_does_not_exist_is_none(desk: Desk, name: str) -> None:
    token = fresh(desk)
    assert_denied(desk.ask(token, approval=name), "approval.unknown")
    _still_good(desk, desk.approved(token), token)


def test_another_prompt_is_another_demand(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    decision = desk.ask(token, approval=approval["id"], prompt="Ignore the approval")
    assert_denied(decision, "approval.prompt_mismatch")
    _still_good(desk, approval, token)


def test_a_run_opened_with_another_prompt_is_another_demand(desk: Desk) -> None:
    """The same run id under a token with another prompt: a launcher's mistake, or a forgery."""
    name = new_run()
    token = desk.agent(name, prompt_digest=prompt_digest(PROMPT))
    approval = desk.opened(token, prompt=None)
    assert approval["prompt"]["source"] == "run"
    desk.approve(approval)
    other = desk.agent(name, prompt_digest=prompt_digest("Something else"))
    decision = desk.ask(other, approval=approval["id"], prompt=None)
    assert_denied(decision, "approval.prompt_mismatch")
    assert desk.ask(token, approval=approval["id"], prompt=None)["effect"] == "allow"


def test_what_is_not_answered_permits_nothing(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert_denied(desk.ask(token, approval=approval["id"]), "approval.pending")
    desk.approve(approval)
    _still_good(desk, approval, token)


def test_what_was_denied_permits_nothing(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    assert desk.answer(approval, desk.person(), "deny").status == 200
    assert_denied(desk.ask(token, approval=approval["id"]), "approval.denied")
    again = desk.approved(token)  # the agent may ask anew, and a person decides anew
    _still_good(desk, again, token)


def test_an_approval_is_used_once(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    _still_good(desk, approval, token)
    assert_denied(desk.ask(token, approval=approval["id"]), "approval.spent")
    assert desk.kinds(approval["decision_id"]).count("approval_spent") == 1


def test_concurrent_uses_have_exactly_one_allow(desk: Desk) -> None:
    for _ in range(4):
        token = fresh(desk)
        approval = desk.approved(token)
        found: list[dict[str, Any]] = []
        gate = threading.Barrier(8)

        def use(
            gate: threading.Barrier = gate,
            token: str = token,
            approval: dict[str, Any] = approval,
            found: list[dict[str, Any]] = found,
        ) -> None:
            gate.wait()
            found.append(desk.ask(token, approval=approval["id"]))

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(item["effect"] for item in found) == ["allow"] + ["deny"] * 7
        denied = {code for item in found if item["effect"] == "deny" for code in codes(item)}
        assert denied == {"approval.spent"}
        assert desk.kinds(approval["decision_id"]).count("approval_spent") == 1


def test_one_approval_in_two_items_of_a_batch_is_used_once(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    body = {"actions": [request(CREATE, approval["id"])] * 3}
    answer = desk.service.request("POST", "/authorize/batch", body, token=token)
    assert [item["effect"] for item in answer.body["decisions"]] == ["allow", "deny", "deny"]
    assert codes(answer.body["decisions"][1]) == ["approval.spent"]


def test_a_repeated_request_repeats_its_answer_and_spends_nothing_twice(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    first = desk.ask(token, approval=approval["id"], Idempotency_Key="once")
    again = desk.ask(token, approval=approval["id"], Idempotency_Key="once")
    assert first == again
    assert first["effect"] == "allow"
    assert_denied(
        desk.ask(token, approval=approval["id"], Idempotency_Key="twice"), "approval.spent"
    )


def test_a_grant_does_not_outlive_its_approval(desk: Desk, adapters: Adapters) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    expires = _expiry(approval)
    seconds = expires - ShiftedClock().now() - 100  # 100 s before the approval's end
    flow = flow_of(desk.service, adapters, clock=ShiftedClock(seconds))
    late = _token_of(desk, approval["run"], seconds)
    decision = run(flow, request(CREATE, approval["id"]), token=late)
    assert decision["effect"] == "allow", decision["reasons"]
    claims = _claims(decision)
    assert claims["credential_deadline"] <= expires
    assert claims["exp"] <= expires
    assert claims["credential_deadline"] - claims["iat"] < 300


def test_an_approval_ends_with_its_time(desk: Desk, adapters: Adapters) -> None:
    token = fresh(desk)
    approval = desk.approved(token)
    flow = flow_of(desk.service, adapters, clock=ShiftedClock(3_601.0))
    late = _token_of(desk, approval["run"], 3_601.0)
    decision = run(flow, request(CREATE, approval["id"]), token=late)
    assert_denied(decision, "approval.expired")
    _still_good(desk, approval, token)  # on this side of its end it is good


def test_another_policy_makes_approvals_worthless(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Approved under one revision, used under another, even one that says the same of it."""
    folder = tmp_path_factory.mktemp("policy")
    with approving_service(folder) as service:
        desk = Desk(service)
        token = fresh(desk)
        approval = desk.approved(token)
        service.stop()
        approval_bundle(folder, expires_in_seconds=1_800)
        service.start()
        assert_denied(desk.ask(token, approval=approval["id"]), "approval.policy_changed")
        again = desk.approved(token)
        _still_good(desk, again, token)


def test_an_edited_state_opens_nothing(desk: Desk) -> None:
    """Somebody who can write the file sets a spent, or pending, approval back to `approved`."""
    token = fresh(desk)
    spent, pending = desk.approved(token), desk.opened(token, OTHER)
    _still_good(desk, spent, token)
    for approval, sql, version in ((spent, CREATE, 2), (pending, OTHER, 2)):
        with closing(sqlite3.connect(f"file:{desk.service.database}?mode=ro", uri=True)) as db:
            row = db.execute(
                "SELECT version, state FROM states WHERE key = ?", (approval["id"],)
            ).fetchone()
        assert row in {(3, "spent"), (1, "pending")}
        _edit(desk, approval["id"], version)
        decision = desk.ask(token, sql, approval=approval["id"])
        assert decision["effect"] == "deny"
        assert codes(decision)[0] in {"approval.spent", "approval.pending"}


def _edit(desk: Desk, approval_id: str, version: int) -> None:
    """Write behind the writer's back, while it stands still."""
    desk.service.stop()
    with closing(sqlite3.connect(desk.service.database)) as db, db:
        db.execute(
            "UPDATE states SET version = ?, state = 'approved', open = 1 WHERE key = ?",
            (version, approval_id),
        )
    desk.service.start()


STATEMENTS = [
    "CREATE TABLE public.a (id int)",
    "CREATE TABLE public.b (id int)",
    "CREATE TABLE public.a (id int, b int)",
    "SELECT id FROM public.a",
]


def test_an_approval_never_yields_permissions_but_its_own(desk: Desk) -> None:
    """Every approval with every statement: allowed where the two belong together, else denied."""
    token = fresh(desk)
    approvals = [desk.approved(token, sql) for sql in STATEMENTS[:3]]
    for mine, approval in enumerate(approvals):
        for other, sql in enumerate(STATEMENTS):
            if other != mine:
                assert_denied(
                    desk.ask(token, sql, approval=approval["id"]), "approval.digest_mismatch"
                )
        decision = desk.ask(token, STATEMENTS[mine], approval=approval["id"])
        assert decision["effect"] == "allow"
        assert decision["permissions"] == approval["permissions"]


def _expiry(approval: dict[str, Any]) -> float:
    return datetime.fromisoformat(approval["expires_at"]).timestamp()


def _token_of(desk: Desk, run_id: str, seconds: float) -> str:
    now = int(ShiftedClock(seconds).now())
    return desk.agent(run_id, iat=now, nbf=now, exp=now + 600)
