"""The console for tests: a browser's worth of cookies and forms at the real application."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from werkzeug.http import parse_cookie

from counterfoil.core.console_session import PREFIX, session_of
from counterfoil.core.model import Subject
from counterfoil.core.sources import VerifiedSource
from counterfoil.http.lean import LeanFlask
from counterfoil.identity.console_sessions import ConsoleSessions
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.sealing import derived_key
from counterfoil.system import RandomIds
from service import Service
from simulators.http_door import Answer, honest, send

FORM = "application/x-www-form-urlencoded"
_ADDRESSES = itertools.count()  # sign-ins are bounded by address


PAGES = {
    "/console": "a person",
    "/console/activity": "a person",
    "/console/activity/<decision_id>": "a person",
    "/console/activity/export": "a person",
    "/console/approvals": "a person",
    "/console/approvals/<approval_id>": "a person",
    "/console/ledger": "a person",
    "/console/ledger/<decision_id>": "a person",
    "/console/ledger/<decision_id>/file": "a person",
    "/console/policy": "a person",
    "/console/signin": "anybody",
    "/console/signin/callback": "anybody",
    "/console/signin/saml": "anybody",
    "/console/signin/start/<way>": "anybody",
    "/console/static/<name>": "anybody",
}
CHANGES = {
    "/console/signout": "a person",
    "/console/signin/development": "anybody",
    "/console/approvals/<approval_id>/answer": "a person",
}
"""Every page and change of the console, and who reaches it."""


PAYLOADS = (Path(__file__).parent / "corpora" / "xss.txt").read_text().splitlines()
TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "a", "p", "strong", "header"),
    *(
        "nav",
        "form",
        "input",
        "span",
        "small",
        "button",
        "main",
        "h1",
        "h2",
        "h3",
        "ol",
        "ul",
        "li",
    ),
    *("pre", "mark", "sup", "code", "dl", "dt", "dd", "time", "figure", "figcaption", "label"),
    *("svg", "g", "rect", "text", "select", "option"),
    *("textarea", "details", "summary", "br", "div", "table", "thead", "tbody", "tr", "th", "td"),
}
"""The elements that pages are made of."""


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def elements(answer: Answer) -> list[tuple[str, dict[str, str]]]:
    """The tags of a page."""
    return Elements(answer.data.decode()).found


def words(answer: Answer) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.data.decode())).split())


def assert_harmless(answer: Answer) -> None:
    """Nothing on the page is an element, a handler or an address that we did not write."""
    for tag, attributes in elements(answer):
        assert tag in TAGS, tag
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in {"style", "formaction", "srcdoc"}
            if name in {"href", "src", "action"}:
                assert value.startswith(("/console", "#main")), value
    assert [it["name"] for _, it in elements(answer) if it.get("name") == "action_digest"] in (
        [],
        ["action_digest"],
    )


@dataclass
class Visitor:
    """One browser: cookies are kept, redirects are told and not followed."""

    app: LeanFlask
    host: str
    scheme: str = "http"
    address: str = field(default_factory=lambda: f"192.0.2.{next(_ADDRESSES)}")
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    def get(self, address: str, **changes: Any) -> Answer:
        """Read a page."""
        parts = urlsplit(address)
        return self._send(
            b"",
            REQUEST_METHOD="GET",
            PATH_INFO=parts.path,
            QUERY_STRING=parts.query,
            CONTENT_TYPE=None,
            **changes,
        )

    def post(self, path: str, fields: dict[str, str], **changes: Any) -> Answer:
        """Send a form as a browser does from a page of the same origin."""
        usual = {"HTTP_ORIGIN": self.origin, "HTTP_SEC_FETCH_SITE": "same-origin"}
        return self._send(
            urlencode(fields).encode(), PATH_INFO=path, CONTENT_TYPE=FORM, **{**usual, **changes}
        )

    def sign_in(self, sub: str = "bob", groups: str = "database-admins") -> Answer:
        """As anybody, in development."""
        state = self.field(self.get("/console/signin"), "state")
        answer = self.post(
            "/console/signin/development", {"state": state, "sub": sub, "groups": groups}
        )
        assert answer.status == 303, answer.data
        return answer

    def change_token(self) -> str:
        """What forms of this session carry."""
        return self.field(self.get("/console"), "change_token")

    @staticmethod
    def field(answer: Answer, name: str) -> str:
        """The value of a page's form field."""
        values = [it["value"] for tag, it in elements(answer) if it.get("name") == name]
        assert values, answer.data
        return values[0]

    def _send(self, body: bytes, /, **changes: Any) -> Answer:
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        usual: dict[str, Any] = {
            "HTTP_HOST": self.host,
            "REMOTE_ADDR": self.address,
            "HTTP_AUTHORIZATION": None,
            "HTTP_COOKIE": header or None,
            "HTTP_ACCEPT": "text/html",
        }
        answer = send(self.app, honest(body, **{**usual, **changes}))
        for text in answer.headers.getlist("Set-Cookie"):
            name, value = next(iter(parse_cookie(text).items(multi=True)))
            self.cookies.pop(name, None)
            if "Max-Age=0" not in text:
                self.cookies[name] = value
        return answer


def location(answer: Answer) -> tuple[str, dict[str, str]]:
    """Where an answer sends a browser: the address without its query, and the query."""
    parts = urlsplit(answer.headers["Location"])
    return parts._replace(query="").geturl(), dict(parse_qsl(parts.query))


def visitor(app: LeanFlask, service: Service) -> Visitor:
    """A fresh browser at a development service."""
    return Visitor(app, f"127.0.0.1:{service.port}")


def session_cookie(
    service: Service,
    provider: str,
    tenant: str,
    *,
    sub: str = "carol",
    groups: Sequence[str] = ("compliance",),
    session: str | None = None,
) -> str:
    """What a sign-in at that provider would have sealed, by the service's own key."""
    now = time.time()  # noqa: TID251
    source = VerifiedSource(
        tenant=tenant,
        provider=provider,
        subject=Subject(issuer=provider, sub=sub, groups=tuple(groups)),
        expires_at=now + 300,
        session=session,
        issued_at=now,
    )
    fresh = session_of(
        source, session_id=RandomIds().new(PREFIX), seconds=600, ahead_seconds=0, now=now
    )
    key = derived_key(load_master(service.keys, create=False), b"console-session")
    return ConsoleSessions(key, b"-" * 32, (), idle_seconds=600).seal(fresh)
