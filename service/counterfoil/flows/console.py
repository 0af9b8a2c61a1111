"""A person signs in at the console, and out of it.

1. Begin: `state`, PKCE verifier and `nonce` are bound to this browser (a sealed cookie), and
   the browser goes to the provider: by OpenID Connect or by SAML.
2. Come back: the `state` is that browser's, in time, and the code is this provider's (RFC 9207).
3. Who: an ID token behind the code, or the SAML login behind it, verified as everywhere.
4. Not ended: a person or a session of the provider that was revoked since opens nothing.
5. Record: the sign-in is durable before its session leaves.
6. Out: the session is revoked by its id, durably, and so for every copy of its cookie.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Protocol, TypeAlias

from counterfoil.core.canonical import b64url, canonical_bytes, digest
from counterfoil.core.console_session import PREFIX, ConsoleSession, session_of
from counterfoil.core.model import Caller
from counterfoil.core.revocation import LOGOUTS, By, Revocation, Standing
from counterfoil.core.sources import VerifiedSource, source_bytes
from counterfoil.core.times import rfc3339
from counterfoil.errors import IdentityError, IdentityUnavailable, NotFound, SignInRefused
from counterfoil.flows.revocation import plain_of
from counterfoil.ports import Clock, Event, Ids, Ledger
from counterfoil.ports_saml import SignOn
from counterfoil.ports_tokens import Revocations, SamlCodes

PENDING_SECONDS: Final = 600
"""From the start to the answer: a person finds a phone for the second factor."""
STATE_BYTES: Final = 12  # 16 characters: SAML's RelayState keeps to its 80 bytes
SECRET_BYTES: Final = 32
OIDC, SAML, DEVELOPMENT = "oidc", "saml", "development"
VerifiedSourceOf: TypeAlias = Callable[[str, tuple[str, ...], float], VerifiedSource]
"""Makes a development person of a name and groups, at a time."""


class CodeFlow(Protocol):
    """The console's client at an OpenID provider."""

    @property
    def issuer(self) -> str:
        """The provider."""

    def address(self, *, state: str, nonce: str, code_challenge: str, fresh: bool) -> str:
        """Where the browser goes, `fresh`: to prove who it is; raises `IdentityUnavailable`."""

    def redeem(
        self, unverified_code: str, *, code_verifier: str, nonce: str, now: float
    ) -> VerifiedSource:
        """Who signed in; raises `CounterfoilError`."""


class SamlStarts(Protocol):
    """`flows.saml_login.SamlLoginFlow`, the part for the console."""

    def start_for_console(self, *, code_challenge: str, state: str, provider: str | None) -> SignOn:
        """How the browser takes a request to the provider; raises `CounterfoilError`."""


