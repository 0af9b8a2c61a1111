"""`POST /retention`: an administrator has old payloads dropped, as the configuration says.

1. Caller: a person, without `act`, who is an administrator of their tenant.
2. The configuration says after how many days, never fewer than the floor. Nobody says it here.
3. No legal hold stands over everything. What belongs to a held person, and to the trails that
   they appear in, is kept back.
4. Range by range, each in one commit with its event, for a short while; `done` is false where
   more is left, and whoever asks asks again. A kill between two ranges loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import caller_json
from counterfoil.core.model import Caller, JsonObject
from counterfoil.core.retention import DROPPED, DROPS, cutoff_of
from counterfoil.errors import HoldInForce, NoRetention
from counterfoil.flows.callers import administrator
from counterfoil.ports import Clock, Event, IdentityVerifier, Ids, Proof
from counterfoil.ports_privacy import Privacy, Retention

AT_ONCE_SECONDS: Final = 1.0
"""One request drops for so long; others of this worker and the writer go in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFlow:
    """Drops what is old in one administrator's tenant."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], None]
    identity: IdentityVerifier
    privacy: Privacy
    retention: Retention
    days: int | None
    ledger_timeout_seconds: float

    def run(
        self, *, body: bytes, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """Drop for a short while, and say how far it came.

        Raises:
            AgentNotAllowed: the credential is an agent's.
            RoleRequired: the person is no administrator.
            NoRetention: the configuration does not say how long.
            HoldInForce: a legal hold stands over everything, or one was set meanwhile.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        self.read(body)
        now = self.clock.now()
        verified = self.identity.verify(unverified_token or "", now=now, proof=proof)
        caller = administrator(verified)  # 1
        if self.days is None:
            raise NoRetention  # 2
        cutoff = cutoff_of(now, self.days)
        until = self.clock.monotonic() + AT_ONCE_SECONDS
        dropped = kept = place = 0
        while True:
            holding = self.privacy.holding(caller.tenant)
            hold = holding.named(None)
            if hold is not None:
                raise HoldInForce(hold)  # 3
            found, size = self.retention.next_range(caller.tenant, cutoff, holding)
            if found is not None:
                deadline = self.clock.monotonic() + self.ledger_timeout_seconds
                event = self._event(caller)
                self.retention.drop(found, event, holding, deadline=deadline)  # 4
                dropped += found.end - found.start - len(found.kept)
                kept += len(found.kept)
                place = found.end
            if found is None or self.clock.monotonic() > until:
                return {
                    "cutoff": cutoff,
                    "dropped": dropped,
                    "kept": kept,
                    "reached": place,
                    "size": size,
                    "done": found is None,
                }

    def _event(self, caller: Caller) -> Event:
        return Event(
            kind=DROPPED,
            event_id=self.ids.new("evt"),
            time=self.clock.now(),
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            decision_id=DROPS,
            payload={
                "caller": canonical_bytes({**caller_json(caller), "token_id": caller.token_id})
            },
        )
