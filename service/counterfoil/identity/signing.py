"""Signs scoped token requests: compact JWS, ES256 (RFC 7515 §3.1, RFC 7518 §3.4).

The header never changes for a key, so its segment is made once; nothing but `alg`, `typ` and
`kid` is ever in it, or in place of that the public key itself, as a DPoP proof has it.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.model import JsonObject
from counterfoil.keys import Es256Key, JsonWebKey, public_jwk

GRANT_TYPE: Final = "scoped-token-request+jwt"
DELEGATION_TYPE: Final = "at+jwt"
_ES256: Final = ECDSA(SHA256())
_MEMBERS: Final = ("crv", "kty", "x", "y")
_HALF: Final = 32  # bytes of r and of s


class Es256Signer:
    """Holds one private key; implements `ports.GrantSigner` with `typ` for its purpose.

    Thread safe: signing shares no state.
    """

    def __init__(self, key: Es256Key, *, typ: str = GRANT_TYPE, names_key: bool = False) -> None:
        self.public_jwk: JsonWebKey = public_jwk(key)
        self.key_id: str = self.public_jwk["kid"]
        public: JsonObject = {name: self.public_jwk[name] for name in _MEMBERS}
        named: JsonObject = {"jwk": public} if names_key else {"kid": self.key_id}
        header: JsonObject = {"alg": "ES256", "typ": typ, **named}
        self._prefix = b64url(canonical_bytes(header)) + "."
        self._sign = key.sign

    def sign(self, claims: JsonObject) -> str:
        """Return the compact JWS over the canonical form of `claims`.

        Raises:
            NotCanonical: a claim is not JSON, or a number with a fraction.
        """
        signed = self._prefix + b64url(canonical_bytes(claims))
        r, s = decode_dss_signature(self._sign(signed.encode(), _ES256))
        signature = r.to_bytes(_HALF) + s.to_bytes(_HALF)
        return f"{signed}.{b64url(signature)}"