class Seals(Protocol):
    """Sealed values for cookies."""

    def open(self, unverified: str, *, now: float) -> ConsoleSession:
        """A session; raises `IdentityError`."""

    def seal(self, session: ConsoleSession) -> str:
        """A session as a cookie's value; raises `SessionTooLarge`."""

    def seal_pending(self, data: bytes) -> str:
        """A sign-in on its way."""

    def open_pending(self, unverified: str) -> bytes:
        """That again; raises `IdentityError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in on its way; `then` is the console's own path to go to afterwards."""

    way: str
    state: str
    nonce: str
    verifier: str
    then: str
    begun_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """What a browser brought back, all of it unverified."""

    cookie: str
    state: str
    code: str
    issuer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleFlow:
    """Opens and ends sessions. `random` returns so many unguessable bytes.

    `oidc` and `saml` are None where nobody signs in so; `url` is the service's own name.
    """

    clock: Clock
    ids: Ids
    ledger: Ledger
    revocations: Revocations
    seals: Seals
    codes: SamlCodes
    oidc: CodeFlow | None
    saml: SamlStarts | None
    saml_provider: str | None
    development: VerifiedSourceOf | None
    random: Callable[[int], bytes]
    url: str
    session_seconds: float
    provider_ahead_seconds: float
    ledger_timeout_seconds: float

    @property
    def ways(self) -> tuple[str, ...]:
        """How one may sign in here."""
        known = ((OIDC, self.oidc), (SAML, self.saml), (DEVELOPMENT, self.development))
        return tuple(name for name, way in known if way is not None)

    def begin(self, way: str, *, then: str, fresh: bool = False) -> tuple[str, SignOn | None]:
        """The cookie of a sign-in, and where the browser goes with it; None: it stays here.

        `fresh` asks the provider to ask the person, even where it knows the browser.

        Raises:
            NotFound: nobody signs in that way.
            IdentityUnavailable: the provider's addresses cannot be had.
        """
        if way not in self.ways:
            raise NotFound
        pending = Pending(  # 1
            way=way,
            state=b64url(self.random(STATE_BYTES)),
            nonce=b64url(self.random(SECRET_BYTES)),
            verifier=b64url(self.random(SECRET_BYTES)),
            then=then,
            begun_at=self.clock.now(),
        )
        cookie = self.seals.seal_pending(canonical_bytes(asdict(pending), floats=True))
        return cookie, self._sent(pending, fresh=fresh)

    def finish(self, way: str, back: CameBack) -> tuple[str, str]:
        """The session's cookie, and the path to go to.

        Raises:
            SignInRefused: it was not begun in this browser, or its provider refused.
            LedgerError: it could not be recorded.
        """
        now = self.clock.now()
        pending = self.pending(way, back.cookie, back.state, now=now)  # 2
        try:
            source = self._source(way, pending, back, now=now)  # 3
        except (IdentityUnavailable, SignInRefused):
            raise
        except IdentityError as error:
            raise SignInRefused(error.detail, rule=error.rule) from error
        return self._enter(source, way, now=now), pending.then

    def enter_development(
        self, cookie: str, state: str, *, sub: str, groups: tuple[str, ...]
    ) -> tuple[str, str]:
        """As `finish`, for whoever one says one is; `serve --dev` alone has this way.

        Raises:
            NotFound: this is no development service.
            SignInRefused: it was not begun in this browser.
        """
        if self.development is None:
            raise NotFound
        now = self.clock.now()
        pending = self.pending(DEVELOPMENT, cookie, state, now=now)
        source = self.development(sub, groups, now)
        return self._enter(source, DEVELOPMENT, now=now), pending.then

    def pending(self, way: str, cookie: str, state: str, *, now: float) -> Pending:
        """The sign-in that this browser began.

        Raises:
            SignInRefused: it began none, another one, or too long ago.
        """
        pending = self.opened(cookie, now=now)
        same = hmac.compare_digest(pending.state.encode(), state.encode("utf-8", "replace"))
        if not same or pending.way != way:
            raise SignInRefused("another sign-in was begun in this browser")
        return pending

    def opened(self, cookie: str, *, now: float) -> Pending:
        """The sign-in in a cookie.

        Raises:
            SignInRefused: there is none, or it was begun too long ago.
        """
        try:
            pending = Pending(**json.loads(self.seals.open_pending(cookie)))
        except (IdentityError, TypeError) as error:  # or another release's, with other members
            raise SignInRefused("no sign-in was begun in this browser") from error
        if not 0 <= now - pending.begun_at < PENDING_SECONDS:
            raise SignInRefused("it was begun too long ago")
        return pending

    def leave(self, caller: Caller) -> None:
        """End a session for good.

        Raises:
            LedgerError: not recorded, so it goes on.
        """
        now = self.clock.now()
        revocation = Revocation(
            id=self.ids.new("rvk"),
            tenant=caller.tenant,
            by=By.TOKEN,
            parts=(caller.token_id or "",),
            before=now,
        )
        event = Event(
            kind="revoked",
            event_id=self.ids.new("evt"),
            time=now,
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            decision_id=LOGOUTS,
            plain={**plain_of(revocation, self.revocations), "cause": "signed_out"},
            payload={"revoked": canonical_bytes({"token": list(revocation.parts)})},
        )
        self.ledger.append([event], deadline=self._deadline())  # 6

    def _sent(self, pending: Pending, *, fresh: bool) -> SignOn | None:
        challenge = digest(pending.verifier.encode())
        if pending.way == OIDC and self.oidc is not None:
            return SignOn(
                location=self.oidc.address(
                    state=pending.state,
                    nonce=pending.nonce,
                    code_challenge=challenge,
                    fresh=fresh,
                )
            )
        if pending.way == SAML and self.saml is not None:
            return self.saml.start_for_console(
                code_challenge=challenge, state=pending.state, provider=self.saml_provider
            )
        return None

    def _source(self, way: str, pending: Pending, back: CameBack, *, now: float) -> VerifiedSource:
        if way == OIDC and self.oidc is not None:
            if back.issuer not in {None, self.oidc.issuer}:  # RFC 9207 §2.4
                raise SignInRefused("the code is another provider's")
            return self.oidc.redeem(
                back.code, code_verifier=pending.verifier, nonce=pending.nonce, now=now
            )
        if way == SAML and self.saml is not None:
            if back.issuer != self.url:
                raise SignInRefused("the code is not this service's")
            return self.codes.take(back.code, pending.verifier, now=now)
        raise NotFound

    def _enter(self, source: VerifiedSource, way: str, *, now: float) -> str:
        ahead = 0.0 if way == DEVELOPMENT else self.provider_ahead_seconds
        if self.revocations.covers(Standing.of_source(source, ahead_seconds=ahead)):  # 4
            raise SignInRefused("what it rests on was revoked")
        session = session_of(
            source,
            session_id=self.ids.new(PREFIX),
            seconds=min(self.session_seconds, self._most(source, way, now=now)),
            ahead_seconds=ahead,
            now=now,
        )
        cookie = self.seals.seal(session)
        event = Event(
            kind="console_entered",
            event_id=self.ids.new("evt"),
            time=now,
            tenant=session.tenant,
            subject=(session.subject.issuer, session.subject.sub),
            plain={"protocol": way, "session": session.id, "ends": rfc3339(session.ends_at)},
            payload={"source": source_bytes(source)},
        )
        self.ledger.append([event], deadline=self._deadline())  # 5
        return cookie

    def _most(self, source: VerifiedSource, way: str, *, now: float) -> float:
        # A SAML login says how long it counts. An ID token's `exp` bounds its use as a token,
        # not the sign-in (OIDC Core §2), and is minutes with many providers.
        return source.expires_at - now if way == SAML else self.session_seconds

    def _deadline(self) -> float:
        return self.clock.monotonic() + self.ledger_timeout_seconds
