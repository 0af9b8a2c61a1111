"""Approvals that wait in what was revoked are closed, each with its event."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from counterfoil.core.approval import OPEN
from counterfoil.core.revocation import Revocation, Standing
from counterfoil.core.times import seconds_of
from counterfoil.errors import LedgerError
from counterfoil.flows import approval_events as record
from counterfoil.flows.expiry import REVOKED
from counterfoil.ports import Clock, Ids, Ledger, States

CLOSING_SECONDS = 2.0
"""Those that are not reached by then are closed when somebody looks at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Closes a tenant's open approvals, as far as time allows."""

    clock: Clock
    ids: Ids
    ledger: Ledger
    states: States

    def close(self, *revocations: Revocation, now: float, reason: str = REVOKED) -> int:
        """Close what these (of one tenant) end; how many. What fails is left to the next look."""
        closed, deadline = 0, self.clock.monotonic() + CLOSING_SECONDS
        tenant = revocations[0].tenant
        with suppress(LedgerError):
            for state in self.states.open_states(tenant, record.KIND):
                if self.clock.monotonic() > deadline:
                    break
                approval = record.load_at(self.ledger, tenant, state)
                if approval is None or approval.status(now) not in OPEN:
                    continue
                standing = Standing.of_approval(approval, seconds_of(approval.opened_at))
                if any(revocation.ends(standing) for revocation in revocations):
                    event_id = self.ids.new("evt")
                    event = record.cancelled(approval, reason, event_id=event_id, now=now)
                    with suppress(LedgerError):  # a rival's step came first
                        self.ledger.append([event], deadline=deadline)
                        closed += 1
        return closed
