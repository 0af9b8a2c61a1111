"""The tokens that a registry takes: who, for which service, until when, and the claim `access`.

distribution/distribution v3, `registry/auth/token/token.go`. It lets a token work **60 seconds
past its `exp`** (its constant `Leeway`), so a token's `exp` lies that much before the moment at
which it has to stop, also where that moment is near and `exp` therefore lies in the past.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.errors import ConfigError
from counterfoil.keys import Es256Key, load_es256_key, public_jwk
from counterfoil_issuers.oci_registry.accounts import Account
from counterfoil_issuers.oci_registry.scopes import Rights, access


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A signed token; `works_until` is when the registry refuses it (Unix seconds)."""

    text: str
    works_until: int
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Makes tokens of one realm for one registry.

    `seconds` is how long one is meant to last, `leeway` how much longer the registry lets it.
    """

    issuer: str
    service: str
    seconds: int
    leeway: int
    key: Es256Key
    header: dict[str, object]

    @property
    def longest(self) -> int:
        """The seconds that a token works at most."""
        return self.seconds + self.leeway

    def make(self, account: Account, rights: Rights, now: int) -> Token:
        """Sign a token for some of an account's rights, which works no longer than the account."""
        expiry = min(now + self.seconds, account.deadline - self.leeway)
        claims = {
            "iss": self.issuer,
            "sub": account.name,
            "aud": self.service,
            "exp": expiry,
            "nbf": min(now, expiry),
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            "access": access(rights),
        }
        return Token(
            text=jwt.encode(claims, self.key, algorithm="ES256", headers=self.header),
            works_until=expiry + self.leeway,
            expires_in=max(min(self.seconds, account.deadline - now), 1),
        )


def signing(
    key_file: Path, certificate_file: Path | None, now: float
) -> tuple[Es256Key, dict[str, object]]:
    """The key, and how a token's header names it: by `x5c` where there is a certificate.

    Without one by `kid`, the RFC 7638 thumbprint, as registries since distribution 3 know it.

    Raises:
        ConfigError: no such key, or the certificate is not its own, or not of this time.
    """
    key = load_es256_key(key_file)
    if certificate_file is None:
        return key, {"kid": public_jwk(key)["kid"]}
    pointer = "target.certificate_file"
    try:
        chain = x509.load_pem_x509_certificates(certificate_file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{certificate_file} holds no PEM certificate.", pointer=pointer
        ) from error
    if chain[0].public_key() != key.public_key():
        raise ConfigError("its first certificate is not that of key_file.", pointer=pointer)
    if (
        not chain[0].not_valid_before_utc.timestamp()
        <= now
        < chain[0].not_valid_after_utc.timestamp()
    ):
        raise ConfigError(
            "the certificate is not of this time: the registry would refuse every token.",
            pointer=pointer,
        )
    ders = (one.public_bytes(Encoding.DER) for one in chain)
    return key, {"x5c": [b64encode(der).decode("ascii") for der in ders]}
