"""DPoP proofs (RFC 9449) for tests: honest ones, and any change to one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.canonical import canonical_bytes, digest
from vectors import jwt_forge as f

MISSING = object()


@dataclass
class Prover:
    """Holds a key and proves that; `header` and `claims` of a proof can be changed."""

    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    algorithm: str = "ES256"
    sign: f.Sign | None = None

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half."""
        return f.jwk(None, self.key)

    @property
    def thumbprint(self) -> str:
        """RFC 7638, computed by itself."""
        names = {
            "EC": ("crv", "kty", "x", "y"),
            "RSA": ("e", "kty", "n"),
            "OKP": ("crv", "kty", "x"),
        }
        jwk = self.jwk
        return digest(canonical_bytes({name: jwk[name] for name in names[jwk["kty"]]}))

    @property
    def cnf(self) -> dict[str, str]:
        """What a token that is bound to the key says."""
        return {"jkt": self.thumbprint}

    def proof(
        self,
        *,
        method: str,
        url: str,
        now: float,
        token: str | None,
        header: dict[str, Any] | None = None,
        sign: f.Sign | None = None,
        **claims: Any,
    ) -> str:
        """One proof; `MISSING` removes a member."""
        body: dict[str, Any] = {
            "jti": secrets.token_hex(12),
            "htm": method,
            "htu": url,
            "iat": int(now),
            **({} if token is None else {"ath": digest(token.encode())}),
            **claims,
        }
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk, **(header or {})}
        return f.token(
            {k: v for k, v in head.items() if v is not MISSING},
            {k: v for k, v in body.items() if v is not MISSING},
            sign or self.sign or f.es(self.key),
        )
