"""An approval is its events: what they tell, and what may be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_events import (
    APPROVED,
    ASKED,
    DECISION,
    END,
    ID,
    NOW,
    PENDING,
    Told,
    answered,
    caller,
    end,
    opening,
    told,
    use,
)
from counterfoil.core.approval import Approval, Status, verified_json
from counterfoil.core.approval_record import fold
from counterfoil.core.approval_rules import (
    EXPLANATIONS,
    hold_to_use,
)
from counterfoil.core.model import (
    Decision,
    Effect,
    JsonObject,
    Reason,
)


def test_what_is_recorded_is_read_back_exactly() -> None:
    assert fold([opening()], ID, DECISION) == PENDING


def test_other_events_of_the_trail_change_nothing() -> None:
    decided = Told("decided", {"approval": ID, "effect": "needs_approval"})
    foreign = replace(end("spent"), plain={"approval": "apr_" + "2" * 26})
    outcome = Told("outcome", {"status": "ok"})
    assert fold([decided, opening(), foreign, outcome], ID, DECISION) == PENDING
    assert fold([decided, foreign], ID, DECISION) is None
    assert fold([answered("bob", "approve"), end("spent")], ID, DECISION) is None
    assert fold([opening(), opening()], ID, DECISION) == PENDING


@pytest.mark.parametrize(
    ("events", "quorum", "status"),
    [
        ([], 1, Status.PENDING),
        ([answered("bob", "approve")], 1, Status.APPROVED),
        ([answered("bob", "deny")], 1, Status.DENIED),
        ([answered("bob", "approve")], 2, Status.PENDING),
        ([answered("bob", "approve"), answered("bob", "approve")], 2, Status.PENDING),
        ([answered("bob", "approve"), answered("dora", "approve")], 2, Status.APPROVED),
        ([answered("bob", "approve"), answered("dora", "deny")], 2, Status.DENIED),
        ([answered("bob", "approve"), end("spent")], 1, Status.SPENT),
        ([answered("bob", "approve"), end("cancelled")], 1, Status.CANCELLED),
        ([end("cancelled")], 1, Status.CANCELLED),
        ([end("expired")], 1, Status.EXPIRED),
        ([answered("bob", "maybe")], 1, Status.DENIED),
    ],
)
def test_the_events_say_where_it_stands(
    events: Sequence[Told], quorum: int, status: Status
) -> None:
    found = told(*events, quorum=quorum)
    assert found.status(NOW) is status
    assert found.version == 1 + len(events)


def test_an_erased_approver_approves_nothing_and_an_erased_denier_still_denies() -> None:
    assert told(answered("bob", "approve", erased=True)).status(NOW) is Status.PENDING
    assert told(answered("bob", "deny", erased=True)).status(NOW) is Status.DENIED
    two = told(answered("bob", "approve"), answered("dora", "approve", erased=True), quorum=2)
    assert two.status(NOW) is Status.PENDING
    assert two.version == 3
    assert [item["sub"] for item in _people(two)] == ["bob"]


def test_an_erased_asker_has_no_approval() -> None:
    assert fold([replace(opening(), payload={}), answered("bob", "approve")], ID, DECISION) is None


def _people(approval: Approval) -> list[dict[str, Any]]:
    value: Any = verified_json(approval)["approvers"]
    return list(value)


@pytest.mark.parametrize("now", [END, END + 1, END * 2])
def test_time_ends_what_is_open_and_nothing_else(now: float) -> None:
    assert told().status(now) is Status.EXPIRED
    assert told(answered("bob", "approve")).status(now) is Status.EXPIRED
    assert told(answered("bob", "approve")).status(END - 0.001) is Status.APPROVED
    assert told(answered("bob", "deny")).status(now) is Status.DENIED
    assert told(answered("bob", "approve"), end("spent")).status(now) is Status.SPENT


def test_the_honest_use_is_usable() -> None:
    assert use() is None


def _asked(**changes: Any) -> JsonObject:
    value: Any = ASKED["input"]
    return {**ASKED, "input": {**value, **changes}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another person": ({"caller": caller("mallory")}, "approval.unknown"),
    "another agent": ({"caller": caller(agent="reviewer")}, "approval.unknown"),
    "no agent": ({"caller": caller(agent=None)}, "approval.unknown"),
    "another run": ({"caller": caller(run_id="run_2")}, "approval.unknown"),
    "no run": ({"caller": caller(run_id=None)}, "approval.unknown"),
    "another tenant": ({"caller": caller(tenant="other")}, "approval.unknown"),
    "another digest": ({"action_digest": "C" * 43}, "approval.digest_mismatch"),
    "another prompt": ({"prompt_digest": "C" * 43}, "approval.prompt_mismatch"),
    "other operations": ({"asked": _asked(operations=[])}, "approval.operations_changed"),
    "more permissions": (
        {"asked": _asked(required=[{"type": "postgresql", "operations": [0]}] * 2)},
        "approval.operations_changed",
    ),
    "other ambient rights": (
        {"asked": _asked(ambient=[{"type": "x"}])},
        "approval.operations_changed",
    ),
    "another replacement": ({"asked": {**ASKED, "execute": None}}, "approval.operations_changed"),
    "too late": ({"now": float(END)}, "approval.expired"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_use_that_is_not_what_was_approved_is_denied(what: str) -> None:
    changes, code = WRONG[what]
    assert use(**changes) == code
    assert code in EXPLANATIONS


def test_another_time_and_other_context_are_the_same_action() -> None:
    assert use(asked=_asked(context={"prompt": "p", "time": "later", "task": "x"})) is None


@pytest.mark.parametrize(
    ("approval", "code"),
    [
        (None, "approval.unknown"),
        (told(), "approval.pending"),
        (told(answered("bob", "deny")), "approval.denied"),
        (told(end("cancelled")), "approval.cancelled"),
        (told(end("expired")), "approval.expired"),
        (told(answered("bob", "approve"), end("spent")), "approval.spent"),
        (told(answered("bob", "approve"), quorum=2), "approval.pending"),
    ],
)
def test_only_an_approved_approval_is_usable(approval: Approval | None, code: str) -> None:
    assert use(approval) == code


ALLOW = Decision(
    effect=Effect.ALLOW,
    reasons=(Reason(code="policy.approved", title="t"),),
    permissions=({"type": "postgresql"},),
    policy_revision="dev+sha256:0",
)
NEEDS = replace(ALLOW, effect=Effect.NEEDS_APPROVAL, permissions=(), approval=PENDING.terms)
DENY = replace(ALLOW, effect=Effect.DENY, permissions=())


def test_the_policy_that_asked_is_the_one_that_decides() -> None:
    assert hold_to_use(ALLOW, APPROVED, None) == ALLOW
    for decision in (ALLOW, NEEDS):
        changed = replace(decision, policy_revision="dev+sha256:1")
        held = hold_to_use(changed, APPROVED, None)
        assert (held.effect, held.reasons[0].code) == (Effect.DENY, "approval.policy_changed")
        assert held.permissions == ()
        assert held.policy_revision == "dev+sha256:1"


def test_an_approval_that_policy_does_not_take_denies() -> None:
    held = hold_to_use(NEEDS, APPROVED, None)
    assert (held.effect, held.reasons[0].code) == (Effect.DENY, "approval.insufficient")
    assert held.approval is None


def test_policys_own_refusal_stands_beside_the_approvals() -> None:
    held = hold_to_use(DENY, None, "approval.unknown")
    assert [reason.code for reason in held.reasons] == ["approval.unknown", "policy.approved"]
    assert hold_to_use(DENY, APPROVED, None) == DENY


@given(
    effect=st.sampled_from(Effect),
    revision=st.sampled_from(["dev+sha256:0", "dev+sha256:1", ""]),
    problem=st.sampled_from([None, *EXPLANATIONS]),
)
def test_a_problem_never_ends_in_an_allow(
    effect: Effect, revision: str, problem: str | None
) -> None:
    decision = replace(ALLOW, effect=effect, policy_revision=revision)
    held = hold_to_use(decision, APPROVED, problem)
    fine = problem is None and effect is Effect.ALLOW and revision == APPROVED.policy_revision
    assert (held.effect is Effect.ALLOW) == fine
    assert held.effect is not Effect.NEEDS_APPROVAL
    if not fine:
        assert held.permissions == () or held == decision


def test_every_code_explains_itself() -> None:
    for code, (title, solution) in EXPLANATIONS.items():
        assert code.startswith("approval.")
        assert title
        assert solution
