"""Verifies JWT bearer tokens (OIDC, RFC 9068) by numbered rules.

1. Size limit, three segments, each canonical base64url.
2. Header members only `alg`, `kid`, `typ`; nothing that names or carries a key.
3. `typ` is one of the accepted, so no other kind of JWT passes for a credential.
4. Header and payload are strict JSON objects.
5. The key comes from the issuer's own set, by exact `kid`, and is fit for it (`jwks.py`).
6. One fixed list of algorithms per issuer; never `none`, never HMAC.
7. `iss` is exactly a configured one; it chooses the keys before anything is verified.
8. `aud` holds this service; `client_id`/`azp` is listed where there is a list
   (`core/claims.py`).
9. `exp`, `nbf`, `iat`, age and `sub` (`core/claims.py`).
10. Keys are fetched by https, bounded, from one fixed URL, and never in a request's time but
    for an unknown `kid`, at most once per interval (`providers.py`, `published.py`).
11. A token with `cnf` counts with a proof by its key alone (`dpop.py`).
12. A token that is no JWT counts where its issuer calls it active (`introspection.py`).
13. Every failure is one generic 401; nothing of the token is in it or in a log.
14. Groups, 15. tenant, 16. actor: as the issuer's entry maps them (`core/claims.py`).

`errors/rules.py` names the rules in the order in which they are judged: cheap until the
signature, and the signature is checked at most once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from counterfoil.config_model import OidcIssuer
from counterfoil.core.claims import IssuerEntry, VerifiedClaims
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.errors import InvalidSignature, Rule, UnknownIssuer
from counterfoil.identity.compact import MEDIA_TYPE_PREFIX, split, strict_json
from counterfoil.identity.jwks import KeyFile, KeySet
from counterfoil.identity.published import PublishedKeys

MAX_TOKEN_CHARS = 16_384
MAX_HEADER_BYTES = 4_096
CREDENTIAL_TYPES: Final = frozenset({"jwt", "at+jwt"})

_HEADER_MEMBERS: Final = frozenset({"alg", "kid", "typ"})
_IGNORED_MEMBERS: Final = frozenset({"x5t", "x5t#S256"})  # fingerprints: they carry no key


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer of the configuration, bound to its own keys and algorithms."""

    entry: IssuerEntry
    algorithms: frozenset[str]
    keys: KeyFile | PublishedKeys
    accept_untyped: bool = False

    @classmethod
    def of(cls, issuer: OidcIssuer, keys: KeyFile | PublishedKeys) -> TrustedIssuer:
        """Bind the entry to its keys; they are read at the first use."""
        algorithms = frozenset(issuer.algorithms)
        return cls(issuer.entry, algorithms, keys, issuer.accept_untyped)


def verify_token(
    unverified_token: str,
    issuers: Mapping[str, TrustedIssuer],
    *,
    now: float,
    types: frozenset[str] = CREDENTIAL_TYPES,
) -> tuple[VerifiedClaims, TrustedIssuer, KeySet]:
    """Prove that a configured issuer signed the token; its claims are read afterwards.

    Args:
        unverified_token: the compact token.
        issuers: by their `iss`.
        now: seconds since the epoch.
        types: what `typ` may be, in lower case, without `application/`.

    Raises:
        InvalidSignature: rules 1-6.
        UnknownIssuer: rule 7.
        IdentityUnavailable: the issuer's keys were never readable.
    """
    signed, header_bytes, payload_bytes, signature = split(unverified_token, MAX_TOKEN_CHARS)  # 1
    unverified_header = strict_json(header_bytes, MAX_HEADER_BYTES, Rule.HEADER_JSON)  # 4
    algorithm, key_id = _read_header(unverified_header)  # 2
    typed = "typ" in unverified_header
    if typed:
        _check_type(unverified_header["typ"], types)  # 3
    unverified_claims = strict_json(payload_bytes, MAX_TOKEN_CHARS, Rule.PAYLOAD_JSON)  # 4
    issuer = _choose(unverified_claims, issuers)  # 7
    if not typed and not issuer.accept_untyped:  # 3
        raise InvalidSignature("typ is missing", rule=Rule.TYPE)
    if algorithm not in issuer.algorithms:  # 6
        raise InvalidSignature("alg is not one of the entry's algorithms", rule=Rule.ALGORITHM)
    key_set = issuer.keys.current(now)
    key = key_set.keys.get(key_id)  # 5
    if key is None:
        key_set = issuer.keys.renewed(now)  # 10
        key = key_set.keys.get(key_id)
    if key is None:
        raise InvalidSignature("no key of the issuer that may verify has this kid", rule=Rule.KEY)
    if not key.fits(algorithm):
        raise InvalidSignature("the key is not for this alg", rule=Rule.KEY)
    if not key.verifies(algorithm, signed, signature):
        raise InvalidSignature("the signature is not the key's")
    return VerifiedClaims(unverified_claims), issuer, key_set


def _read_header(header: JsonObject) -> tuple[str, str]:
    # Rule 2: jwk, jku, x5u, x5c would bring the attacker's key, crit and b64 another meaning
    # of the signature (RFC 7797), cty a token in a token. An unknown member refuses too.
    if header.keys() - _HEADER_MEMBERS - _IGNORED_MEMBERS:
        raise InvalidSignature("it holds a member that is not allowed", rule=Rule.HEADER)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(key_id, str):
        raise InvalidSignature("alg or kid is missing or malformed", rule=Rule.HEADER)
    return algorithm, key_id


def _check_type(kind: JsonValue, types: frozenset[str]) -> None:
    # Rule 3 (RFC 8725 §3.11): media types compare without case, RFC 7515 §4.1.9.
    if not isinstance(kind, str):
        raise InvalidSignature("typ is malformed", rule=Rule.TYPE)
    if kind.lower().removeprefix(MEDIA_TYPE_PREFIX) not in types:
        raise InvalidSignature("typ is that of another kind of token", rule=Rule.TYPE)


def _choose(unverified_claims: JsonObject, issuers: Mapping[str, TrustedIssuer]) -> TrustedIssuer:
    # Rule 7: exact text, no folding of slashes or case (CVE-2024-53861).
    unverified_issuer = unverified_claims.get("iss")
    issuer = issuers.get(unverified_issuer) if isinstance(unverified_issuer, str) else None
    if issuer is None:
        raise UnknownIssuer("iss is not a configured issuer")
    return issuer
