"""A provider's logout token (OpenID Connect Back-Channel Logout 1.0 §2.4), judged by §2.6.

The signature, the issuer and the token's form are proven before (`identity/oidc.py`). Then:

1. `aud` holds a name of ours at that provider: the audience, the login client, or a listed one.
2. `exp` is there and not past, `iat` is there and not ahead.
3. `events` is an object that holds the logout event, whose value is an object.
4. There is no `nonce`: an ID token never passes for a logout.
5. `jti` is there; whoever records the logout does so once.
6. `sid` or `sub` says which sessions end: that one, or all of that person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from counterfoil.core.claim_values import audiences_of, name_of, time_of
from counterfoil.core.claims import IssuerEntry, VerifiedClaims
from counterfoil.core.sources import session_name
from counterfoil.errors import ExpiredCredential, MissingClaim, Rule, WrongAudience

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLogout:
    """What a provider ended: a session by its name in our tokens, or a person's all."""

    tenants: tuple[str, ...]
    provider: str
    session: str | None
    subject: tuple[str, str] | None
    token_id: str
    expires_at: float


def read_logout(
    claims: VerifiedClaims, entry: IssuerEntry, *, now: float, leeway_seconds: int
) -> VerifiedLogout:
    """Return what is ended.

    Raises:
        WrongAudience, ExpiredCredential, MissingClaim: a rule does not hold.
    """
    ours = {entry.audience, entry.login_client_id, *entry.clients}
    if ours.isdisjoint(audiences_of(claims.get("aud"))):  # 1
        raise WrongAudience("aud holds no name of this service")
    expires_at = time_of(claims.get("exp"), "exp")  # 2
    if expires_at <= now:
        raise ExpiredCredential("exp has passed")
    if time_of(claims.get("iat"), "iat") > now + leeway_seconds:
        raise ExpiredCredential("iat lies in the future")
    events = claims.get("events")  # 3
    if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping):
        raise MissingClaim("events holds no logout", rule=Rule.PURPOSE)
    if "nonce" in claims:  # 4
        raise MissingClaim("a logout token has no nonce", rule=Rule.PURPOSE)
    token_id = name_of(claims.get("jti"), "jti", Rule.CLAIMS)  # 5
    session = name_of(claims["sid"], "sid", Rule.CLAIMS) if "sid" in claims else None  # 6
    return VerifiedLogout(
        tenants=tuple(sorted(set(entry.tenants.values())))
        if entry.tenant_path
        else (entry.tenant,),
        provider=entry.issuer,
        session=None if session is None else session_name(entry.issuer, session),
        subject=_subject(claims, entry) if session is None else None,
        token_id=token_id,
        expires_at=expires_at,
    )


def _subject(claims: VerifiedClaims, entry: IssuerEntry) -> tuple[str, str]:
    sub = name_of(claims.get("sub"), "sub", Rule.SUBJECT)
    if entry.subject_path != ("sub",):
        raise MissingClaim("sub is not what the entry calls a person, and sid is missing")
    return entry.subject_issuer, sub
