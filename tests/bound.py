"""A caller who holds a key, and a verifier that spends proofs in a real ledger."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from counterfoil.identity.credentials import Verifier
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.ports import Proof
from ledgers import CLOCK, Ledger
from proofs import Prover
from simulators.idp import Idp

URL = "https://counterfoil.example.com/authorize"
NOW = float(int(CLOCK.now()))  # the ledger forgets by its own clock
LEEWAY = 60


@dataclass
class Bench:
    """A verifier over the real ledger, a provider, and a caller who holds a key."""

    idp: Idp
    verifier: Verifier
    prover: Prover = field(default_factory=Prover)

    def token(self, **claims: Any) -> str:
        return self.plain(cnf=self.prover.cnf, **claims)

    def plain(self, **claims: Any) -> str:
        base = {"iat": int(NOW), "exp": int(NOW) + 600, "jti": secrets.token_hex(8)}
        return self.idp.token(**{**base, **claims})

    def proof(self, token: str | None, **changes: Any) -> Proof:
        made = {"method": "POST", "url": URL, "now": NOW, "token": token, **changes}
        return Proof(unverified_jwt=self.prover.proof(**made), method="POST", url=URL)

    def accepts(self, token: str, proof: Proof | None, now: float = NOW) -> bool:
        return self.verifier.verify(token, now=now, proof=proof).tenant == "default"


def proofs_over(ledger: Ledger, *, timeout_seconds: float = 20.0) -> ProofVerifier:
    return ProofVerifier(
        spent=ledger.client(),
        monotonic=CLOCK.monotonic,
        leeway_seconds=LEEWAY,
        timeout_seconds=timeout_seconds,
    )
