"""What the record says of one grant: what it was for, and how far it has come.

A grant's events stand in the trail of its decision. The first ones that count are `decided`,
which holds the grant, then `grant_redeemed` once, `issued` at most once, `credential_ended`
once; an `outcome` comes when the agent reports it. Where the person was erased since, what
the grant was for is gone, and `job` is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from counterfoil.core.entry import leaf_word
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.revocation import Standing
from counterfoil.core.times import seconds_of

DECIDED, OUTCOME = "decided", "outcome"
REDEEMED, ISSUED, ENDED = "grant_redeemed", "issued", "credential_ended"
_STEPS: Final = frozenset({REDEEMED, ISSUED, ENDED, OUTCOME})
_SHOWN: Final = ("family", "verb", "object", "columns", "details")


class RecordedEvent(Protocol):
    """An event read back (`ports.StoredEvent`)."""

    @property
    def kind(self) -> str:
        """Which event."""

    @property
    def plain(self) -> JsonObject:
        """Codes, ids and times."""

    @property
    def payload(self) -> Mapping[str, bytes]:
        """What was said, opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedJob:
    """What was granted and to whom, opened from the record.

    `standing` is by what the grant can be ended before its time; `session` and `operations`
    are the decision's, as an issuer reads them.
    """

    subject: tuple[str, str]
    standing: Standing
    action_digest: str
    approval_id: str | None
    operations: tuple[JsonObject, ...]
    session: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """One grant as of now. `steps` are the kinds of what happened after the decision, in order.

    `issuer` is the word of the one that may redeem it (`entry.leaf_word`). `expires` is the
    last moment to redeem, `deadline` the last one at which the credential may work.
    """

    tenant: str
    jti: str
    decision_id: str
    issuer: str
    expires: float
    deadline: float
    job: GrantedJob | None
    steps: tuple[str, ...] = ()

    @property
    def redeemed(self) -> bool:
        """Whether a credential may have been made of it."""
        return REDEEMED in self.steps

    @property
    def issued(self) -> bool:
        """Whether the issuer said that it made one."""
        return ISSUED in self.steps

    @property
    def ended(self) -> bool:
        """Whether the issuer said that it works no more."""
        return ENDED in self.steps

    @property
    def over(self) -> bool:
        """Whether the agent reported the outcome."""
        return OUTCOME in self.steps

    @property
    def version(self) -> int | None:
        """How many steps its state has taken; None where no step was taken yet."""
        return len(self.steps) if self.redeemed else None

    def after(self, kind: str) -> GrantRecord:
        """The record once this has happened, too."""
        return replace(self, steps=(*self.steps, kind))


def fold(events: Iterable[RecordedEvent], tenant: str, decision_id: str) -> GrantRecord | None:
    """The grant that a decision's trail tells of, or None where it has none.

    Raises:
        ValueError: a decided event that this release did not write.
    """
    found: GrantRecord | None = None
    for event in events:
        if found is None:
            grant = event.plain.get("grant") if event.kind == DECIDED else None
            found = _decided(event, grant, tenant, decision_id) if grant else None
        elif event.kind in _STEPS:
            found = found.after(event.kind)
    return found


def _decided(
    event: RecordedEvent, grant: JsonValue, tenant: str, decision_id: str
) -> GrantRecord | None:
    if not isinstance(grant, Mapping):
        return None
    job, audience = _job(event, tenant)
    return GrantRecord(
        tenant=tenant,
        jti=str(grant["jti"]),
        decision_id=decision_id,
        issuer=str(grant.get("issuer") or leaf_word(audience)),
        expires=seconds_of(str(grant["expires"])),
        deadline=seconds_of(str(grant["credential_deadline"])),
        job=job,
    )


def _job(event: RecordedEvent, tenant: str) -> tuple[GrantedJob | None, str]:
    if not event.payload:
        return None, ""
    said: dict[str, Any] = {
        name: json.loads(event.payload[name]) for name in ("caller", "decision", "grant")
    }
    caller, decision, claims = said["caller"], said["decision"], said["grant"]
    subject = (caller["subject"]["iss"], caller["subject"]["sub"])
    actor = caller["actor"] or {}
    issued_at = caller.get("issued_at")
    names = [actor, *actor.get("via", ())] if actor else []
    standing = Standing(
        tenant=tenant,
        subject=subject,
        actors=tuple((name["iss"], name["sub"]) for name in names),
        run=caller["run"],
        token=caller["token_id"],
        session=caller.get("session"),
        issued_at=seconds_of(issued_at) if issued_at else None,
    )
    job = GrantedJob(
        subject=subject,
        standing=standing,
        action_digest=claims["action_digest"],
        approval_id=claims.get("approval_id"),
        operations=tuple(
            {name: item[name] for name in _SHOWN if name in item} for item in decision["operations"]
        ),
        session=decision.get("session"),
    )
    return job, claims["aud"]
