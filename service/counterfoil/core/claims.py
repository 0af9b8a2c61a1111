"""VerifiedClaims → Caller or source: which claims of a verified token count, and what they mean.

The signature, the issuer and the token's form are proven before (`identity/oidc.py`,
rules 1-7, or 12). Here the declared sets of claims are read, in this order:

    refused    events (RFC 8417: a security event token is no credential)
    required   iss, aud, exp, sub and the claim that names the person
    bounded    iat, nbf, and azp/client_id where the issuer's entry lists clients
    delegated  act, run, prompt_digest: only of an issuer that may assert an actor
    mapped     the groups claim, the tenant claim
    optional   jti, sid, auth_time
    bound      cnf: the key whose proof must come with the token (`identity/dpop.py`)

Any other claim is ignored. A claim of the wrong type refuses the token: half-read
identity is no identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NewType

from counterfoil.core.claim_values import (
    audiences_of,
    claim_at,
    groups_of,
    is_digest,
    name_of,
    thumbprint_of,
    time_of,
)
from counterfoil.core.model import Actor, Caller, JsonValue, Subject
from counterfoil.core.sources import VerifiedSource, session_name
from counterfoil.errors import (
    ActorRequired,
    ExpiredCredential,
    GroupsOverage,
    MissingClaim,
    Rule,
    WrongAudience,
)

VerifiedClaims = NewType("VerifiedClaims", Mapping[str, JsonValue])
"""The payload of a token whose signature was checked. Only `identity/` makes one."""

MAX_ACT_DEPTH = 4  # RFC 8693 §4.1: only the outermost counts; a longer chain is an attack

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerEntry:
    """What the configuration says about one issuer's claims.

    Claims are named by paths. `tenants` maps the values of the claim at `tenant_path` to
    tenants; without that path everybody is of `tenant`. `login_client_id` is the client by
    which people log in: the `aud` of its ID tokens.
    """

    issuer: str
    audience: str
    tenant: str = "default"
    tenant_path: tuple[str, ...] = ()
    tenants: Mapping[str, str] = field(default_factory=dict)
    subject_path: tuple[str, ...] = ("sub",)
    subject_namespace: str | None = None
    groups_path: tuple[str, ...] = ("groups",)
    groups_separator: str | None = None
    may_assert_actor: bool = False
    clients: frozenset[str] = frozenset()
    max_age_seconds: int | None = None
    login_client_id: str | None = None

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

    The tenant is the entry's, or one of its list; never the body's. An agent (a token with
    `act`) holds none of its person's roles. A caller with `key_thumbprint` is proven only
    with a proof by that key.

    Raises:
        MissingClaim: a required claim is absent, or one is malformed.
        WrongAudience: the token is for somebody else.
        ExpiredCredential: outside its time.
        GroupsOverage: the token does not hold all groups.
        ActorRequired: `act` of an issuer that may not assert one. To ignore it would
            turn an agent's token into a person's.
    """
    _check_purpose(claims, entry)
    if entry.audience not in audiences_of(claims.get("aud")):
        raise WrongAudience("aud does not hold the entry's audience")
    client = _client(claims, entry)
    expires_at = _check_times(claims, entry, now, leeway_seconds, grace_seconds)
    actor = _read_actor(claims, entry)
    run_id = _delegated(claims, entry, "run", is_run_id)
    prompt_digest = _delegated(claims, entry, "prompt_digest", is_digest)
    subject = _read_subject(claims, entry)
    tenant = _read_tenant(claims, entry)
    return Caller(
        tenant=tenant,
        subject=subject,
        actor=actor,
        run_id=run_id,
        prompt_digest=prompt_digest,
        expires_at=expires_at,
        token_id=_optional_name(claims, "jti"),
        client_id=client,
        roles=frozenset() if actor else roles_of(subject, tenant, entry.issuer, roles),
        key_thumbprint=_bound_key(claims),
    )


