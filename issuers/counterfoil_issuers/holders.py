"""Who may have the credential: whoever proves the key that the signed request names (`cnf`).

`jkt` (RFC 9449 §6.1): a DPoP proof for `POST` to this issuer's own URL, which counts once.
`x5t#S256` (RFC 8705 §3.1): the client certificate of the connection.
A request without `cnf` is for whoever holds it; so it is taken only from this machine: over
the unix socket, whose file says who may connect, or in development.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from counterfoil.core.canonical import b64url
from counterfoil.errors import InvalidProof
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.ports import Proof
from counterfoil_issuers.refusals import HolderNotProven

METHOD: Final = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What came in one call: the request, one proof or none, the connection's certificate."""

    unverified_request: str = field(repr=False)
    unverified_proof: str | None = field(default=None, repr=False)
    certificate: bytes | None = None
    over_unix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Checks bindings. `url` is the issuer's own, as proofs name it."""

    proofs: ProofVerifier
    url: str
    development: bool = False

    def prove(self, presented: Presented, binding: tuple[str, str] | None, *, now: float) -> None:
        """See that the call proves the binding.

        Raises:
            HolderNotProven: it does not.
            StateError: a proof could not be spent.
        """
        if binding is None:
            if not (presented.over_unix or self.development):
                raise HolderNotProven("it is bound to no key, so it counts on this machine alone")
            return
        method, value = binding
        if method == "jkt":
            self._by_proof(presented, value, now)
        else:
            _by_certificate(presented, value)

    def _by_proof(self, presented: Presented, thumbprint: str, now: float) -> None:
        unverified = presented.unverified_proof
        if unverified is None:
            raise HolderNotProven("no DPoP proof came with it")
        try:
            self.proofs.prove_token(
                Proof(unverified_jwt=unverified, method=METHOD, url=self.url),
                now=now,
                bound_to=thumbprint,
                token=presented.unverified_request,
                presented=False,
            )
        except InvalidProof as error:
            raise HolderNotProven(error.detail) from error


def _by_certificate(presented: Presented, fingerprint: str) -> None:
    certificate = presented.certificate
    if certificate is None:
        raise HolderNotProven("no client certificate came with it")
    if not hmac.compare_digest(b64url(sha256(certificate).digest()), fingerprint):
        raise HolderNotProven("the client certificate is another one")
