"""VerifiedClaims → Caller or source: which claims of a verified token count, and what they mean.

The signature, the issuer and the token's form are proven before (`identity/oidc.py`,
rules 1-7). Here the declared sets of claims are read:

    required   iss, sub, aud, exp
    bounded    iat, nbf, and azp/client_id where the issuer's entry lists clients
    optional   jti, the groups claim
    delegated  act, run, prompt_digest: only of an issuer that may assert an actor
    refused    cnf (RFC 9449: a bound token without its proof), events (RFC 8417: a
               security event token is no credential)

Any other claim is ignored. A claim of the wrong type refuses the token: half-read
identity is no identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NewType

from counterfoil.core.canonical import is_finite_number
from counterfoil.core.model import Actor, Caller, JsonValue, Subject
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import ActorRequired, ExpiredCredential, MissingClaim, WrongAudience

VerifiedClaims = NewType("VerifiedClaims", Mapping[str, JsonValue])
"""The payload of a token whose signature was checked. Only `identity/` makes one."""

MAX_GROUPS = 200  # what Entra ID puts into a token before it goes over to a link
MAX_NAME_CHARS = 256  # OIDC Core §2 allows 255 for `sub`
MAX_AUDIENCES = 64
MAX_ACT_DEPTH = 4  # RFC 8693 §4.1: only the outermost counts; a longer chain is an attack
LATEST_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z: what RFC 3339 can still write

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)  # 32 bytes, canonical
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerEntry:
    """What the configuration says about one issuer's claims.

    `login_client_id` is the client by which people log in: the `aud` of its ID tokens.
    """

    issuer: str
    audience: str
    tenant: str = "default"
    groups_claim: str = "groups"
    may_assert_actor: bool = False
    clients: frozenset[str] = frozenset()
    max_age_seconds: int | None = None
    login_client_id: str | None = None
    subject_namespace: str | None = None

    @property
    def subject_issuer(self) -> str:
        """Whose the people are: the shared namespace where there is one, else the issuer."""
        return self.subject_namespace or self.issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEntry:
    """One `[[role]]`: who holds it, by issuer and group, within one tenant."""

    name: str
    tenant: str
    issuers: frozenset[str]
    groups: frozenset[str]


def read_caller(
    claims: VerifiedClaims,
    entry: IssuerEntry,
    roles: Sequence[RoleEntry],
    *,
    now: float,
    leeway_seconds: int = 60,
    grace_seconds: float = 0.0,
) -> Caller:
    """Return who is calling, from claims alone.

    The tenant is the entry's, never a claim's or the body's. An agent (a token with
    `act`) holds none of its person's roles.

    Raises:
        MissingClaim: a required claim is absent, or one is malformed.
        WrongAudience: the token is for somebody else.
        ExpiredCredential: outside its time.
        ActorRequired: `act` of an issuer that may not assert one. To ignore it would
            turn an agent's token into a person's.
    """
    if claims.get("iss") != entry.issuer:
        raise MissingClaim("iss is not the issuer whose key verified the token")
    _check_refused_claims(claims)
    if entry.audience not in _audiences(claims):
        raise WrongAudience
    expires_at = _check_times(claims, entry, now, leeway_seconds, grace_seconds)
    actor = _read_actor(claims, entry)
    subject = _read_subject(claims, entry)
    return Caller(
        tenant=entry.tenant,
        subject=subject,
        actor=actor,
        run_id=_delegated(claims, entry, "run", _RUN_ID),
        prompt_digest=_delegated(claims, entry, "prompt_digest", _DIGEST),
        expires_at=expires_at,
        token_id=_optional_name(claims, "jti"),
        client_id=_client(claims, entry),
        roles=frozenset() if actor else _roles(subject, entry, roles),
    )


def read_source(
    claims: VerifiedClaims, entry: IssuerEntry, *, now: float, leeway_seconds: int = 60
) -> VerifiedSource:
    """Return the person that an ID token or an access token is about, for `POST /token`.

    Raises:
        MissingClaim: a required claim is absent, or one is malformed; or the token names an
            actor, so it is not the person's own.
        WrongAudience: the token is for somebody else.
        ExpiredCredential: outside its time.
    """
    if claims.get("iss") != entry.issuer:
        raise MissingClaim("iss is not the issuer whose key verified the token")
    _check_refused_claims(claims)
    _check_source_audience(claims, entry)
    expires_at = _check_times(claims, entry, now, leeway_seconds, 0.0)
    if "act" in claims:
        raise MissingClaim("a token with act is not the person's own")
    return VerifiedSource(
        tenant=entry.tenant,
        provider=entry.issuer,
        subject=_read_subject(claims, entry),
        expires_at=expires_at,
        authenticated_at=_optional_time(claims, "auth_time"),
        session=_optional_name(claims, "sid"),
        source_id=_optional_name(claims, "jti"),
        issued_at=_optional_time(claims, "iat"),
    )


def _check_refused_claims(claims: VerifiedClaims) -> None:
    # Rule 11: a token bound to a key is worth nothing without the proof, and no proof is
    # read yet. RFC 8725 §3.12: logout and security event tokens carry `events`.
    for name in ("cnf", "events"):
        if name in claims:
            raise MissingClaim(f"a token with {name} is not accepted")


def _audiences(claims: VerifiedClaims) -> Sequence[str]:
    # Rule 8: a string or an array of strings; exact comparison.
    audience = claims.get("aud")
    values = [audience] if isinstance(audience, str) else audience
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_AUDIENCES:
        raise MissingClaim("aud is missing or malformed")
    names = [value for value in values if isinstance(value, str)]
    if len(names) != len(values):
        raise MissingClaim("aud is missing or malformed")
    return names


def _check_source_audience(claims: VerifiedClaims, entry: IssuerEntry) -> None:
    # Rule 8. An access token is for this service, an ID token for the client that asked for it. The
    # latter says so alone, or in azp (OIDC Core §3.1.3.7, 4 and 5): else it was meant for
    # another client, which merely listed ours.
    audiences = _audiences(claims)
    if entry.audience in audiences:
        _client(claims, entry)
        return
    if entry.login_client_id not in audiences:
        raise WrongAudience
    authorized = claims.get("azp", None if len(audiences) > 1 else entry.login_client_id)
    if authorized != entry.login_client_id:
        raise WrongAudience("azp is not the client by which people log in")


def _read_subject(claims: VerifiedClaims, entry: IssuerEntry) -> Subject:
    return Subject(
        issuer=entry.subject_issuer,
        sub=_name(claims.get("sub"), "sub"),
        groups=_read_groups(claims.get(entry.groups_claim)),
    )


def _client(claims: VerifiedClaims, entry: IssuerEntry) -> str | None:
    # Rule 8, second half. Where both are present they must agree with the list both.
    named = [_optional_name(claims, name) for name in ("client_id", "azp")]
    present = [value for value in named if value is not None]
    if entry.clients and (not present or not entry.clients.issuperset(present)):
        raise WrongAudience("the client is not in the issuer's list")
    return present[0] if present else None


def _check_times(
    claims: VerifiedClaims,
    entry: IssuerEntry,
    now: float,
    leeway_seconds: int,
    grace_seconds: float,
) -> float:
    # Rule 9. No leeway for exp: a credential never outlives itself. Grace is for reports
    # of what an already granted action did, never for asking.
    expires_at = _time(claims.get("exp"), "exp")
    if expires_at + grace_seconds <= now:
        raise ExpiredCredential
    for name in ("nbf", "iat"):
        if name in claims and _time(claims[name], name) > now + leeway_seconds:
            raise ExpiredCredential(f"{name} lies in the future")
    if entry.max_age_seconds is not None:
        issued_at = _time(claims.get("iat"), "iat")
        if now - issued_at > entry.max_age_seconds + leeway_seconds + grace_seconds:
            raise ExpiredCredential("older than the issuer's max_age_seconds")
    return expires_at


def _time(value: JsonValue, name: str) -> float:
    if not is_finite_number(value) or not 0 <= value <= LATEST_TIME:  # type: ignore[operator]
        raise MissingClaim(f"{name} is missing or not a time")
    return float(value)  # type: ignore[arg-type]


def _optional_time(claims: VerifiedClaims, name: str) -> float | None:
    return _time(claims[name], name) if name in claims else None


def _read_actor(claims: VerifiedClaims, entry: IssuerEntry) -> Actor | None:
    act = claims.get("act")
    if "act" not in claims:
        return None
    if not entry.may_assert_actor:
        raise ActorRequired("the issuer may not assert an actor")
    if not isinstance(act, dict):
        raise MissingClaim("act is malformed")
    _check_act_depth(act)
    # An issuer names its own agents only: else one could act as another's agent.
    if act.get("iss", entry.issuer) != entry.issuer:
        raise MissingClaim("act names an agent of another issuer")
    return Actor(issuer=entry.issuer, sub=_name(act.get("sub"), "act.sub"))


def _check_act_depth(act: Mapping[str, JsonValue]) -> None:
    inner: JsonValue = act
    for _ in range(MAX_ACT_DEPTH):
        if not isinstance(inner, dict):
            raise MissingClaim("act is malformed")
        if "act" not in inner:
            return
        inner = inner["act"]
    raise MissingClaim("act is nested too deeply")


def _read_groups(value: JsonValue) -> tuple[str, ...]:
    # More groups than the cap refuse: cutting the list could drop the one a deny rests on.
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or len(values) > MAX_GROUPS:
        raise MissingClaim("the groups claim is malformed or too long")
    return tuple(dict.fromkeys(_name(item, "the groups claim") for item in values))


def _delegated(
    claims: VerifiedClaims, entry: IssuerEntry, name: str, form: re.Pattern[str]
) -> str | None:
    # A foreign issuer may use these names for something else: they count only beside act.
    if not entry.may_assert_actor or name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not form.fullmatch(value):
        raise MissingClaim(f"{name} is malformed")
    return value


def _optional_name(claims: VerifiedClaims, name: str) -> str | None:
    return _name(claims[name], name) if name in claims else None


def _name(value: JsonValue, name: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_CHARS:
        raise MissingClaim(f"{name} is missing or malformed")
    if _CONTROL.search(value):
        raise MissingClaim(f"{name} holds control characters")
    return value


def _roles(subject: Subject, entry: IssuerEntry, roles: Sequence[RoleEntry]) -> frozenset[str]:
    # By the issuer that said the groups: a shared namespace shares the person, not the word.
    groups = frozenset(subject.groups)
    return frozenset(
        role.name
        for role in roles
        if role.tenant == entry.tenant and entry.issuer in role.issuers and role.groups & groups
    )
