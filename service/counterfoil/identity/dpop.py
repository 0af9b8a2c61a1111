"""Verifies DPoP proofs (RFC 9449 §4.3): rule 11, by the numbers of that section.

1. One `DPoP` header (`http/credentials.py`).
2. A compact JWS, canonical and strict as a token (`compact.py`).
3. `jti`, `htm`, `htu` and `iat` are there.
4. `typ` is `dpop+jwt`, so neither a token passes for a proof nor a proof for a token.
5. `alg` is one of `ALGORITHMS`: never `none`, never HMAC.
6. The key in the header verifies the signature.
7. It is a public key, and fit for it (rule 5, `jwks.py`); the header brings nothing else.
8. `htm` is the request's method.
9. `htu` is the request's target, by the service's public name.
10. `nonce` is not asked for: the window is short, and single use is durable.
11. `iat` lies in the window.
12. `ath` is the token's hash, and the key is the one that the token is bound to.

Then `jti` is spent in the ledger, so that a proof counts once on all workers and replicas and
after a crash; last, so that nobody but the key's holder can write there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from counterfoil.core.canonical import digest
from counterfoil.core.claim_values import name_of, time_of
from counterfoil.core.model import JsonObject
from counterfoil.core.urls import target_of
from counterfoil.errors import IdentityError, InvalidProof, Rule
from counterfoil.identity.compact import MEDIA_TYPE_PREFIX, split, strict_json
from counterfoil.identity.jwks import MalformedKeySet, VerifyingKey, read_lone_key, thumbprint
from counterfoil.ports import Proof
from counterfoil.ports_tokens import SingleUse

PROOF_TYPE: Final = "dpop+jwt"
ALGORITHMS: Final = frozenset({"ES256", "EdDSA", "PS256", "RS256"})
MAX_PROOF_CHARS: Final = 8_192  # an RSA key of 8,192 bits needs 1,400
MAX_AGE_SECONDS: Final = 60.0
_HEADER_MEMBERS: Final = frozenset({"alg", "jwk", "typ"})


class ProofVerifier:
    """Thread safe; one per worker.

    Args:
        spent: where a proof's `jti` is spent.
        monotonic: for the deadline of that.
        leeway_seconds: how far a caller's clock may be off.
        timeout_seconds: of the ledger.
    """

    def __init__(
        self,
        *,
        spent: SingleUse,
        monotonic: Callable[[], float],
        leeway_seconds: float,
        timeout_seconds: float,
    ) -> None:
        self._spent, self._monotonic = spent, monotonic
        self._leeway_seconds, self._timeout_seconds = leeway_seconds, timeout_seconds

    def prove(self, proof: Proof, *, now: float) -> str:
        """Return the thumbprint of the key that the proof is by.

        Raises:
            InvalidProof: any rule but 12.
            LedgerError: its `jti` could not be spent.
        """
        return self._verify(proof, now=now, bound_to=None, token=None, token_required=False)

    def prove_token(
        self, proof: Proof, *, now: float, bound_to: str, token: str, presented: bool
    ) -> str:
        """Return `bound_to`, the thumbprint that a token is bound to, proven.

        Args:
            proof: what came.
            now: seconds since the epoch.
            bound_to: the token's `cnf.jkt`.
            token: the token, verified.
            presented: whether the token is the request's own credential. Then `ath` must be
                there; a token in a form is proven by its key, and by `ath` where one is said.

        Raises:
            InvalidProof: any rule.
            LedgerError: its `jti` could not be spent.
        """
        return self._verify(
            proof, now=now, bound_to=bound_to, token=token, token_required=presented
        )

    def _verify(
        self,
        proof: Proof,
        *,
        now: float,
        bound_to: str | None,
        token: str | None,
        token_required: bool,
    ) -> str:
        try:
            segments = split(proof.unverified_jwt, MAX_PROOF_CHARS)  # 2
            header = strict_json(segments.header, MAX_PROOF_CHARS, Rule.PROOF)
            claims = strict_json(segments.payload, MAX_PROOF_CHARS, Rule.PROOF)
            token_id = name_of(claims.get("jti"), "jti", Rule.PROOF)  # 3
            issued_at = time_of(claims.get("iat"), "iat", Rule.PROOF)
        except IdentityError as error:
            raise InvalidProof(error.detail) from None
        algorithm, key, proven = _read_header(header)  # 4, 5, 7
        if bound_to is not None and not hmac.compare_digest(bound_to, proven):  # 12
            raise InvalidProof("the key is not the one that the token is bound to")
        self._check_claims(claims, proof, issued_at, now=now)  # 8, 9, 11
        if token is not None:
            _check_token(claims, token, required=token_required)  # 12
        if not key.verifies(algorithm, segments.signed, segments.signature):  # 6
            raise InvalidProof("the signature is not the key's")
        self._spend(proven, token_id, issued_at)
        return proven

    def _check_claims(
        self, claims: JsonObject, proof: Proof, issued_at: float, *, now: float
    ) -> None:
        if claims.get("htm") != proof.method:
            raise InvalidProof("htm is not the request's method")
        target = claims.get("htu")
        expected = target_of(proof.url)
        if not isinstance(target, str) or expected is None or target_of(target) != expected:
            raise InvalidProof("htu is not the request's target")
        leeway = self._leeway_seconds
        if not now - MAX_AGE_SECONDS - leeway <= issued_at <= now + leeway:
            raise InvalidProof("iat is too old, or lies in the future")

    def _spend(self, proven: str, token_id: str, issued_at: float) -> None:
        fresh = self._spent.spend(
            ("dpop", proven, token_id),
            # As long as the window could still take it, and no clock is exact.
            expires_at=issued_at + MAX_AGE_SECONDS + 2 * self._leeway_seconds,
            deadline=self._monotonic() + self._timeout_seconds,
        )
        if not fresh:
            raise InvalidProof("the proof was used before")


def _read_header(header: JsonObject) -> tuple[str, VerifyingKey, str]:
    """Rules 4, 5 and 7: the algorithm, the key, and the key's thumbprint."""
    kind, algorithm, jwk = header.get("typ"), header.get("alg"), header.get("jwk")
    if not isinstance(kind, str) or kind.lower().removeprefix(MEDIA_TYPE_PREFIX) != PROOF_TYPE:
        raise InvalidProof("typ is not dpop+jwt")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidProof("alg is not accepted")
    if header.keys() - _HEADER_MEMBERS:
        raise InvalidProof("the header holds a member that is not allowed")
    try:
        key = read_lone_key(jwk)
    except MalformedKeySet as error:
        raise InvalidProof(f"jwk: {error}") from None
    if not key.fits(algorithm) or not isinstance(jwk, dict):
        raise InvalidProof("the key is not for this alg")
    return algorithm, key, thumbprint(jwk)


def _check_token(claims: JsonObject, token: str, *, required: bool) -> None:
    if "ath" not in claims and not required:
        return
    said = claims.get("ath")
    if not isinstance(said, str) or said != digest(token.encode("ascii")):
        raise InvalidProof("ath is not the token's hash")
