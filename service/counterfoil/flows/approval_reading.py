"""Approvals are read, waited for and withdrawn.

Who sees one: the agent that asked, in that run; the person it acts for; who may answer it;
auditors. For anybody else it does not exist. That a person saw what another asked is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from counterfoil.core.approval import Approval, Asker, Status
from counterfoil.core.approval_rules import check_answer, check_withdrawal, is_approver
from counterfoil.core.approval_view import approval_json
from counterfoil.core.model import Caller, JsonValue
from counterfoil.errors import ApprovalError, NotFound, StateConflict
from counterfoil.flows import approval_events as record
from counterfoil.flows.access import AUDITOR
from counterfoil.flows.callers import check_still
from counterfoil.flows.expiry import is_revoked, with_end_recorded
from counterfoil.flows.reading_events import record_read
from counterfoil.flows.shown import Shown
from counterfoil.ports import Clock, IdentityVerifier, Ids, Ledger, Proof, States
from counterfoil.ports_tokens import Revocations

MAX_WAIT_SECONDS = 30
MAX_SHOWN = 200  # of the pending ones, those that end first
RIVALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReadingFlow:
    """Shows approvals to those whom they concern."""

    clock: Clock
    ids: Ids
    read_cancel: Callable[[bytes], None]
    identity: IdentityVerifier
    ledger: Ledger
    states: States
    revocations: Revocations
    url: str
    ledger_timeout_seconds: float
    shown: Shown = field(default_factory=Shown)

    def listed(
        self,
        *,
        unverified_token: str | None,
        proof: Proof | None = None,
        most: int = MAX_SHOWN,
    ) -> JsonValue:
        """A person's: at most `most` that wait for their answer. An agent's: all of its run.

        Raises:
            CounterfoilError: the caller is not known, or the ledger cannot be read or written.
        """
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)
        found = (
            self._of_run(caller) if caller.actor else self._waiting_for(caller, most=most, now=now)
        )
        self._record_reading(caller, found, now=now)
        return {"approvals": [approval_json(item, url=self.url, now=now) for item in found]}

    def one(
        self,
        *,
        approval_id: str,
        wait_seconds: int,
        unverified_token: str | None,
        proof: Proof | None = None,
    ) -> JsonValue:
        """One approval; while it is pending, as it stands after at most `wait_seconds`.

        Raises:
            NotFound: no such approval, or not one that this caller may see.
            CounterfoilError: the caller is not known, or the ledger cannot be read.
        """
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)
        approval = self._seen(approval_id, caller)
        if wait_seconds and approval.status(now) is Status.PENDING:
            left = min(wait_seconds, approval.expires_at - now)
            self.states.wait_for_state(
                caller.tenant,
                record.KIND,
                approval_id,
                version=approval.version,
                deadline=self.clock.monotonic() + left,
            )
            now = self.clock.now()
            check_still(caller, self.revocations, now=now)
            approval = self._seen(approval_id, caller)
        self._record_reading(caller, [approval], now=now)
        return approval_json(self._settled(approval, now=now), url=self.url, now=now)

    def cancel(
        self,
        *,
        approval_id: str,
        body: bytes,
        unverified_token: str | None,
        proof: Proof | None = None,
    ) -> JsonValue:
        """Withdraw it: only who asked can, and doing so twice is fine.

        Raises:
            NotFound: no such approval of this agent's run.
            ApprovalError: it is over already.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        self.read_cancel(body)
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)
        approval = self.cancel_one(approval_id, caller, now=now, again=True)
        return approval_json(approval, url=self.url, now=now)

    def cancel_one(self, approval_id: str, caller: Caller, *, now: float, again: bool) -> Approval:
        """Withdraw it for a known caller; `again`: one that is withdrawn already is fine.

        Raises:
            NotFound, ApprovalError, LedgerError: as `cancel`.
        """
        for _ in range(RIVALS):
            with suppress(StateConflict):
                return self._cancelled(approval_id, caller, now=now, again=again)
        raise StateConflict

    def _record_reading(self, caller: Caller, found: list[Approval], *, now: float) -> None:
        """That a person saw what another asked for, before they do; once, however often they look.

        Raises:
            LedgerError: not recorded, so not shown.
        """
        if caller.actor is not None:
            return
        person = (caller.subject.issuer, caller.subject.sub)
        others = [item.decision_id for item in found if item.asker.subject != person]
        decisions = self.shown.fresh(caller, others)
        if decisions:
            event_id = self.ids.new("evt")
            event = record_read(
                caller, via="approval", decisions=decisions, query={}, event_id=event_id, now=now
            )
            self.ledger.append([event], deadline=self._deadline())
            self.shown.note(caller, decisions)

    def _cancelled(self, approval_id: str, caller: Caller, *, now: float, again: bool) -> Approval:
        approval = record.load(self.ledger, self.states, caller.tenant, approval_id)
        if approval is None or not approval.is_asked_by(caller):
            raise NotFound
        approval = self._settled(approval, now=now)
        if approval.ended is Status.CANCELLED and again:
            return approval
        check_withdrawal(approval, now)
        event_id = self.ids.new("evt")
        event = record.cancelled(approval, "withdrawn", event_id=event_id, now=now)
        self.ledger.append([event], deadline=self._deadline())
        return replace(approval, ended=Status.CANCELLED, version=approval.version + 1)

    def _seen(self, approval_id: str, caller: Caller) -> Approval:
        approval = record.load(self.ledger, self.states, caller.tenant, approval_id)
        if approval is None or not _may_see(approval, caller):
            raise NotFound
        return approval

    def _settled(self, approval: Approval, *, now: float) -> Approval:
        return with_end_recorded(
            approval,
            self.ledger,
            self.revocations,
            event_id=self.ids.new("evt"),
            now=now,
            deadline=self._deadline(),
        )

    def _deadline(self) -> float:
        return self.clock.monotonic() + self.ledger_timeout_seconds

    def _of_run(self, caller: Caller) -> list[Approval]:
        owner = record.owner_of(Asker.of(caller))
        states = self.states.owned_states(caller.tenant, record.KIND, owner)
        found = (record.load_at(self.ledger, caller.tenant, state) for state in states)
        return [item for item in found if item is not None and item.is_asked_by(caller)]

    def _waiting_for(self, caller: Caller, *, most: int, now: float) -> list[Approval]:
        found: list[Approval] = []
        for state in self.states.open_states(caller.tenant, record.KIND):
            if state.state != Status.PENDING or state.expires_at <= now:
                continue
            approval = record.load_at(self.ledger, caller.tenant, state)
            waits = approval is not None and _waits_for(approval, caller, now=now)
            if approval is not None and waits and not is_revoked(approval, self.revocations):
                found.append(approval)
            if len(found) == most:
                break
        return found


def _may_see(approval: Approval, caller: Caller) -> bool:
    if caller.actor is not None:
        return approval.is_asked_by(caller)
    person = (caller.subject.issuer, caller.subject.sub)
    return (
        approval.asker.subject == person or AUDITOR in caller.roles or is_approver(approval, caller)
    )


def _waits_for(approval: Approval, caller: Caller, *, now: float) -> bool:
    try:
        check_answer(approval, caller, action_digest=approval.action_digest, now=now)
    except ApprovalError:
        return False
    return True
