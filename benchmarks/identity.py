"""CPU of verifying one credential, in this process: `python benchmarks/identity.py`.

A token verified before, one that was not (ES256), and a DPoP proof (ES256; without the ledger
that spends it). The best of five rounds: CPU of an honest machine, not of its neighbours.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from counterfoil.identity.credentials import Verifier
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.ports import Proof
from proofs import Prover
from simulators.idp import NOW, Idp

ROUNDS, TOKENS, CACHED = 5, 500, 5_000
URL = "https://counterfoil.example.com/authorize"


class _Unspent:
    """Stands where the ledger spends proofs, so that none of its time is counted."""

    def spend(self, _scope: object, *, expires_at: float, deadline: float) -> bool:
        """Everything is fresh."""
        return bool(expires_at or deadline)


def main() -> int:
    """Print µs of CPU each."""
    with tempfile.TemporaryDirectory() as folder:
        idp = Idp(Path(folder))
        config = idp.config()
        tokens = [idp.token(jti=f"t{i}", act={"sub": "coder"}) for i in range(TOKENS)]
        prover = Prover()
        bound = idp.token(cnf=prover.cnf)
        proofs = [
            Proof(unverified_jwt=text, method="POST", url=URL)
            for text in (
                prover.proof(method="POST", url=URL, now=NOW, token=bound) for _ in range(TOKENS)
            )
        ]
        verifier = Verifier(config)

        def uncached() -> int:
            fresh = Verifier(config)
            for token in tokens:
                fresh.verify(token, now=NOW)
            return TOKENS

        def cached() -> int:
            for _ in range(CACHED):
                verifier.verify(tokens[0], now=NOW)
            return CACHED

        def proven() -> int:
            checker = ProofVerifier(
                spent=_Unspent(), monotonic=time.monotonic, leeway_seconds=60, timeout_seconds=1
            )
            for proof in proofs:
                checker.prove_token(
                    proof, now=NOW, bound_to=prover.thumbprint, token=bound, presented=True
                )
            return TOKENS

        for name, work in (("uncached", uncached), ("cached", cached), ("proof", proven)):
            print(f"{name:<9} {_best(work):7.1f} µs")
    return 0


def _best(work: Callable[[], int]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        count = work()
        best = min(best, (time.process_time() - started) / count)
    return best * 1e6


if __name__ == "__main__":
    sys.exit(main())
