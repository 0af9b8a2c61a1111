"""The end of an approval's time is recorded when somebody first looks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from counterfoil.core.approval import Approval, Status
from counterfoil.errors import LedgerError
from counterfoil.flows.approval_events import expired
from counterfoil.ports import Ledger


def with_expiry_recorded(
    approval: Approval, ledger: Ledger, *, event_id: str, now: float, deadline: float
) -> Approval:
    """The approval, its expiry in the record where it is over and nobody recorded that yet.

    What cannot be recorded now is recorded at the next look; expired it is either way.
    """
    if approval.ended is not None or approval.status(now) is not Status.EXPIRED:
        return approval
    with suppress(LedgerError):  # a rival's step, or no ledger: nothing rests on this event
        ledger.append([expired(approval, event_id=event_id, now=now)], deadline=deadline)
        return replace(approval, ended=Status.EXPIRED, version=approval.version + 1)
    return approval
