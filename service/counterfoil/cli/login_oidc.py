"""A person logs in at an OpenID provider: authorization code with PKCE, or the device flow.

1. Discovery: `issuer` in the document is exactly the configured one.
2. Code flow (RFC 6749 §4.1, RFC 8252): PKCE S256 (RFC 7636), `state`, `nonce`; what comes back is
   held to the state (`login_loopback.py`) and, where the provider sends it, to `iss` (RFC 9207).
3. Device flow (RFC 8628): the person types a code elsewhere; polled at the provider's interval.
4. The ID token came from the token endpoint over TLS (OIDC Core §3.1.3.7): `iss`, `aud`, `exp` and
   `nonce` are checked here, its signature by the service.

The tokens stay in this process's memory.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from counterfoil.cli.login_http import Answered, LoginFailed, Web
from counterfoil.cli.login_loopback import listening
from counterfoil.cli.text import members
from counterfoil.core.canonical import digest
from counterfoil.core.model import JsonObject
from counterfoil.core.token_request import TokenType

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_MAX_DEVICE_SECONDS = 1_800
_DAY_SECONDS = 86_400
_SLOWER_SECONDS = 5.0  # RFC 8628 §3.5
_AGAIN = "Log in again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the provider gave; the source is what the service exchanges."""

    source: str = field(repr=False)
    kind: TokenType
    refresh: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """Who asks whom for what."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False, default=None)
    scope: str = "openid"
    kind: TokenType = TokenType.ID_TOKEN
    port: int = 0
    wait_seconds: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcLogin:
    """One provider, discovered.

    `browse` shows a page to the person; `say` tells them something.
    """

    settings: OidcSettings
    metadata: JsonObject
    web: Web
    browse: Callable[[str], None]
    say: Callable[[str], None]
    now: Callable[[], float] = time.time  # noqa: TID251 -- a command has its own clock
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def discover(
        cls,
        settings: OidcSettings,
        web: Web,
        *,
        browse: Callable[[str], None],
        say: Callable[[str], None],
    ) -> OidcLogin:
        """Read the provider's metadata.

        Raises:
            LoginFailed: there is none, or it is another issuer's.
        """
        url = settings.issuer.removesuffix("/") + "/.well-known/openid-configuration"
        answer = web.get(url)
        if not answer.ok or answer.word("issuer") != settings.issuer:
            raise LoginFailed(
                f"{settings.issuer} is not the issuer that its metadata names",
                "Write login.issuer exactly as the provider does.",
            )
        return cls(settings=settings, metadata=answer.body, web=web, browse=browse, say=say)

    def by_code(self) -> Tokens:
        """Log in with the browser.

        Raises:
            LoginFailed: the person or the provider did not go through with it.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with listening(self.settings.port, state) as loopback:
            query = {
                "response_type": "code",
                "client_id": self.settings.client_id,
                "redirect_uri": loopback.redirect_uri,
                "scope": self.settings.scope,
                "state": state,
                "nonce": nonce,
                "code_challenge": digest(verifier.encode()),
                "code_challenge_method": "S256",
            }
            endpoint = self._endpoint("authorization_endpoint")
            self.browse(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}")
            back = loopback.wait(self.settings.wait_seconds)
            redirect_uri = loopback.redirect_uri
        self._check_issuer(back.get("iss"))
        if "error" in back or not back.get("code"):
            why = back.get("error_description") or back.get("error") or "it sent no code"
            raise LoginFailed(f"the provider refused: {why[:200]}", _AGAIN)
        form = {
            "grant_type": "authorization_code",
            "code": back["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        return self._tokens(self._post("token_endpoint", form), nonce=nonce)

    def by_device(self) -> Tokens:
        """Log in with a browser elsewhere.

        Raises:
            LoginFailed: the person or the provider did not go through with it, or too late.
        """
        verifier = secrets.token_urlsafe(32)
        asked = {
            "scope": self.settings.scope,
            # RFC 8628 has no PKCE and ignores it; Keycloak wants it where the client does.
            "code_challenge": digest(verifier.encode()),
            "code_challenge_method": "S256",
        }
        started = self._post("device_authorization_endpoint", asked)
        code = started.word("device_code")
        if not started.ok or not code or not started.word("verification_uri"):
            raise self._refused(started)
        self.say(f"Go to {started.word('verification_uri')} and enter: {started.word('user_code')}")
        if complete := started.word("verification_uri_complete"):
            self.say(f"or open {complete}")
        until = self.now() + min(_number(started, "expires_in", 600), _MAX_DEVICE_SECONDS)
        interval = _number(started, "interval", 5)
        while self.now() < until:
            self.sleep(interval)
            form = {"grant_type": DEVICE_GRANT, "device_code": code, "code_verifier": verifier}
            answer = self._post("token_endpoint", form)
            match answer.word("error"):
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval += _SLOWER_SECONDS
                case "":
                    return self._tokens(answer, nonce=None)
                case _:
                    raise self._refused(answer)
        raise LoginFailed("nobody entered the code in time", _AGAIN)

    def refreshed(self, refresh_token: str) -> Tokens:
        """A fresh source token, without the person.

        Raises:
            LoginFailed: the provider gives none any more.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        tokens = self._tokens(self._post("token_endpoint", form), nonce=None)
        kept = tokens.refresh or refresh_token
        return Tokens(source=tokens.source, kind=tokens.kind, refresh=kept)

    def _post(self, name: str, form: dict[str, str]) -> Answered:
        sent, headers = {"client_id": self.settings.client_id, **form}, {}
        if self.settings.client_secret is not None:  # RFC 6749 §2.3.1
            pair = f"{quote(self.settings.client_id)}:{quote(self.settings.client_secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return self.web.post(self._endpoint(name), sent, headers)

    def _endpoint(self, name: str) -> str:
        url = self.metadata.get(name)
        if not isinstance(url, str):
            raise LoginFailed(
                f"the provider has no {name}",
                "Use another way to log in: with or without --device.",
            )
        return url

    def _check_issuer(self, issuer: str | None) -> None:
        # RFC 9207 §2.4: a code of another provider must not be sent to this one.
        promised = self.metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self.settings.issuer and (promised or issuer is not None):
            raise LoginFailed("the answer came from another provider (iss)", _AGAIN)

    def _tokens(self, answer: Answered, *, nonce: str | None) -> Tokens:
        name = "id_token" if self.settings.kind is TokenType.ID_TOKEN else "access_token"
        source = answer.word(name)
        if not answer.ok:
            raise self._refused(answer)
        if not source:
            raise LoginFailed(
                f"the provider gave no {name}", "Let login.scope hold openid, or set login.source."
            )
        if id_token := answer.word("id_token"):
            self._check_id_token(_claims(id_token), nonce)
        elif nonce is not None:
            raise LoginFailed("the provider gave no id_token", "Let login.scope hold openid.")
        return Tokens(
            source=source, kind=self.settings.kind, refresh=answer.word("refresh_token") or None
        )

    def _check_id_token(self, claims: JsonObject, nonce: str | None) -> None:
        audience, expires = claims.get("aud"), claims.get("exp")
        audiences = [audience] if isinstance(audience, str) else audience
        good = (
            claims.get("iss") == self.settings.issuer
            and isinstance(audiences, list)
            and self.settings.client_id in audiences
            and claims.get("azp", self.settings.client_id) == self.settings.client_id
            and isinstance(expires, (int, float))
            and expires > self.now()
            and (nonce is None or claims.get("nonce") == nonce)
        )
        if not good:
            raise LoginFailed("the id_token is not of this login (iss, aud, exp, nonce)", _AGAIN)

    def _refused(self, answer: Answered) -> LoginFailed:
        why = answer.word("error_description") or answer.word("error") or f"HTTP {answer.status}"
        return LoginFailed(f"the provider refused: {why[:200]}", _AGAIN)


def _number(answer: Answered, name: str, usual: float) -> float:
    value = answer.body.get(name)
    return float(value) if isinstance(value, (int, float)) and 0 < value < _DAY_SECONDS else usual


def _claims(token: str) -> JsonObject:
    """What a JWT says; its signature is the service's business."""
    try:
        part = token.split(".")[1]
        return members(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    except (ValueError, IndexError) as error:
        raise LoginFailed("the id_token cannot be read", _AGAIN) from error
