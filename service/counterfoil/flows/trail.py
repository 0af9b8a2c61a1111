"""The whole story of one decision, for those who may read it.

That a person read it is recorded before the answer leaves. An agent reads what it said and
was told itself, and leaves no record of that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from counterfoil.core.model import JsonValue
from counterfoil.core.response import receipt_json
from counterfoil.errors import NotFound
from counterfoil.flows.access import may_read
from counterfoil.flows.reading_events import record_read
from counterfoil.ports import Clock, IdentityVerifier, Ids, Ledger, Proof, StoredEvent
from counterfoil.ports_masking import Masked, Masker


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFlow:
    """Reads a decision back, opened."""

    clock: Clock
    ids: Ids
    identity: IdentityVerifier
    ledger: Ledger
    masker: Masker
    ledger_timeout_seconds: float

    def run(
        self, *, decision_id: str, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonValue:
        """Return all events of a decision in log order.

        Raises:
            NotFound: no such decision, or not one that this caller may read: the two are
                not told apart.
            CounterfoilError: the caller is not known, or the ledger cannot be read or, for a
                person, written.
        """
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)
        trail = self.ledger.trail(caller.tenant, decision_id)
        opening = next((event for event in trail if event.kind in {"decided", "failed"}), None)
        if opening is None or not may_read(opening, caller):
            raise NotFound
        if caller.actor is None:
            event = record_read(
                caller,
                via="trail",
                decisions=[decision_id],
                query={},
                event_id=self.ids.new("evt"),
                now=now,
            )
            deadline = self.clock.monotonic() + self.ledger_timeout_seconds
            self.ledger.append([event], deadline=deadline)
        return {"decision_id": decision_id, "events": [self._shown(event) for event in trail]}

    def _shown(self, event: StoredEvent) -> JsonValue:
        """An event as it is told: what looks like a secret is hidden, and where is said."""
        masked = self.masker.mask(
            {
                name: data.decode() if name == "prompt" else json.loads(data)
                for name, data in event.payload.items()
            }
        )
        return _event_json(event, masked)


def _event_json(event: StoredEvent, masked: Masked) -> JsonValue:
    found = [finding.json() for finding in masked.findings]
    return {
        "event": event.kind,
        "event_id": event.event_id,
        "time": event.time,
        "index": event.index,
        **event.plain,
        "payload": masked.payload,
        **({"secrets": found} if found else {}),
        **({} if event.missing is None else {"missing": event.missing}),
        "receipt": receipt_json(event.receipt),
    }
