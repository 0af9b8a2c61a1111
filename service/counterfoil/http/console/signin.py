"""Signing in and out."""

from __future__ import annotations

import re
from typing import Any, Final

from flask import Blueprint

from counterfoil.errors import NotFound, SchemaViolation, SignInRefused
from counterfoil.flows.console import (
    DEVELOPMENT,
    OIDC,
    PENDING_SECONDS,
    SAML,
    CameBack,
    ConsoleFlow,
)
from counterfoil.http.console.door import SIGN_IN, ConsoleDoor, Visit, nobody
from counterfoil.http.console.limits import RateLimit
from counterfoil.http.console.pages import redirect
from counterfoil.http.exchange import Environ, Reply, hang
from counterfoil.http.saml import query_of, sent_on

HOME: Final = "/console"
MAX_CODE_CHARACTERS: Final = 2_048
MAX_GROUPS: Final = 50
# The console's own paths and nothing else: no host, no `//`, no query (open redirects).
_OWN_PATH: Final = re.compile(r"/console(?:/[A-Za-z0-9_-]+)*", re.ASCII)
_NAME: Final = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?")


def own_path(text: str) -> str:
    """A path of the console's own, or its first page."""
    own = len(text) <= MAX_CODE_CHARACTERS and _OWN_PATH.fullmatch(text)
    return text if own and not text.startswith(SIGN_IN) else HOME


def signin_blueprint(door: ConsoleDoor, flow: ConsoleFlow, limit: RateLimit) -> Blueprint:
    """Hang the ways in and out."""
    blueprint = Blueprint("console_signin", __name__)
    desk = _SignInDesk(door, flow, limit)
    for rule, name, view in (
        ("", "choose", desk.choose),
        ("/callback", "callback", desk.callback),
        ("/saml", "saml", desk.saml),
        ("/start/<way>", "start", desk.start),
    ):
        hang(blueprint, SIGN_IN + rule, name, door.public(view), method="GET")
    hang(blueprint, f"{SIGN_IN}/development", "develop", door.public(desk.develop), method="POST")
    hang(blueprint, "/console/signout", "leave", door.change(desk.leave), method="POST")
    return blueprint


class _SignInDesk:
    def __init__(self, door: ConsoleDoor, flow: ConsoleFlow, limit: RateLimit) -> None:
        self._door, self._flow, self._limit = door, flow, limit
        self._cookies = door.cookies

    def choose(self, environ: Environ) -> Reply:
        """The ways to sign in. In development, a form."""
        then = own_path(query_of(environ).get("then", ""))
        values: dict[str, Any] = {**nobody(), "ways": self._flow.ways, "then": then, "state": ""}
        headers = []
        if DEVELOPMENT in self._flow.ways:
            cookie, _ = self._flow.begin(DEVELOPMENT, then=then)
            headers.append(self._set_pending(cookie))
            now = self._door.clock.now()
            values["state"] = self._flow.opened(cookie, now=now).state
        return self._door.pages.render("signin.html", values, headers=tuple(headers))

    def start(self, environ: Environ, way: str) -> Reply:
        """On the way to the provider."""
        self._take(environ)
        if way not in {OIDC, SAML}:
            raise NotFound
        query = query_of(environ)
        then, fresh = own_path(query.get("then", "")), "fresh" in query
        cookie, sign_on = self._flow.begin(way, then=then, fresh=fresh)
        if sign_on is None:
            raise NotFound
        reply = sent_on(sign_on)
        headers = (*reply.headers, self._set_pending(cookie))
        return Reply(reply.status, reply.body, reply.content_type, headers)

    def callback(self, environ: Environ) -> Reply:
        """Back from an OpenID provider."""
        return self._back(environ, OIDC)

    def saml(self, environ: Environ) -> Reply:
        """Back from a SAML provider, by way of `/saml/acs`."""
        return self._back(environ, SAML)

    def develop(self, environ: Environ) -> Reply:
        """In as whoever one says one is; only where `serve --dev` runs."""
        self._take(environ)
        form = self._door.form(environ)
        groups = tuple(dict.fromkeys(form.get("groups", "").replace(",", " ").split()))
        sub = form.get("sub", "")
        if not _NAME.fullmatch(sub) or len(groups) > MAX_GROUPS:
            raise SchemaViolation(f"a name, and at most {MAX_GROUPS} groups", pointer="#/sub")
        cookie, then = self._flow.enter_development(
            self._cookies.read(environ, self._cookies.pending),
            form.get("state", ""),
            sub=sub,
            groups=groups,
        )
        return self._entered(cookie, then)

    def leave(self, visit: Visit) -> Reply:
        """Out, for good."""
        self._flow.leave(visit.caller)
        return redirect(SIGN_IN, (self._cookies.clear(self._cookies.session),))

    def _back(self, environ: Environ, way: str) -> Reply:
        self._take(environ)
        query = query_of(environ)
        if "error" in query:
            raise SignInRefused("the provider says that it did not go through")
        code = query.get("code", "")
        if not code or len(code) > MAX_CODE_CHARACTERS:
            raise SignInRefused("no code came back")
        cookie, then = self._flow.finish(
            way,
            CameBack(
                cookie=self._cookies.read(environ, self._cookies.pending),
                state=query.get("state", ""),
                code=code,
                issuer=query.get("iss"),
            ),
        )
        return self._entered(cookie, then)

    def _entered(self, cookie: str, then: str) -> Reply:
        session = self._cookies.set(self._cookies.session, cookie)
        gone = self._cookies.clear(self._cookies.pending)
        return redirect(then, (session, gone))

    def _set_pending(self, cookie: str) -> tuple[str, str]:
        return self._cookies.set(self._cookies.pending, cookie, max_age_seconds=PENDING_SECONDS)

    def _take(self, environ: Environ) -> None:
        self._limit.take((str(environ.get("REMOTE_ADDR", "")),))
