"""The events of an approval, each with its step: what happened and where it stands then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from counterfoil.core.approval import OPEN, Answer, Approval, Asker, Status
from counterfoil.core.approval_record import (
    ANSWERED,
    CANCELLED,
    EXPIRED,
    REQUESTED,
    SPENT,
    answer_json,
    fold,
    record_json,
)
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import caller_json
from counterfoil.core.model import Caller, JsonObject
from counterfoil.core.times import rfc3339_second
from counterfoil.ports import Change, Event, Ledger, States, StoredEvent, StoredState

KIND = "approval"
MOST_OPEN = 32
"""Open approvals of one run: more than people read, and an agent cannot bury theirs."""


def load(ledger: Ledger, states: States, tenant: str, approval_id: str) -> Approval | None:
    """An approval of this tenant by its id, from its events; None where there is none."""
    state = states.state(tenant, KIND, approval_id)
    return None if state is None else load_at(ledger, tenant, state)


def load_at(ledger: Ledger, tenant: str, state: StoredState) -> Approval | None:
    """The approval that a state stands for, from its events."""
    trail = ledger.trail(tenant, state.decision_id)
    return fold(trail, state.key, state.decision_id)


def in_trail(trail: Sequence[StoredEvent], decision_id: str) -> list[Approval]:
    """The approvals that a decision's events tell."""
    names = dict.fromkeys(
        str(event.plain["approval"]) for event in trail if event.kind == REQUESTED
    )
    found = (fold(trail, name, decision_id) for name in names)
    return [approval for approval in found if approval is not None]


def name_of(asker: Asker, action_digest: str) -> str:
    """At most one open approval has it: one per run and action."""
    return canonical_bytes([KIND, asker.tenant, asker.run, action_digest]).decode()


def owner_of(asker: Asker) -> str:
    """Groups the approvals of one run of one agent of one person."""
    actor = None if asker.actor is None else list(asker.actor)
    return canonical_bytes([KIND, asker.tenant, list(asker.subject), actor, asker.run]).decode()


def requested(approval: Approval, *, event_id: str, now: float) -> Event:
    """Opened; in the trail of the decision that needs it."""
    return Event(
        kind=REQUESTED,
        event_id=event_id,
        time=now,
        tenant=approval.asker.tenant,
        subject=approval.asker.subject,
        decision_id=approval.decision_id,
        plain={
            "approval": approval.id,
            "run": approval.asker.run,
            "expires": rfc3339_second(approval.expires_at),
            "quorum": approval.terms.quorum,
            "groups": len(approval.terms.each_from),
            "policy": approval.policy_revision,
        },
        payload={"approval": record_json(approval)},
        change=_change(approval, Status.PENDING, expect_version=None),
    )


def answered(
    approval: Approval, answer: Answer, caller: Caller, *, event_id: str, now: float
) -> Event:
    """One person's answer, sealed under that person's own key."""
    event = answer_event(approval, answer, event_id=event_id, now=now)
    payload = {
        "answer": answer_json(answer),
        "caller": canonical_bytes({**caller_json(caller), "token_id": caller.token_id}),
    }
    return replace(event, payload=payload)


def answer_event(approval: Approval, answer: Answer, *, event_id: str, now: float) -> Event:
    """The step that an answer is, without its words."""
    status = approval.with_answer(answer).status(now)
    return Event(
        kind=ANSWERED,
        event_id=event_id,
        time=now,
        tenant=approval.asker.tenant,
        subject=answer.person,
        decision_id=approval.decision_id,
        plain={
            "approval": approval.id,
            "answer": answer.answer,
            "status": status.value,
            "of": [n for n, name in enumerate(approval.terms.each_from) if name in answer.groups],
        },
        change=_change(approval, status, expect_version=approval.version),
    )


def cancelled(approval: Approval, reason: str, *, event_id: str, now: float) -> Event:
    """Withdrawn by who asked (`withdrawn`), or replaced by a newer one (`superseded`)."""
    plain = {"reason": reason}
    return _ended(approval, CANCELLED, Status.CANCELLED, plain, event_id=event_id, now=now)


def expired(approval: Approval, *, event_id: str, now: float) -> Event:
    """Its time is over; recorded when somebody looks."""
    return _ended(approval, EXPIRED, Status.EXPIRED, {}, event_id=event_id, now=now)


def spent(approval: Approval, granting: str, *, event_id: str, now: float) -> Event:
    """Used, once, by the decision `granting`; in the same commit as that decision."""
    plain = {"granting_decision": granting}
    return _ended(approval, SPENT, Status.SPENT, plain, event_id=event_id, now=now)


def _ended(
    approval: Approval, kind: str, status: Status, plain: JsonObject, *, event_id: str, now: float
) -> Event:
    return Event(
        kind=kind,
        event_id=event_id,
        time=now,
        tenant=approval.asker.tenant,
        subject=approval.asker.subject,
        decision_id=approval.decision_id,
        plain={"approval": approval.id, **plain},
        change=_change(approval, status, expect_version=approval.version),
    )


def _change(approval: Approval, status: Status, *, expect_version: int | None) -> Change:
    return Change(
        kind=KIND,
        key=approval.id,
        expect_version=expect_version,
        state=status.value,
        open=status in OPEN,
        name=name_of(approval.asker, approval.action_digest),
        owner=owner_of(approval.asker),
        expires_at=float(approval.expires_at),
        most_open=MOST_OPEN,
    )
