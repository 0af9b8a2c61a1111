"""What a request brought to say who asks: a bearer token, or a bound token with its proof."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import IdentityError, InvalidProof
from counterfoil.http.exchange import Environ
from counterfoil.http.inbound import MAX_TOKEN_CHARACTERS, bearer_token
from counterfoil.ports import Proof

# RFC 9449 §7.1; scheme names are case-insensitive (RFC 9110 §11.1)
_DPOP: Final = re.compile(r"dpop +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE | re.ASCII)
_JWS: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Reads credentials; everything read is unverified.

    `public_url` is where the service says it lives: proofs name it. In development the
    `Host` header does, which the host rule holds to this machine's names.
    """

    public_url: str
    by_host: bool = False

    def read(self, environ: Environ) -> tuple[str | None, Proof | None]:
        """Return the token, None where none came, and the proof of a token under `DPoP`.

        A `DPoP` header beside a bearer token proves nothing and is ignored: a bound token is
        refused there all the same (RFC 9449 §7.2).

        Raises:
            IdentityError: another scheme, or not one token in its form.
            InvalidProof: the scheme wants one proof, and none or several came.
        """
        header = environ.get("HTTP_AUTHORIZATION")
        if header is None or header[:4].lower() != "dpop":
            return bearer_token(environ), None
        match = _DPOP.fullmatch(header) if len(header) <= MAX_TOKEN_CHARACTERS else None
        if match is None:
            raise IdentityError
        proof = self.proof(environ)
        if proof is None:
            raise InvalidProof("no proof came with the token")
        return match[1], proof

    def proof(self, environ: Environ) -> Proof | None:
        """Return the request's proof, None where none came.

        Raises:
            InvalidProof: not one compact JWS. Two headers arrive joined by a comma.
        """
        header = environ.get("HTTP_DPOP")
        if header is None:
            return None
        if len(header) > MAX_TOKEN_CHARACTERS or not _JWS.fullmatch(header):
            raise InvalidProof("the DPoP header is not one compact JWS")
        base = f"http://{environ['HTTP_HOST']}" if self.by_host else self.public_url
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        return Proof(unverified_jwt=header, method=method, url=base + path)
