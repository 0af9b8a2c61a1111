"""`POST /decisions/{id}/issued`: an issuer says that it made a credential, or that it ended it.

1. Report: strict JSON of `schemas/credential_report.json`.
2. Issuer: its own credential, as at a redeem.
3. Grant: of this issuer, redeemed by it, and the credential that it was redeemed for.
4. Record: each step once, nothing after the end. The same report again gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from counterfoil.core.credential import credential_name
from counterfoil.core.issuing import CredentialReport, Issuer
from counterfoil.core.model import JsonObject, Receipt
from counterfoil.core.response import receipt_json
from counterfoil.errors import (
    GrantReportConflict,
    IdempotencyConflict,
    IdempotencyErased,
    LedgerUnavailable,
    NotRedeemed,
    StateConflict,
)
from counterfoil.flows.grant_steps import RIVALS, own_grant, reported
from counterfoil.ports import Clock, Event, Ids, Ledger
from counterfoil.ports_issuers import Issuers


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedFlow:
    """Takes one report of one issuer."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], CredentialReport]
    issuers: Issuers
    ledger: Ledger
    ledger_timeout_seconds: float

    def run(
        self,
        *,
        decision_id: str,
        body: bytes,
        unverified_assertion: str | None,
        certificate: bytes | None,
    ) -> JsonObject:
        """Record a report.

        Raises:
            NotFound: no such grant of this issuer.
            NotRedeemed: it was not redeemed, or for another credential.
            GrantReportConflict: another report of this step, or one after the end.
            CounterfoilError: unreadable, unknown issuer, or not recorded.
        """
        report = self.read(body)  # 1
        now = self.clock.now()
        issuer = self.issuers.authenticate(
            unverified_assertion, certificate=certificate, now=now
        )  # 2
        for _ in range(RIVALS):
            with suppress(StateConflict):
                receipt = self._record(issuer, decision_id, report, now=now)
                return {"decision_id": decision_id, "receipt": receipt_json(receipt)}
        raise StateConflict

    def _record(
        self, issuer: Issuer, decision_id: str, report: CredentialReport, *, now: float
    ) -> Receipt:
        grant = own_grant(self.ledger, issuer, decision_id, report.jti)  # 3
        if not grant.redeemed or report.credential != credential_name(grant.jti):
            raise NotRedeemed
        event = reported(grant, report, event_id=self.ids.new("evt"), now=now)
        if grant.ended and event.kind not in grant.steps:
            raise GrantReportConflict("the credential has ended")
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        try:
            (recorded,) = self.ledger.append([event], deadline=deadline)  # 4
        except IdempotencyErased:  # the same report, of a person who was erased since
            return self._first_receipt(event)
        except IdempotencyConflict as error:
            raise GrantReportConflict from error
        return recorded.receipt if recorded.repeated is None else self._first_receipt(event)

    def _first_receipt(self, event: Event) -> Receipt:
        for earlier in self.ledger.trail(event.tenant, event.decision_id or ""):
            if earlier.kind == event.kind:
                return earlier.receipt
        raise LedgerUnavailable("a recorded report has no record")
