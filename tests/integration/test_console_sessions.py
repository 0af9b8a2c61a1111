"""Signing in and out of the console, and what no other credential, site or tenant gets there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from console import CHANGES, PAGES, Visitor, elements, visitor, words
from counterfoil.http.lean import LeanFlask
from main_path import leaves
from revoking import FRESH
from service import Service
from simulators.http_door import Answer
from simulators.in_process import application_over

ID = "0" * 26


@pytest.fixture(scope="module")
def app(service: Service) -> Iterator[LeanFlask]:
    with application_over(service) as made:
        yield made


@pytest.fixture
def browser(app: LeanFlask, service: Service) -> Visitor:
    return visitor(app, service)


def filled(rule: str) -> str:
    found = re.sub(r"<approval_id>", f"apr_{ID}", rule)
    found = re.sub(r"<(decision_id|name)>", f"dec_{ID}", found)
    return found.replace("<way>", "oidc").replace("<run_id>", f"run_{ID}")


def test_every_page_has_a_row_here(app: LeanFlask) -> None:
    served = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/console")]
    reads = {rule.rule for rule in served if "GET" in (rule.methods or set())}
    assert (reads, {rule.rule for rule in served} - reads) == (set(PAGES), set(CHANGES))


def assert_sent_to_sign_in(answer: Answer) -> None:
    assert answer.status == 303
    assert answer.headers["Location"].split("?")[0] == "/console/signin"


def assert_framed(answer: Answer) -> None:
    """The headers without which no page leaves."""
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    if "html" in answer.headers["Content-Type"]:
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("rule", sorted(PAGES))
def test_every_page_is_framed_small_and_without_inline_script_or_style(
    browser: Visitor, rule: str
) -> None:
    browser.sign_in(groups="database-admins compliance")
    answer = browser.get(filled(rule))
    assert_framed(answer)
    if "html" not in answer.headers["Content-Type"]:
        return  # an export is as large as what was found
    assert len(answer.data) < 100_000
    for tag, attributes in elements(answer):
        assert tag != "style"
        assert tag != "script" or attributes.get("src", "").startswith("/console/static/")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("rule", sorted(r for r, who in {**PAGES, **CHANGES}.items() if who == "a person"))  # fmt: skip
def test_without_a_session_there_is_only_the_way_to_sign_in(
    browser: Visitor, service: Service, rule: str
) -> None:
    send = browser.get if rule in PAGES else lambda path: browser.post(path, {})
    assert_sent_to_sign_in(send(filled(rule)))
    # No token of the API is a session, not even in the session's place.
    for token in (service.token(), service.token(agent=None)):
        browser.cookies["counterfoil-console"] = token
        assert_sent_to_sign_in(send(filled(rule)))
        assert "counterfoil-console" not in browser.cookies


def test_an_agents_token_is_turned_away_from_every_page(browser: Visitor, service: Service) -> None:
    browser.sign_in()
    for rule in (*PAGES, *CHANGES):
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {service.token()}"}
        sent = (
            browser.get(filled(rule), **bearer)
            if rule in PAGES
            else browser.post(rule, {}, **bearer)
        )
        assert sent.status == 403
        assert "identity.agent_not_allowed" in words(sent)


def test_a_session_is_no_token_of_the_api(browser: Visitor, service: Service) -> None:
    browser.sign_in(groups="compliance")
    cookie = browser.cookies["counterfoil-console"]
    answer = service.request("GET", "/decisions", token=cookie)
    assert (answer.status, answer.body["code"]) == (401, "identity.invalid_token")


def test_signing_in_is_recorded_before_the_session_leaves(
    browser: Visitor, service: Service
) -> None:
    browser.sign_in("dora")
    entered = [it for it in leaves(service) if it["event"] == "console_entered"]
    assert entered[-1]["plain"]["protocol"] == "development"
    assert entered[-1]["plain"]["session"].startswith("ses_")
    assert "dora" not in json.dumps(entered)


def test_who_signs_out_ends_every_copy_of_the_session(
    browser: Visitor, app: LeanFlask, service: Service
) -> None:
    browser.sign_in()
    thief = visitor(app, service)
    thief.cookies = dict(browser.cookies)
    assert thief.get("/console").status == 200
    other = visitor(app, service)
    other.sign_in()  # the same person, another session
    answer = browser.post("/console/signout", {"change_token": browser.change_token()})
    assert_sent_to_sign_in(answer)
    assert browser.cookies == {}
    time.sleep(FRESH)
    assert_sent_to_sign_in(thief.get("/console"))
    assert other.get("/console").status == 200


def test_a_revoked_person_has_no_session_any_more(
    browser: Visitor, app: LeanFlask, service: Service
) -> None:
    browser.sign_in("erin")
    bystander = visitor(app, service)
    bystander.sign_in("frank")
    root = service.token("root", ["administrators"], agent=None)
    person = {"iss": "urn:counterfoil:development", "sub": "erin"}
    assert service.request("POST", "/revocations", {"subject": person}, token=root).status == 200
    time.sleep(FRESH)
    assert_sent_to_sign_in(browser.get("/console"))
    assert bystander.get("/console").status == 200


def test_a_change_without_the_sessions_own_token_is_refused(
    browser: Visitor, app: LeanFlask, service: Service
) -> None:
    browser.sign_in()
    other = visitor(app, service)
    other.sign_in("mallory")
    for token in ("", "x", other.change_token(), browser.change_token()[:-1]):
        answer = browser.post("/console/signout", {"change_token": token})
        assert (answer.status, "console.forged_request" in words(answer)) == (403, True)
    fields = {"change_token": browser.change_token()}
    for forged in ({"HTTP_SEC_FETCH_SITE": "cross-site"}, {"HTTP_ORIGIN": "https://evil.example"}):
        assert browser.post("/console/signout", fields, **forged).status == 403
    assert browser.get("/console").status == 200
    assert browser.post("/console/signout", fields).status == 303  # control


def test_a_sign_in_that_another_browser_began_opens_nothing(
    browser: Visitor, app: LeanFlask, service: Service
) -> None:
    """Login CSRF: a victim must not be signed in as somebody else without seeing it."""
    mallory = visitor(app, service)
    state = mallory.field(mallory.get("/console/signin"), "state")
    fields = {"state": state, "sub": "mallory", "groups": ""}
    for prepared in (False, True):
        if prepared:
            browser.get("/console/signin")
        answer = browser.post("/console/signin/development", fields)
        assert (answer.status, "counterfoil-console" in browser.cookies) == (403, False)
    assert mallory.post("/console/signin/development", fields).status == 303  # control


def test_after_a_sign_in_the_browser_goes_where_it_was_going_and_nowhere_else(
    browser: Visitor,
) -> None:
    for asked, then in (
        ("/console/approvals/apr_1", "/console/approvals/apr_1"),
        ("//evil.example/console", "/console"),
    ):
        page = browser.get(f"/console/signin?then={asked}")
        fields = {"state": browser.field(page, "state"), "sub": "bob", "groups": ""}
        assert browser.post("/console/signin/development", fields).headers["Location"] == then


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_a_name_or_a_group_is_text_and_nothing_else(browser: Visitor, text: str) -> None:
    page = browser.get("/console/signin")
    fields = {"state": browser.field(page, "state"), "sub": text, "groups": text}
    assert browser.post("/console/signin/development", fields).status == 303
    answer = browser.get("/console")
    assert text.encode() not in answer.data
    assert text in words(answer)
    assert {tag for tag, _ in elements(answer)} & {"img", "svg", "iframe"} == set()


def test_a_foreign_host_reaches_no_page_of_development(browser: Visitor) -> None:
    browser.sign_in()
    assert browser.get("/console", HTTP_HOST="evil.example:8282").status == 421
