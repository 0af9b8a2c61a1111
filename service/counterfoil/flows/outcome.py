"""What happened under a decision, as its agent tells it.

1. The report: strict JSON of `schemas/outcome.json`.
2. The caller: the same person, agent and run as the decision's; a credential that has
   expired or was revoked since still counts, for a while, and is marked.
3. The decision: one that let something run (an allow, or anything in observe).
4. The record: once. The same report again gets the same answer, another one a conflict. Where
   the decision has a grant, its issuer learns of it; one that was not redeemed never will be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.grant_record import fold
from counterfoil.core.model import Caller, JsonValue, OutcomeReport, Receipt
from counterfoil.core.response import receipt_json
from counterfoil.core.times import rfc3339
from counterfoil.errors import (
    IdempotencyConflict,
    LedgerUnavailable,
    NotFound,
    OutcomeConflict,
    OutcomeNotExpected,
    StateConflict,
)
from counterfoil.flows.access import belongs_to_agent
from counterfoil.flows.grant_steps import RIVALS, outcome_step
from counterfoil.ports import Clock, Event, IdentityVerifier, Ids, Ledger, Once, Proof, StoredEvent

GRACE_SECONDS = 24 * 3600
"""How long after its credential a report is still taken: a long job outlives its token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFlow:
    """Accepts one outcome per decision."""

    clock: Clock
    ids: Ids
    read_outcome: Callable[[bytes], OutcomeReport]
    identity: IdentityVerifier
    ledger: Ledger
    ledger_timeout_seconds: float

    def run(
        self,
        *,
        decision_id: str,
        body: bytes,
        unverified_token: str | None,
        proof: Proof | None = None,
    ) -> JsonValue:
        """Record a report.

        Raises:
            CounterfoilError: unreadable, not this agent's decision, a second and other
                report, or not recorded.
        """
        report = self.read_outcome(body)  # 1
        now = self.clock.now()
        caller = self.identity.verify(
            unverified_token or "", now=now, grace_seconds=GRACE_SECONDS, proof=proof
        )  # 2
        for _ in range(RIVALS):
            with suppress(StateConflict):  # its issuer took a step meanwhile
                receipt = self._record(decision_id, caller, report, now=now)
                return {"decision_id": decision_id, "receipt": receipt_json(receipt)}
        raise StateConflict

    def _record(
        self, decision_id: str, caller: Caller, report: OutcomeReport, *, now: float
    ) -> Receipt:
        trail = self.ledger.trail(caller.tenant, decision_id)
        decided = _decision_of(trail, caller)
        _expects_outcome(decided)  # 3
        event = _outcome_event(decision_id, caller, report, event_id=self.ids.new("evt"), now=now)
        grant = fold(trail, caller.tenant, decision_id)
        event = replace(event, change=outcome_step(grant, now=now))
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        try:
            (recorded,) = self.ledger.append([event], deadline=deadline)  # 4
        except IdempotencyConflict as error:
            raise OutcomeConflict from error
        if recorded.repeated is None:
            return recorded.receipt
        return self._first_receipt(caller.tenant, decision_id)

    def _first_receipt(self, tenant: str, decision_id: str) -> Receipt:
        for event in self.ledger.trail(tenant, decision_id):
            if event.kind == "outcome":
                return event.receipt
        raise LedgerUnavailable("a reported outcome has no record")


def _decision_of(trail: Sequence[StoredEvent], caller: Caller) -> StoredEvent:
    """The decided event, if it is this agent's in this run; a foreign one does not exist."""
    for event in trail:
        if event.kind == "decided" and belongs_to_agent(event, caller):
            return event
    raise NotFound


def _expects_outcome(decided: StoredEvent) -> None:
    if decided.plain.get("effect") != "allow" and decided.plain.get("enforcement") != "observe":
        raise OutcomeNotExpected


def _outcome_event(
    decision_id: str, caller: Caller, report: OutcomeReport, *, event_id: str, now: float
) -> Event:
    details: JsonValue = {
        "status": report.status,
        "excerpt": report.excerpt,
        "length": report.length,
        "sha256": report.sha256,
    }
    body = canonical_bytes(details)
    return Event(
        kind="outcome",
        event_id=event_id,
        time=now,
        tenant=caller.tenant,
        subject=(caller.subject.issuer, caller.subject.sub),
        decision_id=decision_id,
        plain={
            "status": report.status,
            "reported_by": "agent",
            "credential": _credential(caller, now),
        },
        payload={"response": body},
        once=Once(
            scope=json.dumps(["outcome", caller.tenant, decision_id]),
            body_digest=digest(body),
            answer=rfc3339(now).encode(),
            expires_at=now + 10 * 365 * 86_400,  # once means once, as long as the record stands
        ),
    )


def _credential(caller: Caller, now: float) -> str:
    if caller.revoked:
        return "revoked"
    return "valid" if caller.expires_at > now else "expired"
