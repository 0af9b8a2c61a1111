"""A person whose login is refused sees a page: what the problem says, and no more."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterator

import pytest

from counterfoil.errors import SchemaViolation
from counterfoil.http.pages import as_page
from saml_world import World, assert_problem, returned, saml_world
from simulators.http_door import Answer

BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with saml_world(tmp_path_factory.mktemp("saml")) as made:
        yield made


def post(world: World, document: str, relay: str, **environ: str) -> Answer:
    fields = {"SAMLResponse": b64encode(document.encode()).decode(), "RelayState": relay}
    return world.deployment.post_form("/saml/acs", fields, **environ)


def test_a_refused_answer_is_a_page_that_says_no_more_than_the_problem(world: World) -> None:
    login = world.start()
    forged = login.workshop.honest().replace("developers", "administrators")
    problem = post(world, forged, login.relay)
    assert_problem(problem)  # without a browser, as ever
    page = post(world, forged, login.relay, **BROWSER)
    assert page.status == 401
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Cache-Control"] == "no-store"
    text = html.unescape(page.data.decode())
    for said in (problem.problem()["title"], "identity.saml_refused", page.headers["X-Request-ID"]):
        assert said in text
    for secret in ("ignature", "administrators", "igest", login.relay):  # the log alone says why
        assert secret not in text
    good = post(world, login.workshop.honest(), login.relay, **BROWSER)  # control
    assert returned(good)["state"] == login.state


def test_a_login_that_was_started_wrongly_is_a_page(world: World) -> None:
    answer = world.deployment.call("GET", "/saml/login?state=%3Cscript%3E", None, **BROWSER)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.status >= 400
    assert b"<script" not in answer.data


def test_whatever_a_page_shows_is_escaped() -> None:
    page = as_page(SchemaViolation("<script>1</script>"), request_id='"><b>').body
    assert b"<script" not in page
    assert b"<b>" not in page
    assert b"&lt;script&gt;1" in page  # control: it is shown


def test_other_paths_answer_a_browser_with_problem_details(world: World) -> None:
    answer = world.deployment.call("POST", "/authorize", None, {}, **BROWSER)
    assert answer.problem()["code"] == "request.schema"
