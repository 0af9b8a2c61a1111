"""An issuer redeems a grant: the one moment at which a credential may be made of it.

1. Request: strict JSON of `schemas/grant_redeem.json`.
2. Issuer: its own credential; no person's and no agent's token counts here.
3. Grant: of this issuer and its tenant; any other does not exist.
4. Rules: the decided action, the grant's own credential name, not redeemed, not over, not
   expired (`core/redemption.py`).
5. Live: neither the person, agent, run, token or session nor the approval was ended.
6. Record: one event, whose step only one of all rivals can take, on any replica and after any
   crash. Durable before anything is answered: no record, no credential.
7. Live, once more: what was revoked while it was recorded stays refused, and the grant is used up.

Who gets no answer makes no credential: whether the grant was redeemed is then for the record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from counterfoil.core.credential import decision_of
from counterfoil.core.grant_record import GrantedJob, GrantRecord
from counterfoil.core.issuing import RedeemRequest
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.redemption import redeemable
from counterfoil.core.revocation import Standing
from counterfoil.core.times import rfc3339, rfc3339_second, seconds_of
from counterfoil.errors import AlreadyRedeemed, RedeemRevoked, StateConflict
from counterfoil.flows import approval_events
from counterfoil.flows.grant_steps import own_grant, redeemed
from counterfoil.ports import Clock, Ids, Ledger, States
from counterfoil.ports_issuers import Issuers, LiveRevocations


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemFlow:
    """Redeems one grant for one issuer."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], RedeemRequest]
    issuers: Issuers
    ledger: Ledger
    states: States
    revocations: LiveRevocations
    ledger_timeout_seconds: float

    def run(
        self, *, jti: str, body: bytes, unverified_assertion: str | None, certificate: bytes | None
    ) -> JsonObject:
        """Redeem a grant and return what a credential may be made for.

        Raises:
            NotFound: no such grant of this issuer.
            GrantError, RedeemRevoked: it may not be redeemed (any more).
            CounterfoilError: unreadable, unknown issuer, or not recorded.
        """
        request = self.read(body)  # 1
        now = self.clock.now()
        issuer = self.issuers.authenticate(
            unverified_assertion, certificate=certificate, now=now
        )  # 2
        grant = own_grant(self.ledger, issuer, decision_of(jti), jti)  # 3
        job = redeemable(grant, request, now=now)  # 4
        standing = standing_of(grant, job, self.ledger, self.states)
        self._check_live(standing)  # 5
        event = redeemed(grant, request.credential, event_id=self.ids.new("evt"), now=now)
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        try:
            self.ledger.append([event], deadline=deadline)  # 6
        except StateConflict as error:
            redeemable(own_grant(self.ledger, issuer, grant.decision_id, jti), request, now=now)
            raise AlreadyRedeemed from error
        self._check_live(standing)  # 7
        return _answer(grant, job, request.credential, now=now)

    def _check_live(self, standing: Standing) -> None:
        if self.revocations.covers_now(standing):
            raise RedeemRevoked


def standing_of(grant: GrantRecord, job: GrantedJob, ledger: Ledger, states: States) -> Standing:
    """By what a grant can be ended: what was issued to the caller, or the approval, if older.

    Raises:
        LedgerError: the approval cannot be read.
    """
    if job.approval_id is None or job.standing.issued_at is None:
        return job.standing
    approval = approval_events.load(ledger, states, grant.tenant, job.approval_id)
    opened = None if approval is None else seconds_of(approval.opened_at)
    earliest = None if opened is None else min(opened, job.standing.issued_at)
    return replace(job.standing, issued_at=earliest)


def _answer(grant: GrantRecord, job: GrantedJob, credential: str, *, now: float) -> JsonObject:
    answer: dict[str, JsonValue] = {
        "jti": grant.jti,
        "decision_id": grant.decision_id,
        "credential": credential,
        "redeemed_at": rfc3339(now),
        "credential_deadline": rfc3339_second(grant.deadline),
        "action_digest": job.action_digest,
        "operations": list(job.operations),
    }
    return answer if job.session is None else {**answer, "session": job.session}
