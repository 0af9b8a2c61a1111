"""Assertions of registered programs (`private_key_jwt`, RFC 7523), each of which counts once.

An assertion is checked like any JWT (`oidc.py`, rules 1 to 7, under its issuer's own keys), its
claims by `core/client_assertion.py`, and its `jti` is spent in the ledger, so that it counts
once on all workers and replicas and after a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.core.claims import IssuerEntry
from counterfoil.core.client_assertion import read_assertion
from counterfoil.errors import IdentityError, IdentityUnavailable, InvalidLauncher
from counterfoil.identity.jwks import KeyFile
from counterfoil.identity.oidc import TrustedIssuer, verify_token
from counterfoil.ports import Clock
from counterfoil.ports_tokens import SingleUse

ASSERTION_TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionTerms:
    """What an assertion is held to.

    `audiences` are the names of this service that its `aud` may hold; a signer's clock may be
    ahead by `leeway_seconds`; the ledger has `timeout_seconds` to spend one.
    """

    audiences: Collection[str]
    spent: SingleUse
    clock: Clock
    leeway_seconds: int
    timeout_seconds: float


class Assertions:
    """Verifies the assertions of one sort of program. Thread safe; one per worker.

    Args:
        signers: (name, its JWKS file, its algorithms) of each.
        scope: what keeps its spent `jti` apart from other sorts'.
        terms: what they are held to.
    """

    def __init__(
        self,
        signers: Iterable[tuple[str, Path, tuple[str, ...]]],
        *,
        scope: str,
        terms: AssertionTerms,
    ) -> None:
        self._scope, self._terms = scope, terms
        self._keys = {
            name: TrustedIssuer(
                IssuerEntry(issuer=name, audience=""), frozenset(algorithms), KeyFile(file)
            )
            for name, file, algorithms in signers
        }

    def verify(self, unverified_assertion: str, *, expected: str | None, now: float) -> str:
        """Spend an assertion and return whose it is; `expected` where the request says so too.

        Raises:
            InvalidLauncher: it proves nobody; one answer for every cause.
            LedgerError: it could not be spent.
            IdentityUnavailable: the keys cannot be read.
        """
        terms = self._terms
        try:
            claims, entry, _ = verify_token(
                unverified_assertion, self._keys, now=now, types=ASSERTION_TYPES
            )
        except IdentityUnavailable:
            raise
        except IdentityError as error:
            raise InvalidLauncher from error
        name = entry.entry.issuer
        if expected not in {None, name}:  # RFC 7521 §4.2
            raise InvalidLauncher
        token_id, expires_at = read_assertion(
            claims,
            launcher=name,
            audiences=terms.audiences,
            now=now,
            leeway_seconds=terms.leeway_seconds,
        )
        fresh = terms.spent.spend(
            (self._scope, name, token_id),
            expires_at=expires_at,
            deadline=terms.clock.monotonic() + terms.timeout_seconds,
        )
        if not fresh:
            raise InvalidLauncher("the assertion was used before")
        return name
