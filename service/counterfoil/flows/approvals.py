"""Approvals on the main path: the one that an action was sent with, and the one it needs.

Before policy: a presented approval is read from its events and held to this action
(`core/approval_rules.py`); policy sees it only if nothing is wrong. After the decision: an
allow spends it in its own commit, and a `needs_approval` opens one, or finds the open one of
the same run and action. Where a rival was faster the ledger refuses the whole commit, and
the action is judged anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from counterfoil.core.approval import (
    OPEN,
    Approval,
    Asker,
    Status,
    asked_json,
    measure,
    prompt_digest_of,
    verified_json,
)
from counterfoil.core.approval_rules import TOO_MANY, hold_to_use, refused, why_not_usable
from counterfoil.core.approval_view import reference_json
from counterfoil.core.case import Case, reason_json
from counterfoil.core.grant import ApprovedUntil
from counterfoil.core.model import Caller, Decision, Effect, Enforcement, JsonObject
from counterfoil.core.policy_input import policy_input
from counterfoil.core.times import rfc3339
from counterfoil.flows import approval_events as record
from counterfoil.flows.expiry import is_revoked
from counterfoil.flows.templates import Shelf, TemplateDesk
from counterfoil.ports import Event, Ids, Ledger, States, StoredState
from counterfoil.ports_tokens import Revocations


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a request says of an approval, and what is true of it.

    `problem` is the reason code that denies the action; None with an `approval` that may be
    used for exactly this action, or where no approval was presented.
    """

    approval: Approval | None = None
    problem: str | None = None

    @property
    def usable(self) -> Approval | None:
        """The approval, if nothing is wrong."""
        return self.approval if self.problem is None else None

    @property
    def for_policy(self) -> list[JsonObject]:
        """What policy may rest on."""
        return [] if self.usable is None else [verified_json(self.usable)]

    @property
    def approved(self) -> ApprovedUntil | None:
        """What a grant must not outlive."""
        usable = self.usable
        return None if usable is None else ApprovedUntil(usable.id, usable.expires_at)

    def hold(self, decision: Decision) -> Decision:
        """The decision, or a deny where the approval does not carry it."""
        return hold_to_use(decision, self.approval, self.problem)


