"""Verifies a scoped token request: what an issuer may make stands in it, and nowhere else.

1. Compact JWS, each segment canonical base64url, within `MAX_REQUEST_CHARS`.
2. Header members exactly `alg`, `kid`, `typ`: nothing that brings a key or another meaning.
3. `typ` is exactly `scoped-token-request+jwt`, so that no token of the service passes for one.
4. `alg` is ES256.
5. The key comes from the service's own set, by exact `kid`.
6. The signature.
7. The claims are those of `schemas/grant.json` and no others.
8. `iss` is the configured service, `aud` is this issuer, exactly.
9. `nbf` and `iat` not ahead of the leeway; `exp` not past, and at most 300 s after `iat`;
   `credential_deadline` not past, and at most 3,600 s after `iat`.
10. Every permission is of a type that this issuer's target knows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol, cast

from counterfoil.core.claims import VerifiedClaims
from counterfoil.core.grant import MAX_CREDENTIAL_SECONDS, MAX_REDEEM_SECONDS
from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.errors import IdentityError, IdentityUnavailable, Rule, SchemaViolation
from counterfoil.identity.compact import split, strict_json
from counterfoil.identity.jwks import KeySet
from counterfoil.identity.signing import GRANT_TYPE
from counterfoil.schemas_registry import Validate
from counterfoil_issuers.contract import Job
from counterfoil_issuers.refusals import RequestRefused, Unavailable

MAX_REQUEST_CHARS: Final = 131_072  # 128 operations with long names are a quarter of it
LEEWAY_SECONDS: Final = 30  # how far the service's clock may be ahead of ours
_MAX_HEADER_BYTES: Final = 1_024
_ALGORITHM: Final = "ES256"
_HEADER: Final = frozenset({"alg", "kid", "typ"})


class Keys(Protocol):
    """The service's public keys: `KeyFile`, or what is fetched (`fetched_keys.py`)."""

    def current(self, now: float) -> KeySet:
        """The keys as they are known."""

    def renewed(self, now: float) -> KeySet:
        """The keys after one could not be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What one issuer accepts: whose requests, sent to whom, about what."""

    service: str
    issuer: str
    types: Collection[str]
    keys: Keys
    validate: Validate


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRequest:
    """A request whose every rule holds. `binding` is `cnf`'s one member, None without."""

    job: Job
    expires_at: int
    binding: tuple[str, str] | None


def verify(unverified_request: str, accepted: Accepted, *, now: float) -> VerifiedRequest:
    """Prove all rules of the module.

    Raises:
        RequestRefused: one does not hold.
        Unavailable: the service's keys are not known.
    """
    try:
        claims = _verified_claims(unverified_request, accepted, now=now)
    except IdentityUnavailable as error:
        raise Unavailable("the service's keys are not known now") from error
    except IdentityError as error:
        raise RequestRefused(error.detail or "it is not signed by the service") from None
    _check_names(claims, accepted)  # 8
    _check_times(claims, now)  # 9
    permissions = _permissions(claims, "authorization_details")
    ambient = _permissions(claims, "ambient_details")
    if not {item.get("type") for item in (*permissions, *ambient)} <= set(accepted.types):  # 10
        raise RequestRefused("a permission is of a type that is not made here")
    return VerifiedRequest(
        job=Job(
            jti=_text(claims, "jti"),
            decision_id=_text(claims, "txn"),
            action_digest=_text(claims, "action_digest"),
            permissions=permissions,
            ambient=ambient,
            deadline=_time(claims, "credential_deadline"),
        ),
        expires_at=_time(claims, "exp"),
        binding=_binding(claims),
    )


def _verified_claims(unverified_request: str, accepted: Accepted, *, now: float) -> VerifiedClaims:
    segments = split(unverified_request, MAX_REQUEST_CHARS)  # 1
    header = strict_json(segments.header, _MAX_HEADER_BYTES, Rule.HEADER_JSON)
    key_id = header.get("kid")
    if set(header) != _HEADER or not isinstance(key_id, str):  # 2
        raise RequestRefused("its header holds other members than alg, kid and typ")
    if header["typ"] != GRANT_TYPE:  # 3
        raise RequestRefused("typ is that of another kind of token")
    if header["alg"] != _ALGORITHM:  # 4
        raise RequestRefused("alg is not ES256")
    key = accepted.keys.current(now).keys.get(key_id)  # 5
    if key is None:
        key = accepted.keys.renewed(now).keys.get(key_id)
    if key is None or not key.fits(_ALGORITHM):
        raise RequestRefused("no key of the service has this kid")
    if not key.verifies(_ALGORITHM, segments.signed, segments.signature):  # 6
        raise RequestRefused("the signature is not the service's")
    claims = strict_json(segments.payload, MAX_REQUEST_CHARS, Rule.PAYLOAD_JSON)
    try:
        accepted.validate(claims)  # 7
    except SchemaViolation as error:
        raise RequestRefused(f"its claims are not those of a grant ({error.pointer})") from None
    return VerifiedClaims(claims)


def _check_names(claims: VerifiedClaims, accepted: Accepted) -> None:
    if claims["iss"] != accepted.service:
        raise RequestRefused("iss is another service")
    if claims["aud"] != accepted.issuer:
        raise RequestRefused("aud is another issuer")


def _check_times(claims: VerifiedClaims, now: float) -> None:
    issued_at, expires_at = _time(claims, "iat"), _time(claims, "exp")
    deadline = _time(claims, "credential_deadline")
    if max(issued_at, _time(claims, "nbf")) > now + LEEWAY_SECONDS:
        raise RequestRefused("iat or nbf lies in the future")
    if not now < expires_at <= issued_at + MAX_REDEEM_SECONDS:
        raise RequestRefused("it has expired, or lives too long")
    if not now < deadline <= issued_at + MAX_CREDENTIAL_SECONDS:
        raise RequestRefused("its deadline has passed, or lies too far ahead")


def _binding(claims: VerifiedClaims) -> tuple[str, str] | None:
    bound = claims.get("cnf")
    if bound is None:
        return None
    # The schema lets exactly one through; a binding that nobody checks would be none.
    ((method, value),) = cast("dict[str, str]", bound).items()
    return method, value


def _permissions(claims: VerifiedClaims, name: str) -> tuple[Permission, ...]:
    return tuple(cast("list[JsonObject]", claims[name]))


def _text(claims: VerifiedClaims, name: str) -> str:
    return cast("str", claims[name])  # the schema says so


def _time(claims: VerifiedClaims, name: str) -> int:
    value: JsonValue = claims[name]
    return cast("int", value)