def with_origin(
    caller: Caller, claims: VerifiedClaims, entry: IssuerEntry, ahead_seconds: float
) -> Caller:
    """The caller with what a revocation may name, and when the person signed in.

    Without `auth_time` (OIDC Core §2) the token's own age stands in for the sign-in's. One
    later than `iat` is not believed: nobody gets a token before signing in.

    Raises:
        MissingClaim: `iat`, `auth_time` or `sid` is malformed.
    """
    issued_at, session = _optional_time(claims, "iat"), _optional_name(claims, "sid")
    signed_in = [at for at in (issued_at, _optional_time(claims, "auth_time")) if at is not None]
    return replace(
        caller,
        signed_in_at=min(signed_in, default=None),
        issued_at=None if issued_at is None else issued_at - ahead_seconds,
        session=None if session is None else session_name(entry.issuer, session),
    )


def read_source(
    claims: VerifiedClaims, entry: IssuerEntry, *, now: float, leeway_seconds: int = 60
) -> VerifiedSource:
    """Return the person that an ID token or an access token is about, for `POST /token`.

    A source with `key_thumbprint` is proven only with a proof by that key.

    Raises:
        MissingClaim: a required claim is absent, or one is malformed; or the token names an
            actor, so it is not the person's own.
        WrongAudience: the token is for somebody else.
        ExpiredCredential: outside its time.
        GroupsOverage: the token does not hold all groups.
    """
    _check_purpose(claims, entry)
    _check_source_audience(claims, entry)
    expires_at = _check_times(claims, entry, now, leeway_seconds, 0.0)
    if "act" in claims:
        raise MissingClaim("a token with act is not the person's own", rule=Rule.ACTOR)
    return VerifiedSource(
        provider=entry.issuer,
        subject=_read_subject(claims, entry),
        tenant=_read_tenant(claims, entry),
        expires_at=expires_at,
        authenticated_at=_optional_time(claims, "auth_time"),
        session=_optional_name(claims, "sid"),
        source_id=_optional_name(claims, "jti"),
        key_thumbprint=_bound_key(claims),
        issued_at=_optional_time(claims, "iat"),
    )


def is_run_id(text: str) -> bool:
    """Whether it may name a run."""
    return _RUN_ID.fullmatch(text) is not None


def _check_purpose(claims: VerifiedClaims, entry: IssuerEntry) -> None:
    if claims.get("iss") != entry.issuer:
        raise MissingClaim("iss is not the issuer whose key verified the token", rule=Rule.ISSUER)
    # RFC 8725 §3.12: logout and security event tokens carry `events`.
    if "events" in claims:
        raise MissingClaim("a token with events is not accepted", rule=Rule.PURPOSE)


def _check_source_audience(claims: VerifiedClaims, entry: IssuerEntry) -> None:
    # Rule 8. An access token is for this service, an ID token for the client that asked for
    # it. The latter says so alone, or in azp (OIDC Core §3.1.3.7, 4 and 5): else it was meant
    # for another client, which merely listed ours.
    audiences = audiences_of(claims.get("aud"))
    if entry.audience in audiences:
        _client(claims, entry)
        return
    if entry.login_client_id not in audiences:
        raise WrongAudience("aud holds neither the entry's audience nor its login_client_id")
    authorized = claims.get("azp", None if len(audiences) > 1 else entry.login_client_id)
    if authorized != entry.login_client_id:
        raise WrongAudience("azp is not the entry's login_client_id", rule=Rule.CLIENT)


def _client(claims: VerifiedClaims, entry: IssuerEntry) -> str | None:
    # Rule 8, second half. Where both are present they must agree with the list both.
    present = [
        name_of(claims[name], name, Rule.CLIENT) for name in ("client_id", "azp") if name in claims
    ]
    if entry.clients and (not present or not entry.clients.issuperset(present)):
        raise WrongAudience("the client is not in the entry's clients", rule=Rule.CLIENT)
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
    expires_at = time_of(claims.get("exp"), "exp")
    if expires_at + grace_seconds <= now:
        raise ExpiredCredential("exp has passed")
    for name in ("nbf", "iat"):
        if name in claims and time_of(claims[name], name) > now + leeway_seconds:
            raise ExpiredCredential(f"{name} lies in the future")
    if entry.max_age_seconds is not None:
        issued_at = time_of(claims.get("iat"), "iat")
        if now - issued_at > entry.max_age_seconds + leeway_seconds + grace_seconds:
            raise ExpiredCredential("older than the entry's max_age_seconds")
    return expires_at


