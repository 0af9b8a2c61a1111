"""`POST /holds`: an administrator sets or releases a legal hold, on a person or on everything.

1. Request: strict JSON of `schemas/hold_request.json`.
2. Caller: a person, without `act`, who is an administrator of their tenant.
3. Set: an event, and in the same transaction the state that the writer holds erasures and
   retention against. Released: likewise. What stands is read from the events.

Setting what is set, and releasing what is not, changes nothing and says so. The held person is
named by the id of their data key; who set it and why is sealed under that administrator's key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import caller_json
from counterfoil.core.model import Caller, JsonObject, PrivacyRequest
from counterfoil.core.privacy import HELD, HOLD, HOLDS, RELEASED
from counterfoil.core.response import receipt_json
from counterfoil.flows.callers import administrator
from counterfoil.ports import Change, Clock, Event, IdentityVerifier, Ids, Ledger, Proof, States
from counterfoil.ports_privacy import Person, Privacy

FOR_EVER: Final = 253_402_300_799.0
"""The last second of the year 9999: a hold ends by a release and by nothing else."""
_MOST: Final = 1_000_000


def hold_name(tenant: str, subject: tuple[str, str] | None) -> str:
    """At most one open hold has it: one on each person, one on everything of a tenant."""
    return canonical_bytes([HOLD, tenant, *(subject or ())]).decode()


def names_over(tenant: str, subject: tuple[str, str]) -> list[str]:
    """The names of every hold that would keep a person's data."""
    return [hold_name(tenant, subject), hold_name(tenant, None)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFlow:
    """Sets or releases one hold of one administrator's tenant."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], PrivacyRequest]
    identity: IdentityVerifier
    ledger: Ledger
    states: States
    privacy: Privacy
    ledger_timeout_seconds: float

    def run(
        self, *, body: bytes, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """Set or release it.

        Raises:
            AgentNotAllowed: the credential is an agent's.
            RoleRequired: the person is no administrator.
            StateConflict: somebody else changed the same hold meanwhile.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        request = self.read(body)  # 1
        now = self.clock.now()
        verified = self.identity.verify(unverified_token or "", now=now, proof=proof)
        caller = administrator(verified)  # 2
        name = hold_name(caller.tenant, request.subject)
        found = self.states.open_states(caller.tenant, HOLD, name=name)
        if bool(found) != request.release:
            key = found[0].key if found else None
            return {"hold": key, "stands": bool(found), "changed": False}
        key = found[0].key if found else self.ids.new("hld")
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        event = self._event(key, name, request, caller, now=now, deadline=deadline)
        (recorded,) = self.ledger.append([event], deadline=deadline)  # 3
        return {
            "hold": key,
            "stands": not request.release,
            "changed": True,
            "receipt": receipt_json(recorded.receipt),
        }

    def _event(
        self,
        key: str,
        name: str,
        request: PrivacyRequest,
        caller: Caller,
        *,
        now: float,
        deadline: float,
    ) -> Event:
        about = None
        if request.subject is not None and not request.release:
            issuer, sub = request.subject
            person = Person(tenant=caller.tenant, issuer=issuer, sub=sub)
            about = self.privacy.known_or_new_key(person, deadline=deadline)
        plain: JsonObject = {"hold": key} if request.release else {"hold": key, "about": about}
        return Event(
            kind=RELEASED if request.release else HELD,
            event_id=self.ids.new("evt"),
            time=now,
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            decision_id=HOLDS,
            plain=plain,
            payload={
                "caller": canonical_bytes({**caller_json(caller), "token_id": caller.token_id}),
                "reason": canonical_bytes({"reason": request.reason}),
            },
            change=Change(
                kind=HOLD,
                key=key,
                expect_version=1 if request.release else None,
                state="released" if request.release else "set",
                open=not request.release,
                name=name,
                owner=name,
                expires_at=FOR_EVER,
                most_open=_MOST,
            ),
        )
