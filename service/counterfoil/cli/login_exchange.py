"""`POST /token` as a launcher: a source opens a run, and the run's token is renewed.

The launcher proves itself with its key (`private_key_jwt`, RFC 7523), or in development with
a secret. What comes back is held to be a delegation token of the agent that was asked for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from counterfoil.cli.login_dpop import BindingKey
from counterfoil.cli.login_http import Answered, LoginFailed, Web
from counterfoil.core.grant import TOKEN_EXCHANGE
from counterfoil.core.model import JsonObject
from counterfoil.core.token_request import JWT_ASSERTION, TokenType
from counterfoil.identity.signing import Es256Signer

ASSERTION_SECONDS = 60
_SOLUTIONS = {
    "invalid_client": "Have the operator list this launcher's key in [[identity.launcher]]"
    " (counterfoil login --launcher-keys prints it).",
    "unauthorized_client": "Have the operator list this launcher in the [[identity.agent]] entry.",
    "invalid_dpop_proof": "Write login.url as the service names itself (its grant.issuer), and"
    " see that this machine's clock is right.",
    "temporarily_unavailable": "Try again shortly.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """Who starts the agent: an id with a signer, or in development with a secret."""

    id: str
    signer: Es256Signer | None = field(repr=False, default=None)
    secret: str | None = field(repr=False, default=None)

    def credential(self, audience: str, *, now: float) -> dict[str, str]:
        """The form's part that proves it, fresh for one request."""
        if self.signer is None:
            return {"client_id": self.id, "client_secret": self.secret or ""}
        claims: JsonObject = {
            "iss": self.id,
            "sub": self.id,
            "aud": audience,
            "iat": int(now),
            "exp": int(now) + ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(24),
        }
        assertion = self.signer.sign(claims)
        return {"client_assertion_type": JWT_ASSERTION, "client_assertion": assertion}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A delegation token with its run; `expires_at` is by this machine's clock."""

    token: str = field(repr=False)
    run: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One service, one launcher; with `key`, every token is bound to it."""

    url: str
    launcher: Launcher
    web: Web
    key: BindingKey | None = None
    now: Callable[[], float] = time.time  # noqa: TID251 -- a command has its own clock

    def open(
        self,
        source: str,
        kind: TokenType,
        *,
        agent: str,
        prompt: str | None,
        verifier: str | None = None,
    ) -> Given:
        """Open a run: the source stays here, the delegation token is for the agent.

        Raises:
            LoginFailed: the service gave none, and says why.
        """
        form = {"subject_token": source, "subject_token_type": kind.value, "agent": agent}
        if prompt is not None:
            form["prompt"] = prompt
        if verifier is not None:
            form["code_verifier"] = verifier
        return self._given(form)

    def renew(self, given: Given) -> Given:
        """The same run's next token, while the last one lives.

        Raises:
            LoginFailed: the run cannot go on by it.
        """
        kind = TokenType.ACCESS_TOKEN.value
        return self._given({"subject_token": given.token, "subject_token_type": kind})

    def go_on(self, source: str, kind: TokenType, *, run: str) -> Given:
        """The same run's next token, by a fresh source.

        Raises:
            LoginFailed: the run cannot go on by it.
        """
        form = {"subject_token": source, "subject_token_type": kind.value, "run": run}
        return self._given(form)

    def _given(self, form: dict[str, str]) -> Given:
        started = self.now()
        endpoint = f"{self.url}/token"
        credential = self.launcher.credential(endpoint, now=started)
        proven = {} if self.key is None else {"DPoP": self.key.proof(endpoint, now=started)}
        answer = self.web.post(
            endpoint, {"grant_type": TOKEN_EXCHANGE, **form, **credential}, proven
        )
        token, run, seconds = answer.word("access_token"), answer.word("run"), _seconds(answer)
        if not answer.ok or not token or not run or seconds is None:
            raise _refused(answer)
        if self.key is not None and answer.word("token_type").lower() != "dpop":
            raise LoginFailed(
                "the service gave a token that is not bound to the key",
                "Let nothing between here and the service take the DPoP header away.",
            )
        return Given(token=token, run=run, expires_at=started + seconds)


def _seconds(answer: Answered) -> float | None:
    value = answer.body.get("expires_in")
    return float(value) if isinstance(value, (int, float)) and value > 0 else None


def _refused(answer: Answered) -> LoginFailed:
    why = answer.word("error_description") or answer.word("error") or f"HTTP {answer.status}"
    solution = _SOLUTIONS.get(answer.word("error"), "Log in again.")
    return LoginFailed(f"the service gave no token: {why[:300]}", solution)