@dataclass(slots=True, kw_only=True)
class Settlement:
    """What becomes of approvals in one commit, beside the decisions themselves."""

    decisions: list[Decision] = field(default_factory=list)
    references: list[JsonObject | None] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    opened: dict[str, Approval] = field(default_factory=dict)  # by name: a batch asks once
    shelf: Shelf = field(default_factory=Shelf)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDesk:
    """Where the main path meets approvals. `url` is where the service says it lives."""

    ledger: Ledger
    states: States
    ids: Ids
    revocations: Revocations
    url: str
    templates: TemplateDesk

    def presented(self, cases: Sequence[Case], caller: Caller, *, now: float) -> list[Presented]:
        """Read and hold the approvals that the requests of one call name.

        Raises:
            LedgerError: they cannot be read.
        """
        seen: set[str] = set()
        found = []
        for case in cases:
            item = self._hold(case, caller, now=now)
            if item.usable is not None and item.usable.id in seen:
                item = Presented(approval=item.approval, problem="approval.spent")
            elif item.usable is not None:
                seen.add(item.usable.id)
            found.append(item)
        return found

    def settle(
        self,
        cases: Sequence[Case],
        decisions: Sequence[Decision],
        presented: Sequence[Presented],
        caller: Caller,
        *,
        now: float,
    ) -> Settlement:
        """The steps that these decisions take, to be recorded in their own commit.

        Raises:
            LedgerError: open approvals cannot be read.
        """
        done = Settlement()
        for case, decision, item in zip(cases, decisions, presented, strict=True):
            approval, final = item.approval, decision
            if decision.effect is Effect.ALLOW and item.usable is not None:
                event_id = self.ids.new("evt")
                done.events.append(
                    record.spent(item.usable, case.decision_id, event_id=event_id, now=now)
                )
            elif (
                decision.effect is Effect.NEEDS_APPROVAL
                and case.located.enforcement is Enforcement.ENFORCE
            ):
                approval = self._needed(case, decision, caller, done, now=now)
                final = decision if approval is not None else refused(decision, TOO_MANY)
            waits = final.effect is Effect.NEEDS_APPROVAL and approval is not None
            done.decisions.append(final)
            done.ids.append(None if approval is None else approval.id)
            done.references.append(
                reference_json(approval, url=self.url, now=now)
                if waits and approval is not None
                else None
            )
        return done

    def _hold(self, case: Case, caller: Caller, *, now: float) -> Presented:
        approval_id = case.request.context.approval_id
        if approval_id is None:
            return Presented()
        approval = record.load(self.ledger, self.states, caller.tenant, approval_id)
        if approval is not None and approval.ended is None:
            revoked = is_revoked(approval, self.revocations)
            approval = replace(approval, ended=Status.CANCELLED) if revoked else approval
        problem = why_not_usable(
            approval,
            caller,
            action_digest=case.digest,
            prompt_digest=prompt_digest_of(case, caller),
            asked=asked_json(case, caller, policy_input(case, caller, now=now)),
            now=now,
        )
        own = approval if approval is not None and approval.is_asked_by(caller) else None
        return Presented(approval=own, problem=problem)

    def _needed(
        self, case: Case, decision: Decision, caller: Caller, done: Settlement, *, now: float
    ) -> Approval | None:
        """The open approval of this run and action, a new one if need be; None: too many."""
        wanted = self._wanted(case, decision, caller, now=now)
        name = record.name_of(wanted.asker, wanted.action_digest)
        closing: list[Event] = []
        earlier = done.opened.get(name)
        if earlier is not None:
            if _same(earlier, wanted):
                return earlier
            closing.append(self._superseded(earlier, now=now))
        else:
            for state in self.states.open_states(caller.tenant, record.KIND, name=name):
                found = record.load_at(self.ledger, caller.tenant, state)
                if found is not None and found.status(now) in OPEN and _same(found, wanted):
                    return found
                closing.append(self._close(state, found, wanted, now=now))
        if self._open_count(wanted.asker, now) + len(done.opened) >= record.MOST_OPEN:
            return None
        similar = self.templates.answered(wanted, done.shelf, now=now)
        if similar is None:
            steps = [record.requested(wanted, event_id=self.ids.new("evt"), now=now)]
        else:
            wanted, steps = similar
        done.events += [*closing, *steps]
        done.opened[name] = wanted
        return wanted

    def _wanted(self, case: Case, decision: Decision, caller: Caller, *, now: float) -> Approval:
        terms = decision.approval
        assert terms is not None  # noqa: S101 -- `read_result` gives none without terms
        asked = asked_json(case, caller, policy_input(case, caller, now=now))
        return Approval(
            id=self.ids.new("apr"),
            decision_id=case.decision_id,
            asker=Asker.of(caller),
            action_digest=case.digest,
            prompt_digest=prompt_digest_of(case, caller),
            policy_revision=decision.policy_revision,
            terms=terms,
            opened_at=rfc3339(now),
            expires_at=math.floor(now) + terms.expires_in_seconds,
            asked={**asked, "reasons": [reason_json(reason) for reason in decision.reasons]},
            launcher=caller.client_id,
        )

    def _close(
        self, state: StoredState, found: Approval | None, wanted: Approval, *, now: float
    ) -> Event:
        """End what stands in the way: out of time, or asked under another prompt or policy."""
        if found is None:  # its person was erased: only its state is left
            found = Approval(
                id=state.key,
                decision_id=state.decision_id,
                asker=wanted.asker,
                action_digest=wanted.action_digest,
                prompt_digest="",
                policy_revision="",
                terms=wanted.terms,
                opened_at="",
                expires_at=math.floor(state.expires_at),
                asked={},
                version=state.version,
            )
        if found.status(now) is Status.EXPIRED:
            return record.expired(found, event_id=self.ids.new("evt"), now=now)
        return self._superseded(found, now=now)

    def _superseded(self, found: Approval, *, now: float) -> Event:
        return record.cancelled(found, "superseded", event_id=self.ids.new("evt"), now=now)

    def _open_count(self, asker: Asker, now: float) -> int:
        owner = record.owner_of(asker)
        found = self.states.open_states(asker.tenant, record.KIND, owner=owner)
        return sum(state.expires_at > now for state in found)


def _same(found: Approval, wanted: Approval) -> bool:
    """Whether an answer to one would be an answer to the other."""
    return (
        found.asker == wanted.asker
        and found.prompt_digest == wanted.prompt_digest
        and found.policy_revision == wanted.policy_revision
        and found.terms == wanted.terms
        and measure(found.asked) == measure(wanted.asked)
    )
