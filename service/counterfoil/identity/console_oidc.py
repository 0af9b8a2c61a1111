"""A worker's side of signing in at the console by OpenID Connect."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from counterfoil.config_model import ConsoleConfig
from counterfoil.core.sign_in import read_sign_in
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import IdentityUnavailable, SignInRefused, UnknownIssuer
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.published import Providers, ProvidersUnavailable

PROVIDER_SECONDS: Final = 11.0  # two exchanges of the providers' process, and a little
ID_TOKEN_TYPES: Final = frozenset({"jwt"})


class OidcSignIn:
    """Implements `flows.console.CodeFlow` over the providers' process. Thread safe."""

    def __init__(
        self,
        config: ConsoleConfig,
        verifier: Verifier,
        providers: Providers,
        *,
        leeway_seconds: int,
    ) -> None:
        self._config, self._verifier, self._providers = config, verifier, providers
        self._issuer, self._client_id = config.client or ("", "")
        self._leeway_seconds = leeway_seconds

    @property
    def issuer(self) -> str:
        """The provider, as codes name it (RFC 9207)."""
        return self._issuer

    def address(self, *, state: str, nonce: str, code_challenge: str, fresh: bool = False) -> str:
        """Where the browser goes (OIDC Core §3.1.2.1); `fresh` asks for the password anew.

        Raises:
            IdentityUnavailable: the provider cannot be asked where that is.
        """
        endpoint = self._ask({"authorize": self._issuer}).get("endpoint")
        if not isinstance(endpoint, str):
            raise IdentityUnavailable("the provider's authorization endpoint is not known")
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._config.redirect_uri,
            "scope": self._config.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
            **({"prompt": "login"} if fresh else {}),
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def redeem(
        self, unverified_code: str, *, code_verifier: str, nonce: str, now: float
    ) -> VerifiedSource:
        """Who signed in.

        Raises:
            SignInRefused: the provider gave no ID token for the code.
            IdentityError: the ID token is not this sign-in's.
        """
        question = {
            "redeem": self._issuer,
            "code": unverified_code,
            "code_verifier": code_verifier,
        }
        unverified_token = self._ask(question).get("id_token")
        if not isinstance(unverified_token, str) or not unverified_token:
            raise SignInRefused("the provider gave no ID token")
        claims, entry = self._verifier.provider_claims(
            unverified_token, now=now, types=ID_TOKEN_TYPES
        )
        if entry.issuer != self._issuer:
            raise UnknownIssuer("the ID token is another provider's")
        return read_sign_in(
            claims,
            entry,
            client_id=self._client_id,
            nonce=nonce,
            now=now,
            leeway_seconds=self._leeway_seconds,
        )

    def _ask(self, question: dict[str, str]) -> dict[str, object]:
        try:
            return self._providers.ask(question, PROVIDER_SECONDS)
        except ProvidersUnavailable as error:
            raise IdentityUnavailable("the providers' process gave no answer") from error
