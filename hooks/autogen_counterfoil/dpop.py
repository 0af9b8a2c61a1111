"""The key that a run's tokens are bound to, and the proofs that it is held (RFC 9449).

A delegation token with `cnf.jkt` counts only beside a fresh proof by that key, so a token that
leaks (a log, a core dump, a proxy) is worth nothing by itself. The key is made in this process
(`DPoPKey.generate`), or by the launcher for this process alone (`counterfoil login --dpop`).
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from autogen_counterfoil.errors import CredentialError

KEY_VARIABLE = "COUNTERFOIL_DPOP_KEY"
KEY_FILE_VARIABLE = "COUNTERFOIL_DPOP_KEY_FILE"
MAX_KEY_BYTES = 16_384
_COORDINATE_BYTES = 32  # P-256, RFC 7518 §6.2.1.2
_FORBIDDEN_MODE = stat.S_IRWXG | stat.S_IRWXO
_ES256 = ec.ECDSA(SHA256())


class DPoPKey:
    """A P-256 private key. It is never shown, copied or written by us."""

    __slots__ = ("_key", "_prefix", "thumbprint")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if key.curve.name != "secp256r1":
            raise CredentialError("the DPoP key is not a P-256 key, which ES256 needs")
        numbers = key.public_key().public_numbers()
        # Sorted and without white space, which is also what RFC 7638 §3 hashes.
        jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": _b64(numbers.x.to_bytes(_COORDINATE_BYTES)),
            "y": _b64(numbers.y.to_bytes(_COORDINATE_BYTES)),
        }
        self._key = key
        self.thumbprint = _b64(sha256(_json(jwk)).digest())
        self._prefix = _b64(_json({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk})) + "."

    @classmethod
    def generate(cls) -> DPoPKey:
        """Make a key that ends with this process."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path: Path) -> DPoPKey:
        """Read a PEM file (PKCS #8) that its account alone can use.

        Raises:
            CredentialError: missing, usable by others, or no P-256 key.
        """
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(MAX_KEY_BYTES + 1)
        except OSError as error:
            raise CredentialError(f"the DPoP key {path} cannot be read") from error
        if not stat.S_ISREG(mode) or mode & _FORBIDDEN_MODE:
            raise CredentialError(f"others may use the DPoP key {path}. Run: chmod 600 {path}")
        return cls.from_pem(data)

    @classmethod
    def from_pem(cls, pem: bytes) -> DPoPKey:
        """Read a key in PEM (PKCS #8).

        Raises:
            CredentialError: it is no P-256 key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # `from None`: a parser's words could quote what it read
            raise CredentialError("the DPoP key is not a private key in PEM") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CredentialError("the DPoP key is not a P-256 key, which ES256 needs")
        return cls(key)

    def proof(
        self, method: str, url: str, *, token: str | None = None, nonce: str | None = None
    ) -> str:
        """Return one proof, to be sent once (RFC 9449 §4.2).

        Args:
            method: of the request.
            url: of the request; its query and fragment are left out.
            token: the token that goes with it; None for a `POST /token`.
            nonce: the last one that the server has asked for.
        """
        claims: dict[str, str | int] = {
            "jti": secrets.token_urlsafe(18),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(time.time()),  # noqa: TID251 -- the hook is the outer edge
        }
        if token is not None:
            claims["ath"] = _b64(sha256(token.encode("ascii")).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        signed = self._prefix + _b64(_json(claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode("ascii"), _ES256))
        return f"{signed}.{_b64(r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES))}"

    def __repr__(self) -> str:
        """Name the key by its public thumbprint."""
        return f"DPoPKey({self.thumbprint})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: the key stays where it is."""
        raise TypeError("a DPoP key stays in its process")


def key_from_environment() -> DPoPKey | None:
    """Return the key that a launcher left for this process, or None.

    Raises:
        CredentialError: what it left is no key.
    """
    if value := os.environ.get(KEY_VARIABLE):
        return DPoPKey.from_pem(value.encode())
    if path := os.environ.get(KEY_FILE_VARIABLE):
        return DPoPKey.load(Path(path))
    return None


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
