"""The events of a grant after its decision, each with its step.

The state of a grant is a row that finds it and lets one of two rivals win; the version that a
step expects comes from the events (`ports.Change`). Only a redeem or an outcome makes the row:
whichever is first, so that nothing is redeemed for a job that is over.
"""

from __future__ import annotations

import json

from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.entry import leaf_word
from counterfoil.core.grant_record import ENDED, ISSUED, OUTCOME, REDEEMED, GrantRecord, fold
from counterfoil.core.issuing import CredentialReport, Issuer
from counterfoil.core.model import JsonValue
from counterfoil.core.times import rfc3339
from counterfoil.errors import LedgerCorrupt, NotFound
from counterfoil.ports import Change, Event, Ledger, Once

RIVALS = 8
"""How often a step is taken anew because another one came first."""

OVER = "outcome"
"""The state of a redeemed grant whose outcome was reported."""

_SURELY_EXPIRED_SECONDS = 60  # whichever replica's clock a redeem would be held to
_KEPT_SECONDS = 10 * 365 * 86_400  # once means once, as long as the record stands


def kind_of(issuer: str) -> str:
    """The kind of state of an issuer's grants; `issuer` is its word."""
    return f"grant:{issuer}"


def grant_of(ledger: Ledger, tenant: str, decision_id: str) -> GrantRecord | None:
    """The grant of a decision of this tenant; None where it has none.

    Raises:
        LedgerError: it cannot be read.
    """
    try:
        return fold(ledger.trail(tenant, decision_id), tenant, decision_id)
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerCorrupt(f"{decision_id}: its grant cannot be read") from error


def own_grant(ledger: Ledger, issuer: Issuer, decision_id: str, jti: str) -> GrantRecord:
    """The grant of that id, if it is this issuer's.

    Raises:
        NotFound: another issuer's or tenant's, or none: not told apart.
        LedgerError: it cannot be read.
    """
    grant = grant_of(ledger, issuer.tenant, decision_id)
    if grant is None or grant.jti != jti or grant.issuer != leaf_word(issuer.name):
        raise NotFound
    return grant


def redeemed(grant: GrantRecord, credential: str, *, event_id: str, now: float) -> Event:
    """The one use of a grant; it has no payload, so it outlives the person's data."""
    return Event(
        kind=REDEEMED,
        event_id=event_id,
        time=now,
        tenant=grant.tenant,
        subject=None,
        decision_id=grant.decision_id,
        plain={"jti": grant.jti, "issuer": grant.issuer, "credential": credential},
        change=step(grant, REDEEMED),
    )


def reported(grant: GrantRecord, report: CredentialReport, *, event_id: str, now: float) -> Event:
    """What an issuer says of its credential, the words sealed under the person's key.

    Of an erased person only the codes are kept.
    """
    kind = ISSUED if report.status == "issued" else ENDED
    body = _body(report)
    return Event(
        kind=kind,
        event_id=event_id,
        time=now,
        tenant=grant.tenant,
        subject=None if grant.job is None else grant.job.subject,
        decision_id=grant.decision_id,
        plain={
            "jti": grant.jti,
            "issuer": grant.issuer,
            "credential": report.credential,
            "status": report.status,
            **_codes(report),
        },
        payload={} if grant.job is None else _said(report),
        once=Once(
            scope=json.dumps([kind, grant.tenant, grant.jti]),
            body_digest=digest(body),
            answer=rfc3339(now).encode(),
            expires_at=now + _KEPT_SECONDS,
        ),
        change=step(grant, kind),
    )


def step(grant: GrantRecord, kind: str) -> Change:
    """The step that an event of this kind is, of a grant as it stood before."""
    after = grant.after(kind)
    return Change(
        kind=kind_of(grant.issuer),
        key=grant.jti,
        expect_version=grant.version,
        state="ended" if after.ended else OVER if after.over else "redeemed",
        open=after.redeemed and not after.ended,
        name=grant.jti,
        owner=grant.jti,
        expires_at=grant.deadline,
        most_open=1,
    )


def outcome_step(grant: GrantRecord | None, *, now: float) -> Change | None:
    """The step of an outcome; None where no issuer was or will ever be concerned."""
    if grant is None or (not grant.redeemed and now > grant.expires + _SURELY_EXPIRED_SECONDS):
        return None
    return step(grant, OUTCOME)


def _body(report: CredentialReport) -> bytes:
    value: JsonValue = {
        "credential": report.credential,
        "status": report.status,
        "expires_at": report.expires_at,
        "public": report.public,
        "cause": report.cause,
        "handed_over": list(report.handed_over),
        "findings": list(report.findings),
    }
    return canonical_bytes(value, floats=True)


def _codes(report: CredentialReport) -> dict[str, JsonValue]:
    if report.status == "issued":
        return {} if report.expires_at is None else {"expires": report.expires_at}
    return {
        "cause": report.cause,
        "handed_over": len(report.handed_over),
        "findings": [finding["code"] for finding in report.findings],
    }


def _said(report: CredentialReport) -> dict[str, bytes]:
    if report.status == "issued":
        return {"public": canonical_bytes(report.public, floats=True)} if report.public else {}
    if not report.handed_over and not report.findings:
        return {}
    found: JsonValue = {
        "handed_over": list(report.handed_over),
        "findings": list(report.findings),
    }
    return {"end": canonical_bytes(found)}
