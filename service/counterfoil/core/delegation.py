"""Delegation tokens: the claims of one, and what a verified one says.

    iss, aud       this service; nobody else takes it
    sub, sub_iss   the person, and who vouches for them (two providers share a person only
                   where both entries have the same `subject_namespace`)
    tenant, groups of the person
    act            the registered agent (RFC 8693 §4.1), the one that handed on to it inside
    client_id      the launcher it was given to (RFC 9068 §2.2)
    run            the run, and `prompt_digest` where it was opened with a prompt
    session        the provider's session it rests on, by `session_name`
    cnf            the key that the launcher proved (RFC 9449 §6)
    iat, nbf, exp  at most 15 minutes, never past the source or the run
    jti            by which one token is revoked

What is in one is ours: it is read as strictly as a foreign token all the same, so that no
mistake of the signing side becomes authority.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from counterfoil.core.agents import MAX_CHAIN, AgentRegistry
from counterfoil.core.claim_values import groups_of, is_digest, thumbprint_of, time_of
from counterfoil.core.claims import VerifiedClaims
from counterfoil.core.grant import act_claim
from counterfoil.core.model import Actor, Caller, JsonObject, JsonValue, Subject
from counterfoil.core.run_record import Run
from counterfoil.errors import ExpiredCredential, MissingClaim, Rule, WrongAudience

MAX_TTL_SECONDS = 900
MAX_NAME_CHARS = 512  # an issuer's URL
LEEWAY_SECONDS = 5  # between replicas' clocks; the issuer is this service


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationTerms:
    """What all delegation tokens of this service have in common."""

    issuer: str
    audience: str
    ttl_seconds: int = MAX_TTL_SECONDS
    max_run_seconds: int = 28_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """One token to be: for a run, its chain of agents, and a launcher.

    `last` is a moment that it must not outlive, beside those of its run.
    """

    run: Run
    chain: tuple[str, ...]
    groups: tuple[str, ...]
    launcher: str
    last: float = math.inf
    key_thumbprint: str | None = None


def delegation_claims(
    delegation: Delegation, terms: DelegationTerms, *, token_id: str, now: float
) -> dict[str, JsonValue] | None:
    """The claims of a token; None where no second is left of what it rests on."""
    run, iat = delegation.run, math.floor(now)
    ends = (now + terms.ttl_seconds, delegation.last, run.source_expires_at, run.ends_at)
    exp = math.floor(min(ends))
    if exp <= iat:
        return None
    claims: dict[str, JsonValue] = {
        "iss": terms.issuer,
        "aud": terms.audience,
        "sub": run.subject.sub,
        "sub_iss": run.subject.issuer,
        "tenant": run.tenant,
        "groups": list(delegation.groups),
        "act": act_claim(terms.issuer, delegation.chain),
        "client_id": delegation.launcher,
        "run": run.id,
        "iat": iat,
        "nbf": iat,
        "exp": exp,
        "jti": token_id,
    }
    if run.prompt_digest is not None:
        claims["prompt_digest"] = run.prompt_digest
    if run.session is not None:
        claims["session"] = run.session
    if delegation.key_thumbprint is not None:
        claims["cnf"] = {"jkt": delegation.key_thumbprint}
    return claims


def read_delegation(
    claims: VerifiedClaims,
    terms: DelegationTerms,
    registry: AgentRegistry,
    *,
    now: float,
    grace_seconds: float = 0.0,
) -> Caller:
    """Return who calls with a delegation token of ours.

    An agent that is not registered any more, in any place of the chain, ends the token.

    Raises:
        MissingClaim: a claim is absent or malformed, or an agent is not registered.
        WrongAudience: the token is for somebody else.
        ExpiredCredential: outside its time, or made for longer than any may be.
    """
    if claims.get("iss") != terms.issuer:
        raise MissingClaim("iss is not this service", rule=Rule.ISSUER)
    if claims.get("aud") != terms.audience:
        raise WrongAudience
    issued_at, expires_at = _times(claims, now=now, grace_seconds=grace_seconds)
    tenant, chain = _text(claims, "tenant"), _chain(claims.get("act"), terms.issuer)
    ceiling = registry.ceiling(tenant, chain)
    if ceiling is None:
        raise MissingClaim("act names an agent that is not registered", rule=Rule.ACTOR)
    prompt_digest = _optional(claims, "prompt_digest")
    if prompt_digest is not None and not is_digest(prompt_digest):
        raise MissingClaim("prompt_digest is malformed", rule=Rule.ACTOR)
    if not isinstance(claims.get("groups"), list):
        raise MissingClaim("groups is missing or malformed", rule=Rule.GROUPS)
    subject = Subject(
        issuer=_text(claims, "sub_iss"),
        sub=_text(claims, "sub"),
        groups=groups_of(claims["groups"], None),
    )
    return Caller(
        tenant=tenant,
        subject=subject,
        actor=Actor(issuer=terms.issuer, sub=chain[0], via=chain[1:], ceiling=ceiling),
        run_id=_text(claims, "run"),
        prompt_digest=prompt_digest,
        expires_at=expires_at,
        token_id=_text(claims, "jti"),
        client_id=_text(claims, "client_id"),
        key_thumbprint=thumbprint_of(claims["cnf"]) if "cnf" in claims else None,
        issued_at=issued_at,
        session=_optional(claims, "session"),
    )


def _times(claims: VerifiedClaims, *, now: float, grace_seconds: float) -> tuple[float, float]:
    issued_at, expires_at = (time_of(claims.get(name), name) for name in ("iat", "exp"))
    if not 0 < expires_at - issued_at <= MAX_TTL_SECONDS:
        raise ExpiredCredential("made for longer than any delegation token lives")
    if expires_at + grace_seconds <= now:
        raise ExpiredCredential("exp has passed")
    if issued_at > now + LEEWAY_SECONDS:
        raise ExpiredCredential("iat lies in the future")
    return issued_at, expires_at


def _chain(act: JsonValue, issuer: str) -> tuple[str, ...]:
    names: list[str] = []
    while act is not None:
        if not isinstance(act, Mapping) or act.get("iss") != issuer or len(names) == MAX_CHAIN:
            raise MissingClaim("act is malformed or nested too deeply", rule=Rule.ACTOR)
        names.append(_text(act, "sub"))
        act = act.get("act")
    if not names:
        raise MissingClaim("act is missing", rule=Rule.ACTOR)
    return tuple(names)


def _text(claims: JsonObject, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_CHARS:
        raise MissingClaim(f"{name} is missing or malformed")
    return value


def _optional(claims: JsonObject, name: str) -> str | None:
    return None if name not in claims else _text(claims, name)
