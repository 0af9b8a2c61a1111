"""Approvals by hand: events as the ledger gives them back, and the honest use of one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from counterfoil.core.approval import Answer, Approval, Asker
from counterfoil.core.approval_record import answer_json, fold, record_json
from counterfoil.core.approval_rules import (
    why_not_usable,
)
from counterfoil.core.model import (
    Actor,
    ApprovalTerms,
    Caller,
    JsonObject,
    Subject,
)

NOW, END = 1_800_000_000.0, 1_800_003_600
ID, DECISION = "apr_" + "1" * 26, "dec_" + "1" * 26
IDP = "https://idp.example.com"
ASKED: JsonObject = {
    "input": {
        "operations": [{"family": "database", "verb": "drop", "object": {"kind": "table"}}],
        "required": [{"type": "postgresql", "operations": [0]}],
        "ambient": [],
        "context": {"prompt": "p", "time": "t"},
    },
    "execute": {"arguments": {"ratio": 0.1, "big": 2**60 + 1, "text": "Ä\u2028"}, "session": None},
    "prompt_source": "agent",
    "reasons": [],
}
PENDING = Approval(
    id=ID,
    decision_id=DECISION,
    asker=Asker(tenant="default", subject=(IDP, "alice"), actor=(IDP, "coder"), run="run_1"),
    action_digest="A" * 43,
    prompt_digest="B" * 43,
    policy_revision="dev+sha256:0",
    terms=ApprovalTerms(approvers=("admins", "leads"), quorum=1, expires_in_seconds=3600),
    opened_at="2027-01-15T08:00:00.000000Z",
    expires_at=END,
    asked=ASKED,
)


def caller(sub: str = "alice", *, agent: str | None = "coder", **changes: Any) -> Caller:
    """Somebody of the tenant."""
    base = Caller(
        tenant="default",
        subject=Subject(issuer=IDP, sub=sub, groups=("admins",)),
        actor=None if agent is None else Actor(issuer=IDP, sub=agent),
        run_id="run_1" if agent else None,
        prompt_digest=None,
        expires_at=NOW + 600,
    )
    return replace(base, **changes)


@dataclass(frozen=True)
class Told:
    """An event as the ledger gives it back."""

    kind: str
    plain: JsonObject
    payload: dict[str, bytes] = field(default_factory=dict)
    time: str = "2027-01-15T08:00:00.000000Z"


def opening(approval: Approval = PENDING) -> Told:
    return Told("approval_requested", {"approval": ID}, {"approval": record_json(approval)})


def answered(
    sub: str, said: str, *, erased: bool = False, groups: tuple[str, ...] = ("admins",)
) -> Told:
    answer = Answer(person=(IDP, sub), groups=groups, answer=said, time="t", comment="c")
    payload = {} if erased else {"answer": answer_json(answer)}
    return Told("approval_answered", {"approval": ID, "answer": said}, payload)


def end(kind: str) -> Told:
    return Told(f"approval_{kind}", {"approval": ID})


def told(*events: Told, quorum: int = 1) -> Approval:
    terms = replace(PENDING.terms, quorum=quorum)
    found = fold([opening(replace(PENDING, terms=terms)), *events], ID, DECISION)
    assert found is not None
    return found


APPROVED = told(answered("bob", "approve"))


def use(approval: Approval | None = APPROVED, **changes: Any) -> str | None:
    """The code that denies a use; every part is the honest one but for `changes`."""
    honest: dict[str, Any] = {
        "caller": caller(),
        "action_digest": "A" * 43,
        "prompt_digest": "B" * 43,
        "asked": ASKED,
        "now": NOW,
    }
    parts = {**honest, **changes}
    return why_not_usable(approval, parts.pop("caller"), **parts)
