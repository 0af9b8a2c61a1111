"""Signing in at the console by a provider, under https; and another tenant's things there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest

from console import PAGES, Visitor, location, session_cookie, words
from counterfoil.app import create_app
from counterfoil.config import load_config
from counterfoil.ports_saml import SignOn
from deployment import URL
from revoking import FRESH, logout_token
from saml_cases.workshop import ALICE, Workshop
from saml_door import request_of
from saml_world import World, saml_world
from service import sql_request


@dataclass
class Person:
    """A browser at a deployment under https, whose provider speaks SAML."""

    world: World
    browser: Visitor

    def begun(self) -> tuple[Workshop, str]:
        """On the way to the provider: what it will sign, and the relay state."""
        answer = self.browser.get("/console/signin/start/saml?then=/console/approvals")
        assert answer.status == 302, answer.data
        request, relay = request_of(SignOn(location=answer.headers["Location"]))
        name = request.partition(' ID="')[2].partition('"')[0]
        now = time.time()  # noqa: TID251
        return Workshop(
            idp=self.world.idp, request_id=name, now=now, acs_url=f"{URL}/saml/acs"
        ), relay

    def answered(self, workshop: Workshop, relay: str) -> str:
        """The provider's answer at the ACS: the address that the browser is sent to."""
        answer = self.world.post(workshop.honest(), relay)
        assert answer.status == 303, answer.data
        where, query = location(answer)
        assert where == f"{URL}/console/signin/saml"
        assert query["iss"] == URL
        return answer.headers["Location"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    roles = '[[role]]\nname = "auditor"\ntenant = "acme"\nissuers = ["https://idp.acme.example.com"]\ngroups = ["on call"]\n'
    with saml_world(tmp_path_factory.mktemp("console"), more=roles) as made:
        yield made


@pytest.fixture
def person(world: World) -> Person:
    app = world.deployment.app
    return Person(world, Visitor(app, "counterfoil.example.com", scheme="https"))


def test_a_person_signs_in_by_saml_under_cookies_of_this_host_alone(person: Person) -> None:
    workshop, relay = person.begun()
    answer = person.browser.get(person.answered(workshop, relay))
    assert (answer.status, answer.headers["Location"]) == (303, "/console/approvals")
    (text, _) = answer.headers.getlist("Set-Cookie")
    assert text.startswith("__Host-counterfoil=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} == set(text.split("; ")[1:])
    home = person.browser.get("/console")
    assert home.status == 200
    assert ALICE in words(home)
    assert "auditor" not in words(home)  # another issuer's group of that name


def test_a_saml_code_that_was_forwarded_opens_nothing(person: Person, world: World) -> None:
    """Link forwarded: the victim's browser did not begin this, or began another one."""
    workshop, relay = person.begun()
    link = person.answered(workshop, relay)
    victim = Visitor(world.deployment.app, "counterfoil.example.com", scheme="https")
    for prepared in (False, True):
        if prepared:
            victim.get("/console/signin/start/saml")
        assert victim.get(link).status == 403
        assert "__Host-counterfoil" not in victim.cookies
    assert person.browser.get(link).status == 303  # control: nobody spent the code
    assert person.browser.get(link).status == 403  # and it is spent now


def test_a_launcher_cannot_have_a_login_end_at_the_console(world: World) -> None:
    query = world.login_query(redirect_uri="counterfoil:console")
    answer = world.get("/saml/login", **query)
    assert (answer.status, answer.json["code"]) == (422, "request.schema")
    assert world.get("/saml/login", **world.login_query()).status == 302


def test_a_console_login_cannot_be_exchanged_by_a_launcher(person: Person) -> None:
    workshop, relay = person.begun()
    query = dict(parse_qsl(urlsplit(person.answered(workshop, relay)).query))
    refused = person.world.exchange(query["code"], "v" * 43)
    assert (refused.status, refused.json["error"]) == (400, "invalid_request")


def test_a_provider_that_ends_its_session_ends_the_consoles(person: Person) -> None:
    """Back-channel logout: the session that rested on it is over, others go on."""
    deployment, browser = person.world.deployment, person.browser
    cookies = {
        sid: session_cookie(deployment.service, deployment.acme.issuer, "acme", session=sid)
        for sid in ("s-ended", "s-other")
    }
    for cookie in cookies.values():
        browser.cookies = {"__Host-counterfoil": cookie}
        assert browser.get("/console").status == 200
    token = logout_token(deployment.acme, sid="s-ended")
    assert deployment.post_form("/logout/backchannel", {"logout_token": token}).status == 200
    time.sleep(FRESH)
    for sid, status in (("s-ended", 303), ("s-other", 200)):
        browser.cookies = {"__Host-counterfoil": cookies[sid]}
        assert browser.get("/console").status == status


def signed_in(world: World, tenant: str, *groups: str, sub: str = "carol") -> Visitor:
    """A browser with a session of that tenant."""
    issuer = world.deployment.tenants[tenant].issuer
    cookie = session_cookie(world.deployment.service, issuer, tenant, sub=sub, groups=groups)
    browser = Visitor(world.deployment.app, "counterfoil.example.com", scheme="https")
    browser.cookies = {"__Host-counterfoil": cookie}
    return browser


def test_another_tenants_things_are_on_no_page(world: World) -> None:
    deployment = world.deployment
    token = deployment.opened()["access_token"]
    waits = deployment.call("POST", "/authorize", token, sql_request("DROP TABLE public.t", None))
    approval, decision = waits.json["approval"]["id"], waits.json["decision_id"]
    named = {"<approval_id>": approval, "<decision_id>": decision}
    places = [rule for rule, who in PAGES.items() if who == "a person"]
    for name, value in named.items():
        places = [place.replace(name, value) for place in places]
    groups = ("database-admins", "compliance", "administrators")
    ours, theirs = (signed_in(world, tenant, *groups) for tenant in ("acme", "globex"))
    for place in places:
        assert ours.get(place).status == 200, place  # control
        foreign = theirs.get(place)
        of_theirs = not any(value in place for value in named.values())
        assert foreign.status == (200 if of_theirs else 404), place
        for name in (approval, decision, "acme"):
            assert name.encode() not in foreign.data
    fields = {"change_token": theirs.change_token(), "answer": "deny"}
    digest = deployment.call("GET", f"/approvals/{approval}", token).json["action_digest"]
    path = f"/console/approvals/{approval}/answer"
    assert theirs.post(path, {**fields, "action_digest": digest}).status == 404
    own = {**fields, "change_token": ours.change_token(), "action_digest": digest}
    assert ours.post(path, own).status == 303  # control


def test_the_prompt_of_a_run_is_on_top_of_its_decisions_with_no_secret_in_it(world: World) -> None:
    deployment = world.deployment
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    token = deployment.opened(prompt=f"Drop <i>t</i> with {secret}")["access_token"]
    waits = deployment.call("POST", "/authorize", token, sql_request("DROP TABLE public.t", None))
    auditor = signed_in(world, "acme", "compliance")
    said = words(auditor.get(f"/console/activity/{waits.json['decision_id']}"))
    assert "Untrusted text: the prompt with which the run was opened. Drop <i>t</i> with" in said
    assert secret not in said


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_signs_in_where_the_network_would_see_the_session(world: World, scheme: str) -> None:
    deployment, offered = world.deployment, scheme == "https"
    path = deployment.folder / f"{scheme}.toml"
    where = f"{scheme}://counterfoil.example.com/console/signin/callback"
    path.write_text(
        (deployment.folder / "counterfoil.toml").read_text()
        + f'\n[console]\nredirect_uri = "{where}"\n'
    )
    app = create_app(load_config(path, deployment.service.environment))
    adapters = app.extensions["counterfoil"]
    try:
        browser = Visitor(app, "counterfoil.example.com", scheme=scheme)
        assert ("SAML" in words(browser.get("/console/signin"))) == offered
        status = browser.get("/console/signin/start/saml").status
        assert status == (302 if offered else 404)
    finally:
        for adapter in (adapters.reader, adapters.policy, adapters.ledger, adapters.xml_reader):
            adapter.close()


def test_no_way_but_the_configured_ones_is_there(person: Person) -> None:
    assert "SAML" in words(person.browser.get("/console/signin"))
    assert "Development" not in words(person.browser.get("/console/signin"))
    for way in ("oidc", "development", "x"):
        assert person.browser.get(f"/console/signin/start/{way}").status == 404
    state = {"state": "x", "sub": "bob", "groups": "database-admins"}
    assert person.browser.post("/console/signin/development", state).status == 404


def test_sign_ins_are_bounded_by_address(person: Person) -> None:
    statuses = [
        person.browser.get("/console/signin/start/saml", REMOTE_ADDR="192.0.2.7").status
        for _ in range(40)
    ]
    assert statuses[:30] == [302] * 30
    assert 429 in statuses
    assert person.browser.get("/console/signin/start/saml", REMOTE_ADDR="192.0.2.8").status == 302
