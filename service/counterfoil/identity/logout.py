"""Verifies logout tokens of the configured providers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from counterfoil.core.logout import VerifiedLogout, read_logout
from counterfoil.core.token_request import MAX_TOKEN_CHARACTERS
from counterfoil.errors import InvalidSignature
from counterfoil.identity.credentials import Verifier

# Back-Channel Logout 1.0 §2.4 recommends the first; Keycloak and others send the second. Which
# of the two it is tells nothing: `events` does, and no credential may have that.
LOGOUT_TYPES: Final = frozenset({"logout+jwt", "jwt"})


class LogoutVerifier:
    """Implements `ports.LogoutTokens`."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        leeway_seconds: int,
        console: tuple[str, str] | None = None,
    ) -> None:
        self._verifier, self._leeway_seconds = verifier, leeway_seconds
        self._console = console  # issuer and client id: a name of ours at that provider too

    def verify_logout(self, unverified_token: str, *, now: float) -> VerifiedLogout:
        """Return what a provider ended.

        Raises:
            IdentityError: for every refusal.
        """
        if len(unverified_token) > MAX_TOKEN_CHARACTERS:
            raise InvalidSignature("too long")
        claims, entry = self._verifier.provider_claims(
            unverified_token, now=now, types=LOGOUT_TYPES
        )
        if self._console is not None and entry.issuer == self._console[0]:
            entry = replace(entry, clients=entry.clients | {self._console[1]})
        return read_logout(claims, entry, now=now, leeway_seconds=self._leeway_seconds)
