"""Only an allow carries anything that could be used, whatever the decision object holds."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from counterfoil.core.case import PERMITTING, Case
from counterfoil.core.catalog import Located
from counterfoil.core.model import (
    AuthorizationRequest,
    Command,
    Context,
    Decision,
    Effect,
    Enforcement,
    Execute,
    Interpretation,
    Reason,
    Receipt,
)
from counterfoil.core.response import draft, finished
from simulators.hostile_session import SCHEMAS

PERMISSION = {"type": "postgresql", "locations": ["postgresql://db/orders"]}
CASE = Case(
    decision_id="dec_" + "0" * 26,
    request=AuthorizationRequest(action_name="run_sql", arguments={}, context=Context()),
    located=Located(
        command=Command(
            family="database", tool="run_sql", arguments={}, command_argument="sql", resource=None
        ),
        enforcement=Enforcement.ENFORCE,
    ),
    reading=Interpretation(
        required=(PERMISSION,),
        ambient=(PERMISSION,),
        execute=Execute(arguments={"sql": "SELECT 1"}, session={"search_path": "pg_catalog"}),
    ),
    judged={
        "tenant": "default",
        "subject": {"iss": "https://idp", "sub": "alice"},
        "actor": None,
        "action": {"name": "run_sql", "family": "database"},
        "resource": None,
    },
    digest="d" * 43,
)
DECISION = Decision(
    effect=Effect.ALLOW,
    reasons=(Reason(code="rbac.granted", title="Granted"),),
    permissions=(PERMISSION,),
    policy_revision="dev+sha256:00ff",
)
REQUEST: dict[str, Any] = {
    "id": "str_1",
    "decision_id": CASE.decision_id,
    "expires_at": "2026-11-24T03:10:00Z",
    "max_lifetime_seconds": 300,
    "single_use": True,
    "authorization_details": [PERMISSION],
    "signed_request": "aaa.bbb." + "c" * 86,
    "renderings": {},
}


def receipt(name: str = "evt") -> Receipt:
    return Receipt(
        origin="o", event_id=name, leaf_hash="h", time="t", key_id="00000000", signature="s"
    )


def answer(decision: Decision, case: Case = CASE, request: Any = REQUEST) -> dict[str, Any]:
    (value,) = [finished([draft(case, decision, request)], [receipt()], batch=False)]
    return dict(value)


def test_an_allow_carries_all_that_was_decided() -> None:
    value = answer(DECISION)
    SCHEMAS.validator("authorization_response")(value)
    assert value["permissions"] == value["ambient"] == [PERMISSION]
    assert value["scoped_token_request"] == REQUEST
    assert value["execute"] == {
        "arguments": {"sql": "SELECT 1"},
        "session": {"search_path": "pg_catalog"},
    }
    assert value["policy"] == {"revision": "dev+sha256:00ff", "digest": "sha256:00ff"}
    assert value["judged"] == CASE.judged


@pytest.mark.parametrize("effect", [effect for effect in Effect if effect is not Effect.ALLOW])
@pytest.mark.parametrize("enforcement", Enforcement)
def test_every_other_effect_carries_nothing_usable(
    effect: Effect, enforcement: Enforcement
) -> None:
    """Even where a mistake elsewhere left permissions and a request in its hands."""
    case = replace(CASE, located=replace(CASE.located, enforcement=enforcement))
    value = answer(replace(DECISION, effect=effect), case)
    SCHEMAS.validator("authorization_response")(value)
    assert value["permissions"] == value["ambient"] == []
    assert not {"scoped_token_request", "execute", "judged"} & value.keys()
    assert (value["effect"], value["enforcement"]) == (effect.value, enforcement.value)


def test_one_effect_permits() -> None:
    assert frozenset({Effect.ALLOW}) == PERMITTING


def test_what_is_absent_is_not_invented() -> None:
    bare = replace(CASE, reading=Interpretation())
    value = answer(replace(DECISION, permissions=(), policy_revision=""), bare, None)
    SCHEMAS.validator("authorization_response")(value)
    assert not {"scoped_token_request", "execute", "approval"} & value.keys()
    assert value["policy"] == {"revision": ""}


def test_a_batch_keeps_each_answer_with_its_own_receipt() -> None:
    cases = [replace(CASE, decision_id=f"dec_{number:026}") for number in range(3)]
    drafts = [draft(case, DECISION, None) for case in cases]
    value: Any = finished(drafts, [receipt(f"evt_{n}") for n in range(3)], batch=True)
    assert list(value) == ["decisions"]
    for number, item in enumerate(value["decisions"]):
        assert item["decision_id"] == f"dec_{number:026}"
        assert item["receipt"]["event_id"] == f"evt_{number}"


@pytest.mark.parametrize(("drafts", "receipts"), [(2, 1), (1, 2), (1, 0), (0, 1)])
def test_an_answer_without_its_receipt_does_not_leave(drafts: int, receipts: int) -> None:
    values = list(itertools.repeat(draft(CASE, DECISION, None), drafts))
    with pytest.raises(ValueError, match="zip"):
        finished(values, [receipt()] * receipts, batch=True)


def test_a_draft_has_no_receipt() -> None:
    assert "receipt" not in draft(CASE, DECISION, REQUEST)
