"""A small identity provider: real keys, real tokens, a key file that can be rotated."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.config import Config, load_config
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer

ISSUER = "https://idp.example.com"
NOW = 1_800_000_000.0


@dataclass
class Idp:
    """Signs with the newest key; the file holds what `publish` was told."""

    folder: Path
    signers: list[Es256Signer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotate()
        self.publish(self.signers)

    @property
    def jwks_file(self) -> Path:
        return self.folder / "keys.json"

    def rotate(self) -> Es256Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        self.signers.append(Es256Signer(key, typ=DELEGATION_TYPE))
        return self.signers[-1]

    def publish(self, signers: list[Es256Signer]) -> None:
        self.write(json.dumps({"keys": [signer.public_jwk for signer in signers]}).encode())

    def write(self, data: bytes) -> None:
        """Replace the file as a careful operator does: whole, by rename."""
        fresh = self.folder / "keys.json.new"
        fresh.write_bytes(data)
        fresh.replace(self.jwks_file)

    def token(self, **claims: Any) -> str:
        base: dict[str, Any] = {
            "iss": ISSUER,
            "sub": "alice",
            "aud": "counterfoil",
            "iat": int(NOW),
            "exp": int(NOW) + 600,
            "groups": ["developers"],
        }
        return self.signers[-1].sign({**base, **claims})

    def config(self, extra: str = "", *, may_assert_actor: bool = True) -> Config:
        path = self.folder / "counterfoil.toml"
        path.write_text(
            f'[[identity.oidc]]\nissuer = "{ISSUER}"\naudience = "counterfoil"\n'
            f'jwks_file = "keys.json"\nmay_assert_actor = {str(may_assert_actor).lower()}\n{extra}'
        )
        return load_config(path, {})
