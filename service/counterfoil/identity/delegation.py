"""This service as an issuer: its delegation tokens told from others, and verified by its own key.

`delegation.jwks.json` in the keys folder is followed where it is there, so that a key can be
rotated (`key_ring.py`): the file names the new and the old one, then `delegation.pem` becomes
the new one; the ring beside it says when the old one ends. Without the file the key that signs
is the one that verifies.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from pathlib import Path

import orjson

from counterfoil.config_model import DELEGATION_JWKS_FILE, Config
from counterfoil.core.agents import AgentRegistry
from counterfoil.core.claims import IssuerEntry, VerifiedClaims
from counterfoil.core.delegation import DelegationTerms, read_delegation
from counterfoil.core.model import Caller, JsonObject
from counterfoil.core.strict_json import parse
from counterfoil.errors import RequestError
from counterfoil.identity.jwks import KeyFile, KeySet, read_key_set
from counterfoil.identity.oidc import MAX_TOKEN_CHARS, TrustedIssuer
from counterfoil.identity.own_keys import Ring, RingedKeyFile
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from counterfoil.keys import jwks_document, load_delegation_key

_SEGMENTS = 3  # RFC 7515 §3.1


@dataclass(frozen=True, slots=True)
class OwnTokens:
    """Implements `ports.Delegations`; reads what `TrustedIssuer` has verified."""

    terms: DelegationTerms
    registry: AgentRegistry

    def issued_here(self, unverified_token: str) -> bool:
        """Whether it says that it is a delegation token of ours."""
        unverified_claims = _peek(unverified_token)
        return unverified_claims is not None and self.is_delegation(unverified_claims)

    def is_delegation(self, claims: JsonObject) -> bool:
        """Whether the claims are those of a delegation token of ours.

        The development issuer has the same name, and `counterfoil token` makes tokens without
        `sub_iss`; those are read as any configured issuer's.
        """
        return claims.get("iss") == self.terms.issuer and "sub_iss" in claims

    def read(self, claims: VerifiedClaims, *, now: float, grace_seconds: float) -> Caller:
        """Return who calls with it; see `core.delegation.read_delegation`."""
        return read_delegation(
            claims, self.terms, self.registry, now=now, grace_seconds=grace_seconds
        )


def delegation_signer(config: Config) -> Es256Signer | None:
    """The signer; None where no agent is registered and so none is needed.

    Raises:
        ConfigError: the key cannot be used.
    """
    if not config.identity.agents:
        return None
    return Es256Signer(load_delegation_key(config.keys.directory), typ=DELEGATION_TYPE)


def own_issuer(config: Config, signer: Es256Signer) -> TrustedIssuer:
    """This service as an issuer that it trusts itself."""
    entry = IssuerEntry(issuer=config.token.issuer, audience=config.token.audience)
    path = config.keys.directory / DELEGATION_JWKS_FILE
    if path.exists():
        ring = Ring(config.keys.directory, "delegation")
        return TrustedIssuer(entry, frozenset({"ES256"}), RingedKeyFile(path, ring))
    document = orjson.dumps(jwks_document([signer.public_jwk]))
    return TrustedIssuer(entry, frozenset({"ES256"}), _SigningKey(path, read_key_set(document)))


class _SigningKey(KeyFile):
    """A key set that no file has: the public half of the key that signs."""

    def __init__(self, path: Path, key_set: KeySet) -> None:
        super().__init__(path)
        self._fixed = key_set

    def current(self, now: float) -> KeySet:  # noqa: ARG002 -- it never changes
        """The one key."""
        return self._fixed


def _peek(unverified_token: str) -> JsonObject | None:
    segments = unverified_token.split(".")
    if len(segments) != _SEGMENTS or len(unverified_token) > MAX_TOKEN_CHARS:
        return None
    payload = segments[1]
    try:
        return parse(
            urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), max_bytes=MAX_TOKEN_CHARS
        )
    except (Base64Error, ValueError, RequestError):
        return None
