"""The form of `POST /token` (RFC 8693 §2.1), read into one value.

    grant_type                token exchange, nothing else
    subject_token, …_type     the person's token of their provider, a SAML code, or a
                              delegation token of ours
    agent                     the registered agent that will act. RFC 8693 has `actor_token`
                              for that; our agents have no token of their own, their launcher
                              vouches for them
    prompt                    opens the run with these words
    run                       with a provider's token: this run goes on
    code_verifier             with a SAML code (RFC 7636 §4.1)
    audience, resource        may be left out; this service
    requested_token_type      may be left out; an access token
    client_assertion, …_type  the launcher (RFC 7523 §2.2); `client_id` may be left out
    client_id                 alone, the launcher whose certificate TLS has shown (RFC 8705 §2)
    client_id, client_secret  the launcher, in development

`scope` is refused, and so is `actor_token`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from counterfoil.core.form import read_form
from counterfoil.core.grant import ACCESS_TOKEN, TOKEN_EXCHANGE
from counterfoil.errors import (
    InvalidLauncher,
    InvalidScope,
    InvalidTarget,
    TokenError,
    UnsupportedGrantType,
)

JWT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
MAX_PROMPT_CHARACTERS = 65_536  # as in schemas/authorization_request.json
MAX_TOKEN_CHARACTERS = 16_384

_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", re.ASCII)
_RUN = re.compile(r"run_[0-9A-Za-z]{26}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)  # RFC 7636 §4.1
_KNOWN = frozenset(
    {
        *("grant_type", "subject_token", "subject_token_type", "agent", "prompt", "run"),
        *("code_verifier", "audience", "resource", "requested_token_type", "scope"),
        *("actor_token", "actor_token_type"),
        *("client_id", "client_assertion", "client_assertion_type", "client_secret"),
    }
)


class TokenType(StrEnum):
    """What a subject token is (RFC 8693 §3)."""

    ACCESS_TOKEN = ACCESS_TOKEN
    ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 -- a name
    JWT = "urn:ietf:params:oauth:token-type:jwt"
    SAML_CODE = "urn:counterfoil:token-type:saml-code"


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherCredential:
    """How a launcher says who it is; nothing of it is verified yet."""

    unverified_id: str | None
    unverified_assertion: str | None = field(default=None, repr=False)
    unverified_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A well-formed request; nothing of it is verified yet."""

    credential: LauncherCredential
    unverified_subject_token: str = field(repr=False)
    subject_token_type: TokenType
    agent: str | None = None
    prompt: str | None = None
    run_id: str | None = None
    code_verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequestReader:
    """Reads the form; `audiences` and `resource` are this service's own names."""

    max_bytes: int
    audiences: frozenset[str]
    resource: str

    def read(self, body: bytes) -> TokenRequest:
        """Return the request.

        Raises:
            BodyTooLarge: too many bytes.
            TokenError: a parameter is missing, malformed or not to be met.
        """
        form = read_form(body, known=_KNOWN, max_bytes=self.max_bytes)
        if form.get("grant_type") != TOKEN_EXCHANGE:
            raise UnsupportedGrantType
        self._check_target(form)
        if "actor_token" in form or "actor_token_type" in form:
            raise TokenError("an agent has no token of its own here: name it as `agent`")
        request = TokenRequest(
            credential=_credential(form),
            unverified_subject_token=_subject_token(form),
            subject_token_type=_subject_token_type(form),
            agent=_matching(form, "agent", _AGENT),
            prompt=form.get("prompt"),
            run_id=_matching(form, "run", _RUN),
            code_verifier=_matching(form, "code_verifier", _VERIFIER),
        )
        _check_together(request)
        return request

    def _check_target(self, form: Mapping[str, str]) -> None:
        if form.get("audience", self.resource) not in {*self.audiences, self.resource}:
            raise InvalidTarget
        if form.get("resource", self.resource) != self.resource:
            raise InvalidTarget
        if "scope" in form:
            raise InvalidScope
        wanted = form.get("requested_token_type", TokenType.ACCESS_TOKEN)
        if wanted != TokenType.ACCESS_TOKEN:
            raise TokenError("requested_token_type is an access token, or left out")


def _credential(form: Mapping[str, str]) -> LauncherCredential:
    # RFC 6749 §2.3: one method at a time. Which of two counts would be a guess.
    assertion, secret = form.get("client_assertion"), form.get("client_secret")
    if assertion is not None and secret is not None:
        raise InvalidLauncher
    if (form.get("client_assertion_type") == JWT_ASSERTION) != (assertion is not None):
        raise InvalidLauncher
    client_id = form.get("client_id")
    if client_id is not None and not _CLIENT.fullmatch(client_id):
        raise InvalidLauncher
    if assertion is None and client_id is None:
        raise InvalidLauncher
    return LauncherCredential(
        unverified_id=client_id, unverified_assertion=assertion, unverified_secret=secret
    )


def _subject_token(form: Mapping[str, str]) -> str:
    token = form.get("subject_token")
    if token is None:
        raise TokenError("subject_token is missing")
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenError("subject_token is too long")
    return token


def _subject_token_type(form: Mapping[str, str]) -> TokenType:
    try:
        return TokenType(form.get("subject_token_type", ""))
    except ValueError:
        raise TokenError("subject_token_type is missing or not one that is taken here") from None


def _matching(form: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str | None:
    value = form.get(name)
    if value is not None and not pattern.fullmatch(value):
        raise TokenError(f"{name} is malformed")
    return value


def _check_together(request: TokenRequest) -> None:
    if request.prompt is not None:
        if len(request.prompt) > MAX_PROMPT_CHARACTERS:
            raise TokenError(f"prompt has at most {MAX_PROMPT_CHARACTERS} characters")
        if request.run_id is not None:
            raise TokenError("prompt opens a run; one that goes on keeps its own")
    saml = request.subject_token_type is TokenType.SAML_CODE
    if saml != (request.code_verifier is not None):
        raise TokenError("code_verifier belongs to a SAML code, and a SAML code needs it")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequestReader:
    """Reads the form of `POST /logout/backchannel` (Back-Channel Logout 1.0 §2.5)."""

    max_bytes: int

    def read(self, body: bytes) -> str:
        """Return the unverified logout token.

        Raises:
            BodyTooLarge: too many bytes.
            TokenError: no form of exactly this one parameter.
        """
        form = read_form(body, known=frozenset({"logout_token"}), max_bytes=self.max_bytes)
        if "logout_token" not in form:
            raise TokenError("logout_token is missing")
        return form["logout_token"]
