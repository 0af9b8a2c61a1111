"""An approval that ended by time, or by a revocation, is recorded when somebody first looks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from counterfoil.core.approval import OPEN, Approval, Status
from counterfoil.core.revocation import Standing
from counterfoil.core.times import seconds_of
from counterfoil.errors import LedgerError
from counterfoil.flows.approval_events import cancelled, expired
from counterfoil.ports import Ledger
from counterfoil.ports_tokens import Revocations

REVOKED = "revoked"


def is_revoked(approval: Approval, revocations: Revocations) -> bool:
    """Whether who asked was revoked since (run, person or agent), or an approver was.

    Raises:
        LedgerError: nobody knows.
    """
    if revocations.covers(Standing.of_approval(approval, seconds_of(approval.opened_at))):
        return True
    given = (
        Standing.of_answer(approval.asker.tenant, item, seconds_of(item.time))
        for item in approval.approvers()
    )
    return any(standing is not None and revocations.covers(standing) for standing in given)


def with_end_recorded(
    approval: Approval,
    ledger: Ledger,
    revocations: Revocations,
    *,
    event_id: str,
    now: float,
    deadline: float,
) -> Approval:
    """The approval, its end in the record where it is over and nobody recorded that yet.

    What cannot be recorded now is recorded at the next look; over it is either way.

    Raises:
        LedgerError: nobody knows whether it was revoked.
    """
    if approval.ended is not None:
        return approval
    if approval.status(now) is Status.EXPIRED:
        event, end = expired(approval, event_id=event_id, now=now), Status.EXPIRED
    elif approval.status(now) in OPEN and is_revoked(approval, revocations):
        event = cancelled(approval, REVOKED, event_id=event_id, now=now)
        end = Status.CANCELLED
    else:
        return approval
    with suppress(LedgerError):  # a rival's step, or no ledger: nothing rests on this event
        ledger.append([event], deadline=deadline)
        return replace(approval, ended=end, version=approval.version + 1)
    return replace(approval, ended=end) if end is Status.CANCELLED else approval
