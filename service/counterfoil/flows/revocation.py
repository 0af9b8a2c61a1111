"""`POST /revocations`: an administrator ends a person's, an agent's or a run's rights at once.

1. Request: strict JSON of `schemas/revocation_request.json`.
2. Caller: a person, without `act`, who is an administrator of their tenant. Nothing of
   another tenant is ever ended.
3. Record: one event in the trail that every worker follows (`ledger/revoked.py`). When it is
   durable it is in force: within a quarter of a second on each worker.
4. Approvals that wait in what was ended are closed, each with its event. Those that are not
   reached in time are closed when somebody looks; usable they are no more.

The leaf names what was ended by a keyed hash. A person's name stands in an event of its own,
sealed under that person's key, so that it dies with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import caller_json
from counterfoil.core.model import Caller, JsonObject, JsonValue, RevocationRequest
from counterfoil.core.response import receipt_json
from counterfoil.core.revocation import ORDERS, TIMED, By, Revocation
from counterfoil.core.times import rfc3339, seconds_of
from counterfoil.errors import SchemaViolation
from counterfoil.flows.callers import administrator
from counterfoil.flows.closing import Closing
from counterfoil.ports import Clock, Event, IdentityVerifier, Ids, Ledger, Proof
from counterfoil.ports_tokens import Revocations

IN_FORCE_SECONDS = 1
"""What is promised; `ledger.revoked.FRESH_SECONDS` is what is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationFlow:
    """Takes one revocation of one administrator."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], RevocationRequest]
    identity: IdentityVerifier
    revocations: Revocations
    ledger: Ledger
    closing: Closing
    ledger_timeout_seconds: float

    def run(
        self, *, body: bytes, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """Record it and close what waits.

        Raises:
            AgentNotAllowed: the credential is an agent's.
            RoleRequired: the person is no administrator.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        request = self.read(body)  # 1
        now = self.clock.now()
        verified = self.identity.verify(unverified_token or "", now=now, proof=proof)
        caller = administrator(verified)  # 2
        revocation = Revocation(
            id=self.ids.new("rvk"),
            tenant=caller.tenant,
            by=By(request.by),
            parts=request.parts,
            before=_moment(request, now),
        )
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        events = list(self._events(revocation, request, caller, now=now))
        recorded = self.ledger.append(events, deadline=deadline)  # 3
        closed = self.closing.close(revocation, now=now)  # 4
        return {
            "revocation": revocation.id,
            "by": revocation.by.value,
            "before": rfc3339(revocation.before),
            "in_force_within_seconds": IN_FORCE_SECONDS,
            "approvals_closed": closed,
            "receipt": receipt_json(recorded[0].receipt),
        }

    def _events(
        self, revocation: Revocation, request: RevocationRequest, caller: Caller, *, now: float
    ) -> Iterator[Event]:
        person = revocation.by is By.SUBJECT
        payload = {
            "caller": canonical_bytes({**caller_json(caller), "token_id": caller.token_id}),
            "revoked": canonical_bytes(
                {"reason": request.reason, **_named(revocation, hidden=person)}
            ),
        }
        yield Event(
            kind="revoked",
            event_id=self.ids.new("evt"),
            time=now,
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            decision_id=ORDERS,
            plain=plain_of(revocation, self.revocations),
            payload=payload,
        )
        if person:
            issuer, sub = revocation.parts
            yield Event(
                kind="revoked",
                event_id=self.ids.new("evt"),
                time=now,
                tenant=caller.tenant,
                subject=(issuer, sub),
                decision_id=revocation.id,
                plain={"revocation": revocation.id, "by": revocation.by.value},
                payload={"revoked": canonical_bytes(_named(revocation, hidden=False))},
            )


def plain_of(revocation: Revocation, revocations: Revocations) -> dict[str, JsonValue]:
    """What stands readable in the leaf; a worker reads it back."""
    name = revocations.name(revocation.tenant, revocation.by.value, revocation.parts)
    return {
        "revocation": revocation.id,
        "by": revocation.by.value,
        "name": name,
        "before": rfc3339(revocation.before),
    }


def _named(revocation: Revocation, *, hidden: bool) -> dict[str, JsonValue]:
    return {} if hidden else {revocation.by.value: list(revocation.parts)}


def _moment(request: RevocationRequest, now: float) -> float:
    """Until when; now unless it is said.

    Raises:
        SchemaViolation: it lies ahead, or the thing is ended for good.
    """
    if request.before is None:
        return now
    with suppress(ValueError):
        before = seconds_of(request.before)
        if before <= now and By(request.by) in TIMED:
            return before
    raise SchemaViolation("not a time that has passed", pointer="#/before")
