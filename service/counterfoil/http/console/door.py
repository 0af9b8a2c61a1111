"""What surrounds every page for a person who is signed in.

A page: 1. a session, or the way to sign in. A change, besides: 2. from a page of this console
(`Sec-Fetch-Site`, `Origin`), 3. a bounded form of its own fields, 4. with the session's own
token. A bearer token means nothing here: an agent has no session, and gets none.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import quote

from counterfoil.core.console_session import RESEAL_SECONDS, ConsoleSession
from counterfoil.core.model import Caller
from counterfoil.errors import (
    AgentNotAllowed,
    CounterfoilError,
    ForgedRequest,
    IdentityError,
    IdentityUnavailable,
    MissingCredential,
)
from counterfoil.http.console.cookies import Cookies
from counterfoil.http.console.pages import Pages, redirect
from counterfoil.http.exchange import Environ, Reply, View
from counterfoil.http.inbound import form_body
from counterfoil.http.refusals import RefusalLog
from counterfoil.http.saml import fields_of
from counterfoil.ports import Clock, IdentityVerifier

MAX_FORM_BYTES: Final = 16_384
SIGN_IN: Final = "/console/signin"


class Sessions(Protocol):
    """`identity.console_sessions.ConsoleSessions`."""

    def open(self, unverified: str, *, now: float) -> ConsoleSession:
        """A session; raises `IdentityError`."""

    def seal(self, session: ConsoleSession) -> str:
        """A cookie's value."""

    def change_token(self, session_id: str) -> str:
        """What its forms must bring back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a person: `token` is what the flows verify again."""

    environ: Environ
    token: str
    caller: Caller
    base: Mapping[str, Any]
    form: Mapping[str, str]


Page: TypeAlias = Callable[..., Reply]
"""Called with a `Visit` and the variables of its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDoor:
    """`identity` is the console's own: sessions, revoked ones left out.

    `origin` is where the console lives; in development (`by_host`) the `Host` header says so,
    which the host rule holds to this machine.
    """

    pages: Pages
    cookies: Cookies
    identity: IdentityVerifier
    sessions: Sessions
    clock: Clock
    origin: str
    by_host: bool
    refusals: RefusalLog

    def page(self, view: Page) -> View:
        """A page that is read."""

        def wrapped(environ: Environ, **values: Any) -> Reply:
            return self._answered(environ, lambda visit: view(visit, **values), change=False)

        return wrapped

    def change(self, view: Page) -> View:
        """A form that is sent."""

        def wrapped(environ: Environ, **values: Any) -> Reply:
            return self._answered(environ, lambda visit: view(visit, **values), change=True)

        return wrapped

    def public(self, view: View) -> View:
        """A page for anybody, whose failures are pages too."""

        def wrapped(environ: Environ, **values: Any) -> Reply:
            try:
                self.turn_agents_away(environ)
                return view(environ, **values)
            except CounterfoilError as error:
                self._note(error)
                return self.pages.refusal(error, nobody())

        return wrapped

    def check_origin(self, environ: Environ) -> None:
        """Whether a form was sent from a page of this console.

        Raises:
            ForgedRequest: from another site, or from who knows where.
        """
        site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
        own = f"http://{environ.get('HTTP_HOST', '')}" if self.by_host else self.origin
        if (site is None and origin is None) or site not in {None, "same-origin"}:
            raise ForgedRequest("Sec-Fetch-Site or Origin is another site's, or missing")
        if origin not in {None, own}:
            raise ForgedRequest("Origin is another one")

    def form(self, environ: Environ) -> Mapping[str, str]:
        """The fields of a form of ours (steps 2 and 3).

        Raises:
            ForgedRequest, RequestError: as `check_origin`, or not such a form.
        """
        self.check_origin(environ)
        return fields_of(form_body(environ, max_bytes=MAX_FORM_BYTES))

    @staticmethod
    def turn_agents_away(environ: Environ) -> None:
        """No credential of the API is looked at, and none is passed over in silence.

        Raises:
            AgentNotAllowed: one came.
        """
        if "HTTP_AUTHORIZATION" in environ:
            raise AgentNotAllowed

    def _answered(self, environ: Environ, view: Callable[[Visit], Reply], *, change: bool) -> Reply:
        base: Mapping[str, Any] = nobody()
        try:
            self.turn_agents_away(environ)
            visit = self._visit(environ, change=change)  # 1
            base = visit.base
            return self._renewed(visit, view(visit))
        except IdentityUnavailable as error:
            return self.pages.refusal(error, base)
        except IdentityError as error:
            came = not isinstance(error, MissingCredential)
            if came:
                self._note(error)
            return self._to_sign_in(environ, came=came, change=change)
        except CounterfoilError as error:
            return self.pages.refusal(error, base)

    def _note(self, error: CounterfoilError) -> None:
        """Say in the log which rule refused a person; the page never does."""
        if isinstance(error, IdentityError):
            self.refusals.note(error, "of the console")

    def _visit(self, environ: Environ, *, change: bool) -> Visit:
        token = self.cookies.read(environ, self.cookies.session)
        caller = self.identity.verify(token, now=self.clock.now())
        own = self.sessions.change_token(caller.token_id or "")
        form: Mapping[str, str] = {}
        if change:
            form = self.form(environ)  # 2, 3
            if not hmac.compare_digest(form.get("change_token", "").encode(), own.encode()):  # 4
                raise ForgedRequest("the form's token is not this session's")
        base = {
            **nobody(),
            "person": caller.subject.sub,
            "roles": caller.roles,
            "change_token": own,
            "here": environ.get("PATH_INFO", ""),
        }
        return Visit(environ=environ, token=token, caller=caller, base=base, form=form)

    def _renewed(self, visit: Visit, reply: Reply) -> Reply:
        """The reply with a cookie whose idle time starts again, now and then."""
        now = self.clock.now()
        session = self.sessions.open(visit.token, now=now)
        named = any(name == "Set-Cookie" for name, _ in reply.headers)
        if named or now - session.seen_at < RESEAL_SECONDS:
            return reply
        fresh = self.sessions.seal(replace(session, seen_at=now))
        header = self.cookies.set(self.cookies.session, fresh)
        return replace(reply, headers=(*reply.headers, header))

    def _to_sign_in(self, environ: Environ, *, came: bool, change: bool) -> Reply:
        # A change that came too late is not made later: the person reads the page again.
        path = environ.get("PATH_INFO", "") if not change else ""
        where = f"{SIGN_IN}?then={quote(path, errors='replace')}" if path else SIGN_IN
        gone = (self.cookies.clear(self.cookies.session),) if came else ()
        return redirect(where, gone)


def nobody() -> dict[str, Any]:
    """What templates know where nobody is signed in."""
    return {"person": None, "roles": frozenset(), "change_token": "", "here": ""}