def _read_subject(claims: VerifiedClaims, entry: IssuerEntry) -> Subject:
    sub = name_of(claims.get("sub"), "sub", Rule.SUBJECT)
    if entry.subject_path != ("sub",):
        named = claim_at(claims, entry.subject_path)
        sub = name_of(named, "the entry's subject_claim", Rule.SUBJECT)
    # Entra ID, over its limit, links to the groups instead (`_claim_names`, in the implicit
    # flow `hasgroups`). Nobody follows a link out of a token.
    elsewhere = claims.get("_claim_names", {})
    if not isinstance(elsewhere, Mapping) or entry.groups_path[0] in elsewhere:
        raise GroupsOverage("_claim_names says that the groups are elsewhere")
    if entry.groups_path == ("groups",) and claims.get("hasgroups", False) is not False:
        raise GroupsOverage("hasgroups says that the groups are elsewhere")
    groups = groups_of(claim_at(claims, entry.groups_path), entry.groups_separator)
    return Subject(issuer=entry.subject_issuer, sub=sub, groups=groups)


def _read_tenant(claims: VerifiedClaims, entry: IssuerEntry) -> str:
    if not entry.tenant_path:
        return entry.tenant
    named = claim_at(claims, entry.tenant_path)
    tenant = entry.tenants.get(named) if isinstance(named, str) else None
    if tenant is None:
        raise MissingClaim("the entry's tenant_claim names none of its tenants", rule=Rule.TENANT)
    return tenant


def _read_actor(claims: VerifiedClaims, entry: IssuerEntry) -> Actor | None:
    act = claims.get("act")
    if "act" not in claims:
        return None
    if not entry.may_assert_actor:
        raise ActorRequired("the issuer may not assert an actor")
    if not isinstance(act, dict):
        raise MissingClaim("act is malformed", rule=Rule.ACTOR)
    _check_act_depth(act)
    # An issuer names its own agents only: else one could act as another's agent.
    if act.get("iss", entry.issuer) != entry.issuer:
        raise MissingClaim("act names an agent of another issuer", rule=Rule.ACTOR)
    return Actor(issuer=entry.issuer, sub=name_of(act.get("sub"), "act.sub", Rule.ACTOR))


def _check_act_depth(act: Mapping[str, JsonValue]) -> None:
    inner: JsonValue = act
    for _ in range(MAX_ACT_DEPTH):
        if not isinstance(inner, dict):
            raise MissingClaim("act is malformed", rule=Rule.ACTOR)
        if "act" not in inner:
            return
        inner = inner["act"]
    raise MissingClaim("act is nested too deeply", rule=Rule.ACTOR)


def _delegated(
    claims: VerifiedClaims, entry: IssuerEntry, name: str, is_form: Callable[[str], bool]
) -> str | None:
    # A foreign issuer may use these names for something else: they count only beside act.
    if not entry.may_assert_actor or name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not is_form(value):
        raise MissingClaim(f"{name} is malformed", rule=Rule.ACTOR)
    return value


def _optional_name(claims: VerifiedClaims, name: str) -> str | None:
    return name_of(claims[name], name, Rule.CLAIMS) if name in claims else None


def _optional_time(claims: VerifiedClaims, name: str) -> float | None:
    return time_of(claims[name], name, Rule.CLAIMS) if name in claims else None


def _bound_key(claims: VerifiedClaims) -> str | None:
    return thumbprint_of(claims["cnf"]) if "cnf" in claims else None


def roles_of(
    subject: Subject, tenant: str, issuer: str, roles: Sequence[RoleEntry]
) -> frozenset[str]:
    """The roles that a person's groups hold in a tenant."""
    # By the issuer that said the groups: a shared namespace shares the person, not the word.
    groups = frozenset(subject.groups)
    return frozenset(
        role.name
        for role in roles
        if role.tenant == tenant and issuer in role.issuers and role.groups & groups
    )
