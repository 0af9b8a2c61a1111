"""The events of a template, each with its step: in the trail of the decision that it came from."""

from __future__ import annotations

from dataclasses import replace

from counterfoil.core.approval import Answer, Approval
from counterfoil.core.approval_record import answer_json
from counterfoil.core.model import JsonObject
from counterfoil.core.template import Template
from counterfoil.core.template_record import ENDED, GIVEN, USED, given_json
from counterfoil.flows import approval_events as record
from counterfoil.ports import Change, Event

KIND = "template"
MOST_OPEN = 8
"""Templates of one run that answer at the same time: more than a person keeps in mind."""


def given(approval: Approval, template: Template, *, event_id: str, now: float) -> Event:
    """A person approved similar actions too; in the commit of their answer."""
    plain: JsonObject = {"uses": template.uses, "until": template.until, "approval": approval.id}
    event = _event(approval, template, GIVEN, plain, event_id=event_id, now=now)
    change = _change(approval, template, expect_version=None, open_after=True)
    payload = {"template": given_json(template)}
    return replace(event, subject=template.person, payload=payload, change=change)


def used(
    giver: Approval, template: Template, answered: Approval, *, event_id: str, now: float
) -> Event:
    """One use fewer is left; in the commit of the approval that it answers."""
    plain = {"approval": answered.id}
    event = _event(giver, template, USED, plain, event_id=event_id, now=now)
    still = template.used + 1 < template.uses
    change = _change(giver, template, expect_version=template.version, open_after=still)
    return replace(event, change=change)


def ended(approval: Approval, template: Template, *, event_id: str, now: float) -> Event:
    """Somebody ended it."""
    event = _event(approval, template, ENDED, {}, event_id=event_id, now=now)
    change = _change(approval, template, expect_version=template.version, open_after=False)
    return replace(event, change=change)


def answered_by(
    giver: Approval,
    template: Template,
    approval: Approval,
    answer: Answer,
    *,
    event_id: str,
    now: float,
) -> Event:
    """An approval is answered as its template's person did; sealed under that person's key."""
    plain = {"template": template.id, "template_of": giver.decision_id}
    event = record.answer_event(approval, answer, event_id=event_id, now=now)
    payload = {"answer": answer_json(answer)}
    return replace(event, plain={**event.plain, **plain}, payload=payload)


def owner_of(approval: Approval) -> str:
    """Groups the templates of one run of one agent of one person."""
    return record.owner_of(approval.asker)


def _event(
    approval: Approval,
    template: Template,
    kind: str,
    plain: JsonObject,
    *,
    event_id: str,
    now: float,
) -> Event:
    return Event(
        kind=kind,
        event_id=event_id,
        time=now,
        tenant=approval.asker.tenant,
        subject=approval.asker.subject,
        decision_id=approval.decision_id,
        plain={"template": template.id, **plain},
    )


def _change(
    approval: Approval, template: Template, *, expect_version: int | None, open_after: bool
) -> Change:
    return Change(
        kind=KIND,
        key=template.id,
        expect_version=expect_version,
        state="open" if open_after else "over",
        open=open_after,
        name=template.id,
        owner=owner_of(approval),
        expires_at=float(template.until),
        most_open=MOST_OPEN,
    )
