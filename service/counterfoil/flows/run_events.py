"""The events of a run, in its own trail: opened, renewed, handed on. Each is one token."""

from __future__ import annotations

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.delegation import Delegation, DelegationTerms
from counterfoil.core.entry import leaf_word
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.run_record import (
    HANDED_ON,
    OPENED,
    RENEWED,
    Run,
    fold,
    opened_json,
    source_json,
)
from counterfoil.core.times import rfc3339_second
from counterfoil.ports import Change, Event, Ledger

KIND = "run"
MOST_OPEN = 1_000
"""Runs of one session (of one person without one) that have not had their time."""


def load(ledger: Ledger, tenant: str, run_id: str) -> Run | None:
    """A run of this tenant by its id, from its events; None where there is none."""
    return fold(ledger.trail(tenant, run_id), run_id)


def owner_of(run: Run) -> str:
    """Groups the runs of one session of a provider, or of one person without one."""
    if run.session is not None:
        return owner_of_session(run.tenant, run.session)
    return canonical_bytes([KIND, run.tenant, run.subject.issuer, run.subject.sub]).decode()


def owner_of_session(tenant: str, session: str) -> str:
    """What the runs of a session are found by when it ends (`sources.session_name`)."""
    return canonical_bytes([KIND, tenant, session]).decode()


def opened(
    delegation: Delegation,
    terms: DelegationTerms,
    claims: JsonObject,
    *,
    prompt: str | None,
    event_id: str,
    now: float,
) -> Event:
    """The run begins: who, through which agent and launcher, and with which words."""
    run = delegation.run
    payload = {"run": opened_json(run)}
    if prompt is not None:
        payload["prompt"] = prompt.encode()
    change = Change(
        kind=KIND,
        key=run.id,
        expect_version=None,
        state="opened",
        open=True,
        name=run.id,
        owner=owner_of(run),
        expires_at=float(run.ends_at),
        most_open=MOST_OPEN,
    )
    plain = {**_plain(delegation, terms, claims), "prompt": prompt is not None}
    return _event(OPENED, delegation, plain, payload, event_id=event_id, now=now, change=change)


def renewed(
    delegation: Delegation,
    terms: DelegationTerms,
    claims: JsonObject,
    *,
    by_source: bool,
    event_id: str,
    now: float,
) -> Event:
    """The run goes on; with a fresh token of the provider, by what that says."""
    payload = {"run": source_json(delegation.run)} if by_source else {}
    plain = {**_plain(delegation, terms, claims), "by": "source" if by_source else "token"}
    return _event(RENEWED, delegation, plain, payload, event_id=event_id, now=now)


def handed_on(
    delegation: Delegation, terms: DelegationTerms, claims: JsonObject, *, event_id: str, now: float
) -> Event:
    """One more agent acts in the run."""
    via = [leaf_word(name) for name in delegation.chain[1:]]
    plain = {**_plain(delegation, terms, claims), "via": via}
    return _event(HANDED_ON, delegation, plain, {}, event_id=event_id, now=now)


def _plain(
    delegation: Delegation, terms: DelegationTerms, claims: JsonObject
) -> dict[str, JsonValue]:
    expires_at = claims["exp"]
    assert isinstance(expires_at, int)  # noqa: S101 -- `delegation_claims` wrote it
    return {
        "run": delegation.run.id,
        "actor": {"iss": leaf_word(terms.issuer), "sub": leaf_word(delegation.chain[0])},
        "launcher": leaf_word(delegation.launcher),
        "token": claims["jti"],
        "expires": rfc3339_second(expires_at),
        "bound": delegation.key_thumbprint is not None,
    }


def _event(
    kind: str,
    delegation: Delegation,
    plain: JsonObject,
    payload: dict[str, bytes],
    *,
    event_id: str,
    now: float,
    change: Change | None = None,
) -> Event:
    run = delegation.run
    return Event(
        kind=kind,
        event_id=event_id,
        time=now,
        tenant=run.tenant,
        subject=(run.subject.issuer, run.subject.sub),
        decision_id=run.id,
        plain=plain,
        payload=payload,
        change=change,
    )
