"""The key that `counterfoil login --dpop` binds an agent's tokens to (RFC 9449).

Made for one run, held by this process and handed to the program that it starts: the launcher
proves it at `POST /token`, renewals included, and the hooks prove it at each call.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterfoil.identity.signing import Es256Signer

PROOF_TYPE = "dpop+jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingKey:
    """One P-256 key; `pem` (PKCS #8) is for the program alone."""

    pem: bytes = field(repr=False)
    _signer: Es256Signer = field(repr=False)

    @classmethod
    def generate(cls) -> BindingKey:
        """Make one."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(pem=pem, _signer=Es256Signer(key, typ=PROOF_TYPE, names_key=True))

    def proof(self, url: str, *, now: float) -> str:
        """A proof for one `POST` to `url`, to be sent once (RFC 9449 §4.2)."""
        return self._signer.sign(
            {"jti": secrets.token_urlsafe(18), "htm": "POST", "htu": url, "iat": int(now)}
        )
