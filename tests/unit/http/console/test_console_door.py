"""What protects every form and redirect of the console, without a service."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any, cast

import pytest

from counterfoil.core.console_session import session_of
from counterfoil.core.model import Subject
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import (
    AgentNotAllowed,
    BodyTooLarge,
    ForgedRequest,
    FormExpected,
    MalformedBody,
    Rule,
    SignInRefused,
    TooManyRequests,
)
from counterfoil.http.console.cookies import Cookies
from counterfoil.http.console.door import ConsoleDoor, Visit
from counterfoil.http.console.limits import MAX_KEPT, RateLimit
from counterfoil.http.console.pages import Pages
from counterfoil.http.console.signin import own_path
from counterfoil.http.exchange import Reply
from counterfoil.http.refusals import RefusalLog
from counterfoil.identity.console_sessions import ConsoleSessions
from counterfoil.system import SystemClock
from simulators.http_door import honest

ORIGIN = "https://counterfoil.example.com"
FORM = "application/x-www-form-urlencoded"


def door(*, by_host: bool = False) -> ConsoleDoor:
    sessions = ConsoleSessions(b"k" * 32, b"c" * 32, (), idle_seconds=60.0)
    return ConsoleDoor(
        pages=Pages(development=by_host),
        cookies=Cookies(secure=not by_host),
        identity=sessions,
        sessions=sessions,
        clock=SystemClock(),
        origin=ORIGIN,
        by_host=by_host,
        refusals=RefusalLog(time.monotonic),
    )


def form(body: bytes = b"answer=deny", /, **changes: Any) -> dict[str, Any]:
    usual = {
        "CONTENT_TYPE": FORM,
        "HTTP_AUTHORIZATION": None,
        "HTTP_ORIGIN": ORIGIN,
        "HTTP_SEC_FETCH_SITE": "same-origin",
    }
    return honest(body, **{**usual, **changes})


@pytest.mark.parametrize("site", ["same-origin", None])
@pytest.mark.parametrize("origin", [ORIGIN, None])
def test_a_form_of_our_own_page_is_taken(site: str | None, origin: str | None) -> None:
    sent = form(HTTP_SEC_FETCH_SITE=site, HTTP_ORIGIN=origin)
    if site is None and origin is None:
        with pytest.raises(ForgedRequest):
            door().form(sent)
    else:
        assert door().form(sent) == {"answer": "deny"}


@pytest.mark.parametrize(
    "changes",
    [
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},  # a neighbour under the same domain
        {"HTTP_SEC_FETCH_SITE": "none"},
        {"HTTP_SEC_FETCH_SITE": ""},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "http://counterfoil.example.com"},
        {"HTTP_ORIGIN": ORIGIN + ".evil.example"},
        {"HTTP_ORIGIN": ORIGIN + ":8443"},
        {"HTTP_ORIGIN": ""},
        # What the request says of its own host does not count, but in development.
        {"HTTP_ORIGIN": "http://evil.example", "HTTP_HOST": "evil.example"},
    ],
)
def test_a_form_of_another_site_is_not(changes: dict[str, str]) -> None:
    assert door().form(form())
    with pytest.raises(ForgedRequest):
        door().form(form(**changes))


def test_in_development_the_host_is_the_origin() -> None:
    own = {"HTTP_HOST": "localhost:8282", "HTTP_ORIGIN": "http://localhost:8282"}
    assert door(by_host=True).form(form(**own))
    with pytest.raises(ForgedRequest):
        door(by_host=True).form(form(**{**own, "HTTP_ORIGIN": "http://127.0.0.1:9999"}))


@pytest.mark.parametrize(
    ("body", "changes", "refusal"),
    [
        (b"a=" + b"x" * 16_384, {}, BodyTooLarge),
        (b"a=1&a=2", {}, MalformedBody),
        (b"a=\xff", {}, MalformedBody),
        (b"&".join(b"f%d=1" % n for n in range(40)), {}, MalformedBody),
        (b"{}", {"CONTENT_TYPE": "application/json"}, FormExpected),
        (b"a=1", {"CONTENT_TYPE": "text/plain"}, FormExpected),
    ],
)
def test_a_form_is_small_and_says_each_thing_once(
    body: bytes, changes: dict[str, str], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        door().form(form(body, **changes))


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "/console//evil.example",
        "/console/../saml/login", "/console/..", "/console?x=1", "/console#x", "/consolex",
        "/console/%2f%2fevil.example", "/console/\n", "/console\r\nSet-Cookie: a=b", " /console",
        "javascript:alert(1)", "/authorize", "", "console", "/console/a@evil.example", "/console/é",
        "/console/signin", "/console/signin/start/oidc", "/console/" + "a" * 5_000,
    ],
)  # fmt: skip
def test_after_a_sign_in_nobody_is_sent_elsewhere(text: str) -> None:
    assert own_path(text) == "/console"
    assert own_path("/console/approvals/apr_0") == "/console/approvals/apr_0"


def test_why_a_sign_in_was_refused_is_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    def refused(_environ: dict[str, Any]) -> Reply:
        raise SignInRefused("nonce is not that of this sign-in", rule=Rule.PURPOSE)

    reply = door().public(refused)(form())
    assert (reply.status, reply.code) == (403, "console.sign_in_refused")
    assert b"nonce" not in reply.body
    assert "nonce is not that of this sign-in" in caplog.text
    caplog.clear()
    forged = form(HTTP_COOKIE="__Host-counterfoil=forged")
    assert door().page(lambda _visit: pytest.fail("shown"))(forged).status == 303
    assert "no session of this service" in caplog.text


def sealed(*, seen_at: float, ends_at: float) -> tuple[ConsoleDoor, str]:
    """A door, and a session of it that was last seen or ends so many seconds from now."""
    made, now = door(), SystemClock().now()
    source = VerifiedSource(
        tenant="default",
        provider="urn:x",
        subject=Subject(issuer="urn:x", sub="carol"),
        expires_at=now + 60,
        issued_at=now,
    )
    session = session_of(source, session_id="ses_1", seconds=600, ahead_seconds=0, now=now)
    return made, made.sessions.seal(
        replace(session, signed_in_at=now - 500, seen_at=now + seen_at, ends_at=now + ends_at)
    )


def test_a_session_that_is_used_stays_and_ends_no_later() -> None:
    """Its idle time starts again; its end, and so the age of its groups, stays where it was."""

    def seen(visit: Visit) -> Reply:
        visited.append(visit)
        return Reply(200, b"")

    visited: list[Visit] = []
    made, cookie = sealed(seen_at=-45, ends_at=20)
    reply = made.page(seen)(form(HTTP_COOKIE=f"__Host-counterfoil={cookie}"))
    (renewed,) = [value for name, value in reply.headers if name == "Set-Cookie"]
    value = renewed.partition("=")[2].partition(";")[0]
    now = SystemClock().now()
    old, fresh = made.sessions.open(cookie, now=now), made.sessions.open(value, now=now)
    assert fresh == replace(old, seen_at=fresh.seen_at)
    assert fresh.seen_at > old.seen_at + 40
    made, cookie = sealed(seen_at=-5, ends_at=20)  # just seen: nothing to renew
    assert made.page(seen)(form(HTTP_COOKIE=f"__Host-counterfoil={cookie}")).headers == ()
    assert len(visited) == 2
    made, cookie = sealed(seen_at=-5, ends_at=-1)  # control: over is over
    assert made.page(seen)(form(HTTP_COOKIE=f"__Host-counterfoil={cookie}")).status == 303
    assert len(visited) == 2


def test_what_all_pages_load_is_small_and_reaches_nobody() -> None:
    """Script and style together; a page with them stays below 100 kB."""
    files = {name: reply.body.decode() for name, reply in Pages(development=False).files.items()}
    assert {name.rpartition(".")[2] for name in files} == {"css", "js"}
    assert sum(map(len, files.values())) < 25_000
    for text in files.values():
        for word in ("http:", "https:", "//", "@import", "url(", "innerHTML", "eval(", "fetch("):
            # A comment's own slashes are the script's only ones.
            assert word not in re.sub(r"^\s*//.*$|\s// .*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("header", ["Bearer a.b.c", "DPoP a.b.c", "Basic eDp5", ""])
def test_a_token_of_the_api_is_turned_away_and_not_passed_over(header: str) -> None:
    door().turn_agents_away(form())
    with pytest.raises(AgentNotAllowed):
        door().turn_agents_away(form(HTTP_AUTHORIZATION=header))


def test_cookies_are_of_this_host_alone_and_no_script_reads_them() -> None:
    cookies = Cookies(secure=True)
    name, text = cookies.set(cookies.session, "v")
    assert (name, cookies.session[:7]) == ("Set-Cookie", "__Host-")
    assert set(text.split("; ")[1:]) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert cookies.pending.startswith("__Host-")
    plain = Cookies(secure=False)  # http, and so this machine alone
    assert "Secure" not in plain.set(plain.session, "v")[1]
    assert not plain.session.startswith("__Host-")


def test_a_cookie_that_came_twice_is_none() -> None:
    cookies = Cookies(secure=True)
    one = f"{cookies.session}=a"
    assert cookies.read({"HTTP_COOKIE": one}, cookies.session) == "a"
    assert cookies.read({"HTTP_COOKIE": f"{one}; {cookies.session}=b"}, cookies.session) == ""
    assert cookies.read({"HTTP_COOKIE": one + "; x=" + "y" * 20_000}, cookies.session) == ""
    assert cookies.read({}, cookies.session) == ""


@pytest.mark.parametrize("other", ["x=\xe9", "\xff\xfe=1", "=;;==", "y", 'z="a;b"', "\x00=\x01"])
def test_another_applications_cookies_disturb_nobody(other: str) -> None:
    """PEP 3333 hands bytes as latin-1, and they need not be UTF-8."""
    cookies = Cookies(secure=True)
    for header in (f"{other}; {cookies.session}=a", f"{cookies.session}=a; {other}"):
        assert cookies.read({"HTTP_COOKIE": header}, cookies.session) == "a"


def test_one_who_does_it_too_often_waits_and_nobody_else() -> None:
    now = [time.monotonic()]
    limit = RateLimit(3, lambda: now[0])
    for _ in range(3):
        limit.take(("mallory",))
    with pytest.raises(TooManyRequests):
        limit.take(("mallory",))
    limit.take(("alice",))
    now[0] += 21.0  # a third of a minute, and a little
    limit.take(("mallory",))
    with pytest.raises(TooManyRequests):
        limit.take(("mallory",))
    now[0] += 3_600.0
    for _ in range(3):
        limit.take(("mallory",))
    with pytest.raises(TooManyRequests):
        limit.take(("mallory",))


def test_many_names_cost_little_memory() -> None:
    limit = RateLimit(3, lambda: 0.0)
    for number in range(MAX_KEPT + 50):
        limit.take((str(number),))
    assert len(cast("Any", limit)._left) == MAX_KEPT
