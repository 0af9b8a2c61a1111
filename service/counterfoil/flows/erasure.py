"""`POST /erasures`: an administrator erases a person from their tenant's record, for good.

1. Request: strict JSON of `schemas/erasure_request.json`.
2. Caller: a person, without `act`, who is an administrator of their tenant; never of themselves:
   the record of who erased must outlive what was erased.
3. No legal hold stands over the person, by what was recorded. The writer asks again in the
   transaction that erases.
4. Approvals that wait for what the person asked are closed, while they can still be read.
5. The data key is destroyed and the event recorded in one commit. Every payload of theirs, every
   stored answer and every approval of theirs is closed with it; the log still verifies.

A second erasure finds nothing, and says so. The leaf names the person by the id of the key that
is gone; who erased and why is sealed under that administrator's own key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import caller_json
from counterfoil.core.model import Caller, JsonObject, PrivacyRequest
from counterfoil.core.privacy import ERASED, ERASURES
from counterfoil.core.response import receipt_json
from counterfoil.core.revocation import By, Revocation
from counterfoil.errors import HoldInForce, OwnData, SchemaViolation, StateConflict
from counterfoil.flows.callers import administrator
from counterfoil.flows.closing import Closing
from counterfoil.flows.holds import names_over
from counterfoil.ports import Clock, Event, IdentityVerifier, Ids, Proof, Recorded
from counterfoil.ports_privacy import Person, Privacy

ATTEMPTS = 3
"""Somebody who works at this moment may get a fresh key between the look and the erasure."""

GONE = "erased"
"""Why the approvals of an erased person are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureFlow:
    """Erases one person for one administrator."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], PrivacyRequest]
    identity: IdentityVerifier
    privacy: Privacy
    closing: Closing
    ledger_timeout_seconds: float

    def run(
        self, *, body: bytes, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """Erase, and say what was.

        Raises:
            AgentNotAllowed: the credential is an agent's.
            RoleRequired: the person is no administrator.
            OwnData: they would erase themselves.
            HoldInForce: a legal hold stands over the person, or over all of the tenant.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        request = self.read(body)  # 1
        if request.subject is None:
            raise SchemaViolation("whom to erase", pointer="#/subject")
        now = self.clock.now()
        verified = self.identity.verify(unverified_token or "", now=now, proof=proof)
        caller = administrator(verified)  # 2
        if request.subject == (caller.subject.issuer, caller.subject.sub):
            raise OwnData
        person = Person(tenant=caller.tenant, issuer=request.subject[0], sub=request.subject[1])
        closed = 0
        for left in reversed(range(ATTEMPTS)):
            key = self.privacy.key_of(person)
            if key is None:
                break
            hold = self.privacy.holding(caller.tenant).over(key)  # 3
            if hold is not None:
                raise HoldInForce(hold)
            closed += self._close(person, now)  # 4
            event = self._event(key, request, caller, now=now)
            try:
                recorded = self._erase(person, event)  # 5
            except StateConflict:  # erased and known again, in between
                if not left:
                    raise
                continue
            if recorded is not None:
                return {
                    "erased": True,
                    "approvals_closed": closed,
                    "key": key,
                    "receipt": receipt_json(recorded.receipt),
                }
        return {"erased": False, "approvals_closed": closed}

    def _erase(self, person: Person, event: Event) -> Recorded | None:
        names = names_over(person.tenant, (person.issuer, person.sub))
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        return self.privacy.erase(person, event, names, deadline=deadline)

    def _close(self, person: Person, now: float) -> int:
        theirs = Revocation(
            id="",
            tenant=person.tenant,
            by=By.SUBJECT,
            parts=(person.issuer, person.sub),
            before=now,
        )
        return self.closing.close(theirs, now=now, reason=GONE)

    def _event(self, key: str, request: PrivacyRequest, caller: Caller, *, now: float) -> Event:
        return Event(
            kind=ERASED,
            event_id=self.ids.new("evt"),
            time=now,
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            decision_id=ERASURES,
            plain={"key": key},
            payload={
                "caller": canonical_bytes({**caller_json(caller), "token_id": caller.token_id}),
                "reason": canonical_bytes({"reason": request.reason}),
            },
        )
