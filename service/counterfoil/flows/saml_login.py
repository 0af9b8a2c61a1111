"""A person logs in by SAML: from the launcher's start to the code that it takes to `POST /token`.

1. Start: PKCE challenge (S256), loopback redirect URI and state are bound to one request, which
   the browser takes to the provider. Nothing is kept here.
2. Answer: the provider's, verified (`identity/saml.py`, rules 0 to 4 and 6).
3. Once: the request's ID and the assertion's ID are spent durably (rule 5), so that no worker,
   replica or later life takes the same login again.
4. Code: the login is recorded, and waits behind a single-use code (`saml_codes.py`).
5. Redirect: to the launcher's own loopback address, with the code, its state and our name.
"""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.core.saml_login import CONSOLE, PendingLogin
from counterfoil.errors import SamlRequestUnknown, SchemaViolation
from counterfoil.flows.saml_codes import LedgerSamlCodes
from counterfoil.ports import Clock
from counterfoil.ports_saml import SamlIdentity, SignOn
from counterfoil.ports_tokens import SingleUse

ANSWER_SECONDS = 10.0  # a first reading of metadata is the slowest part


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlStart:
    """What `GET /saml/login` was asked, unverified; `provider` None is the only one."""

    code_challenge: str
    code_challenge_method: str
    redirect_uri: str
    state: str
    provider: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlLoginFlow:
    """Starts and finishes logins. `issuer` is where the service says it lives."""

    clock: Clock
    identity: SamlIdentity
    spent: SingleUse
    codes: LedgerSamlCodes
    issuer: str
    ledger_timeout_seconds: float

    def start(self, asked: SamlStart) -> SignOn:
        """Bind a login to a request, and say how the browser takes it to the provider.

        Raises:
            SchemaViolation: a parameter is not of the published form.
            NotFound: no such provider.
            IdentityUnavailable: its metadata cannot be had.
        """
        if asked.code_challenge_method != "S256":
            raise SchemaViolation("only S256 is offered", pointer="#/code_challenge_method")
        if asked.redirect_uri == CONSOLE:  # the console starts its own
            raise SchemaViolation("a launcher's address is loopback", pointer="#/redirect_uri")
        return self._start(asked)

    def start_for_console(self, *, code_challenge: str, state: str, provider: str | None) -> SignOn:
        """The same for the console, to which the browser then comes back.

        Raises:
            SchemaViolation, NotFound, IdentityUnavailable: as `start`.
        """
        asked = SamlStart(
            code_challenge=code_challenge,
            code_challenge_method="S256",
            redirect_uri=CONSOLE,
            state=state,
            provider=provider,
        )
        return self._start(asked)

    def _start(self, asked: SamlStart) -> SignOn:
        pending = PendingLogin(
            code_challenge=asked.code_challenge,
            redirect_uri=asked.redirect_uri,
            state=asked.state,
            started_at=int(self.clock.now()),
        )
        pending.check()
        return self.identity.start(pending, provider=asked.provider)  # 1

    def accept(self, *, unverified_answer: str, unverified_relay: str) -> str:
        """Take a provider's answer; the address to which the browser goes.

        Raises:
            IdentityError: it was not accepted; the log says which rule.
            LedgerError: it could not be spent or recorded.
        """
        now = self.clock.now()
        login = self.identity.verify(  # 2
            unverified_answer,
            unverified_relay,
            now=now,
            deadline=self.clock.monotonic() + ANSWER_SECONDS,
        )
        for scope in login.spends:  # 3
            deadline = self.clock.monotonic() + self.ledger_timeout_seconds
            if not self.spent.spend(scope, expires_at=login.spent_until, deadline=deadline):
                raise SamlRequestUnknown("5", "answered before")
        challenge = login.pending.code_challenge
        code = self.codes.keep(login.source, code_challenge=challenge, now=now)  # 4
        return login.pending.answered(code=code, issuer=self.issuer)  # 5

    def metadata(self, provider: str | None) -> str:
        """This service's own metadata.

        Raises:
            NotFound: no such provider.
        """
        return self.identity.metadata(provider)
