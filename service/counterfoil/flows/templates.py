"""Approve similar: a template that somebody gave answers an approval in its own commit.

The action still gets an approval of its own, bound to its own digest and used once: the
template only is the answer to it. So whoever waits, uses, withdraws or reads an approval does
as ever, and policy is asked again when the action is sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from counterfoil.core.approval import APPROVE, Answer, Approval
from counterfoil.core.approval_rules import is_approver
from counterfoil.core.approval_view import approval_json
from counterfoil.core.model import Caller, JsonValue
from counterfoil.core.template_rules import answers
from counterfoil.core.times import rfc3339
from counterfoil.errors import NotFound, StateConflict, TemplateOver
from counterfoil.flows import approval_events as record
from counterfoil.flows import template_events as events
from counterfoil.flows.expiry import is_revoked
from counterfoil.ports import Clock, Event, IdentityVerifier, Ids, Ledger, Proof, States
from counterfoil.ports_tokens import Revocations

RIVALS = 4


@dataclass(slots=True)
class Shelf:
    """The templates that one call has used so far: a batch uses each as often as it may."""

    givers: dict[str, Approval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDesk:
    """Finds the template that answers, on the main path."""

    ledger: Ledger
    states: States
    ids: Ids
    revocations: Revocations

    def answered(
        self, wanted: Approval, shelf: Shelf, *, now: float
    ) -> tuple[Approval, list[Event]] | None:
        """The approval as a template answers it and the events of that, None where none does.

        Raises:
            LedgerError: they cannot be read.
        """
        if wanted.terms.similar is None:
            return None
        for giver in self._givers(wanted, shelf):
            template = giver.similar
            if template is None or template.person is None or not answers(giver, wanted, now):
                continue
            if is_revoked(giver, self.revocations):
                continue
            shelf.givers[template.id] = replace(giver, similar=template.with_use())
            wanted = replace(wanted, expires_at=min(wanted.expires_at, template.until))
            answer = Answer(
                person=template.person, groups=template.groups, answer=APPROVE, time=rfc3339(now)
            )
            steps = [
                events.used(giver, template, wanted, event_id=self.ids.new("evt"), now=now),
                record.requested(wanted, event_id=self.ids.new("evt"), now=now),
                events.answered_by(
                    giver, template, wanted, answer, event_id=self.ids.new("evt"), now=now
                ),
            ]
            return wanted.with_answer(answer), steps
        return None

    def _givers(self, wanted: Approval, shelf: Shelf) -> list[Approval]:
        tenant = wanted.asker.tenant
        found = []
        for state in self.states.open_states(tenant, events.KIND, owner=events.owner_of(wanted)):
            giver = shelf.givers.get(state.key) or self._giver(tenant, state.decision_id, state.key)
            if giver is not None:
                found.append(giver)
        return found

    def _giver(self, tenant: str, decision_id: str, template_id: str) -> Approval | None:
        found = record.in_trail(self.ledger.trail(tenant, decision_id), decision_id)
        known = (each for each in found if each.similar and each.similar.id == template_id)
        return next(known, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTemplateFlow:
    """Somebody ends what was approved in advance."""

    clock: Clock
    ids: Ids
    read_cancel: Callable[[bytes], None]
    identity: IdentityVerifier
    ledger: Ledger
    states: States
    url: str
    ledger_timeout_seconds: float

    def run(
        self,
        *,
        approval_id: str,
        body: bytes,
        unverified_token: str | None,
        proof: Proof | None = None,
    ) -> JsonValue:
        """End the template that was given with this approval; doing so twice is fine.

        Anybody may who could have given it, and the agent and the person it answers for: less
        is permitted afterwards.

        Raises:
            NotFound: no such approval, or not one that this caller may end.
            TemplateOver: no template was given with it, or it is used up.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        self.read_cancel(body)
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)
        for _ in range(RIVALS):
            with suppress(StateConflict):
                return approval_json(
                    self._ended(approval_id, caller, now=now), url=self.url, now=now
                )
        raise StateConflict

    def _ended(self, approval_id: str, caller: Caller, *, now: float) -> Approval:
        approval = record.load(self.ledger, self.states, caller.tenant, approval_id)
        if approval is None or not _may_end(approval, caller):
            raise NotFound
        template = approval.similar
        if template is None or (not template.ended and not template.is_open(now)):
            raise TemplateOver
        if template.ended:
            return approval
        event = events.ended(approval, template, event_id=self.ids.new("evt"), now=now)
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        self.ledger.append([event], deadline=deadline)
        return replace(approval, similar=replace(template, ended=True))


def _may_end(approval: Approval, caller: Caller) -> bool:
    if caller.actor is not None:
        return approval.is_asked_by(caller)
    person = (caller.subject.issuer, caller.subject.sub)
    return person == approval.asker.subject or is_approver(approval, caller)
