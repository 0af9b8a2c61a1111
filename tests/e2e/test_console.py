"""People at the console with a real browser, signed in by a real Keycloak."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from console import PAYLOADS
from counterfoil.cli.login_exchange import Exchange, Launcher
from counterfoil.cli.login_http import Web
from counterfoil.core.token_request import TokenType
from deployment import URL, deployment_bundle
from exchange import LauncherKey
from servers import axe
from servers.browser import OPTIONS, chromium
from servers.keycloak import Keycloak, Realm
from servers.people_realm import CLIENT, CONSOLE, CONSOLE_SECRET, ENTITY, PASSWORD, people_realm
from service import PROMPT, Service, sql_request
from standalone import standalone_service

pytestmark = pytest.mark.e2e

NAMESPACE = "urn:acme:people"
DROP = "DROP TABLE public.invoices"
SHOTS = Path(__file__).parents[2] / "docs" / "console"
WITHIN_SECONDS = 30.0
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 800}


@dataclass
class World:
    """Keycloak, the service, and a browser."""

    realm: Realm
    service: Service
    desk: LauncherKey
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.service.port}/console"

    def person(self, name: str, **options: Any) -> Page:
        """A person's fresh browser, signed in by OpenID Connect."""
        page = self.page(**options)
        page.goto(f"{self.console}/approvals")
        page.get_by_role("link", name="Sign in with OpenID Connect").click()
        enter(page, name)
        assert page.url == f"{self.console}/approvals", page.content()
        return page

    def page(self, **options: Any) -> Page:
        """A fresh browser, in which nothing may be blocked by a page's own policy."""
        context = self.browser.new_context(**{"viewport": DESK, **options})
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", _must_not_be_blocked)
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        return page

    def run(self, prompt: str = PROMPT) -> str:
        """The token of alice's agent in a new run."""
        url = f"http://127.0.0.1:{self.service.port}"
        launcher = Launcher(id=self.desk.id, signer=self.desk.signer)
        exchange = Exchange(url=url, launcher=launcher, web=Web(None))
        source = self.realm.tokens(CLIENT, PASSWORD)["id_token"]
        return exchange.open(source, TokenType.ID_TOKEN, agent="coder", prompt=prompt).token

    def ask(self, token: str, sql: str = DROP, approval: str | None = None) -> dict[str, Any]:
        body = sql_request(sql, None)
        if approval is not None:
            body["context"]["approval"] = {"id": approval}
        answer = self.service.request("POST", "/authorize", body, token=token)
        assert answer.status == 200, answer.body
        return dict(answer.body)


def _must_not_be_blocked(message: Any) -> None:
    assert "Content Security Policy" not in message.text, message.text


def enter(page: Page, name: str) -> None:
    """Name and password at Keycloak's page."""
    page.fill("#username", name)
    page.fill("#password", PASSWORD)
    page.click("#kc-login")
    page.wait_for_load_state()


def _toml(realm: Realm, folder: Path) -> str:
    return f"""
[token]
issuer = "{URL}"
[console]
issuer = "{realm.issuer}"
client_id = "{CONSOLE}"
client_secret_file = "{folder / "secret"}"
[[identity.oidc]]
issuer = "{realm.issuer}"
audience = "counterfoil"
login_client_id = "{CLIENT}"
algorithms = ["RS256"]
jwks_retry_seconds = 1
tenant = "acme"
subject_namespace = "{NAMESPACE}"
[[identity.saml]]
entity_id = "{ENTITY}"
metadata_url = "{realm.saml_metadata}"
issuer = "{realm.issuer}"
subject_attribute = "uid"
subject_namespace = "{NAMESPACE}"
tenant = "acme"
[[identity.launcher]]
id = "desk"
tenant = "acme"
jwks_file = "{folder / "desk.json"}"
[[identity.agent]]
name = "coder"
tenant = "acme"
launchers = ["desk"]
ceiling = ["orders-developer", "orders-reader"]
[[role]]
name = "auditor"
tenant = "acme"
issuers = ["{realm.issuer}"]
groups = ["compliance"]
"""


@pytest.fixture(scope="module")
def world(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("console")
    (folder / "service").mkdir()
    (folder / "secret").write_text(CONSOLE_SECRET)
    desk, realms = LauncherKey("desk"), list[Realm]()
    desk.publish(folder / "desk.json")

    def more(url: str) -> str:
        realm = people_realm(f"{url}/saml/acs", f"{url}/logout/backchannel", url)
        realms.append(keycloak.add({**realm, "realm": "people"}))
        return _toml(realms[0], folder)

    bundle = deployment_bundle(folder)
    with (
        standalone_service(folder / "service", more, bundle=bundle) as service,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(OPTIONS))
        try:
            yield World(realms[0], service, desk, browser)
        finally:
            browser.close()


def shot(page: Page, name: str) -> None:
    """A picture for the docs, where `CF_SHOTS` asks for new ones."""
    if os.environ.get("CF_SHOTS"):
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png")


def pages_of(world: World, decision: str, approval: str) -> dict[str, str]:
    """Every page, by a name."""
    return {
        "approvals": f"{world.console}/approvals",
        "approval": f"{world.console}/approvals/{approval}",
        "activity": f"{world.console}/activity",
        "decision": f"{world.console}/activity/{decision}",
        "ledger": f"{world.console}/ledger",
        "proof": f"{world.console}/ledger/{decision}",
        "home": world.console,
    }


def test_an_approver_signs_in_reads_and_approves_and_the_agent_goes_on(world: World) -> None:
    token = world.run()
    waits = world.ask(token)
    approval = waits["approval"]["id"]
    page = world.person("bob")
    page.click(f'a[href="/console/approvals/{approval}"]')
    assert page.locator("mark").inner_text().startswith("public.invoices")
    assert page.locator("figcaption").inner_text().startswith("Untrusted text")
    shot(page, "approve")
    page.get_by_label("Comment").fill("the table is empty")
    page.get_by_role("button", name="Approve this action").click()
    assert page.locator(".approved").first.inner_text() == "approved"
    assert world.ask(token, approval=approval)["effect"] == "allow"


def test_without_script_a_person_denies(world: World) -> None:
    token = world.run()
    approval = world.ask(token)["approval"]["id"]
    page = world.person("bob", java_script_enabled=False)
    page.goto(f"{world.console}/approvals/{approval}")
    page.get_by_role("button", name="Deny").click()
    page.wait_for_load_state()
    assert "It is denied" in page.content()
    decision = world.ask(token, approval=approval)
    assert (decision["effect"], decision["reasons"][0]["code"]) == ("deny", "approval.denied")
    page = world.person("carol", java_script_enabled=False)
    page.goto(f"{world.console}/ledger/{decision['decision_id']}")
    assert "The service says: it holds" in page.inner_text("main")
    assert "it runs no script here" in page.inner_text("main")


def test_an_auditor_finds_a_job_and_the_browser_itself_verifies_its_record(world: World) -> None:
    decision = world.ask(world.run())["decision_id"]
    page = world.person("carol")
    page.get_by_role("link", name="Activity", exact=True).click()
    page.get_by_label("Effect", exact=True).select_option("needs_approval")
    page.get_by_role("button", name="Search").click()
    shot(page, "activity")
    page.click(f'a[href="/console/activity/{decision}"]')
    assert PROMPT in page.inner_text("figure.untrusted")
    page.get_by_role("link", name="Verify this record").click()
    page.wait_for_selector("#verdict.ok")
    assert page.inner_text("#verdict").startswith("it holds: record ")
    shot(page, "proof")
    changed: list[tuple[str, Callable[[str], str], str]] = [
        ("leaf", lambda text: text.replace("needs_approval", "allow"), "signed root"),
        ("tlog-proof", lambda text: text.replace("index ", "index 9"), "outside the log"),
    ]
    for name, change, why in changed:
        text = page.text_content(f"#{name}") or ""
        assert change(text) != text
        _put(page, name, change(text))
        page.wait_for_selector("#verdict.failed")
        assert why in page.inner_text("#verdict")
        _put(page, name, text)
        page.wait_for_selector("#verdict.ok")  # control
    other = "localhost+00000000+AQ" + "A" * 42
    page.fill("#vkey", other)
    page.wait_for_selector("#verdict.failed")


def _put(page: Page, name: str, text: str) -> None:
    page.eval_on_selector(f"#{name}", "(it, text) => { it.textContent = text; }", text)
    page.dispatch_event("#vkey", "input")


def test_decisions_come_up_by_themselves_where_a_person_wants_that(world: World) -> None:
    page = world.person("carol")
    page.goto(f"{world.console}/activity")
    page.get_by_label("Look again every ten seconds").check()
    decision = world.ask(world.run())["decision_id"]
    page.wait_for_selector(f'a[href="/console/activity/{decision}"]', timeout=25_000)
    assert page.get_by_label("Look again every ten seconds").is_checked()


def test_a_person_signs_in_by_saml(world: World) -> None:
    page = world.page()
    page.goto(world.console)
    page.get_by_role("link", name="Sign in with SAML").click()
    enter(page, "bob")
    page.wait_for_url(world.console)
    page.goto(f"{world.console}/approvals")
    assert "Waiting for your answer" in page.content()
    cookies = {it["name"]: it for it in page.context.cookies(world.console)}
    assert cookies["counterfoil-console"]["httpOnly"]
    assert cookies["counterfoil-console"]["sameSite"] == "Lax"


def test_who_signs_out_at_the_provider_is_signed_out_here(world: World) -> None:
    page, other = world.person("carol"), world.person("carol")
    page.goto(world.realm.logout)
    page.click("#kc-logout")
    until = time.monotonic() + WITHIN_SECONDS
    while "/console/signin" not in page.url:
        assert time.monotonic() < until, "Keycloak has not said so, or we have not heard"
        page.goto(f"{world.console}/activity")
    other.goto(f"{world.console}/activity")  # another session of hers goes on
    assert other.url == f"{world.console}/activity"
    other.get_by_role("button", name="Sign out").click()
    other.goto(f"{world.console}/activity")
    assert "/console/signin" in other.url


def test_a_group_that_nobody_gave_opens_no_role(world: World) -> None:
    """Forged group: what a person adds to the address or a cookie changes nothing."""
    decision = world.ask(world.run())["decision_id"]
    page = world.person("bob")
    page.context.add_cookies(
        [{"name": "counterfoil-console", "value": "forged", "url": world.console}]
    )
    page.goto(f"{world.console}/ledger?groups=compliance&roles=auditor")
    assert "/console/signin" in page.url
    page = world.person("bob")
    response = page.goto(f"{world.console}/activity/{decision}?groups=compliance")
    assert response is not None
    assert response.status == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_phone(world: World, scheme: Any) -> None:
    prompt = "Drop it\u202e; p\u0430ypal"
    waits = world.ask(world.run(prompt))
    found: list[str] = []
    page = world.page(color_scheme=scheme, viewport=PHONE)
    page.goto(f"{world.console}/signin")
    found += axe.problems(page)
    page = world.person("root", color_scheme=scheme, viewport=PHONE)
    for name, address in pages_of(world, waits["decision_id"], waits["approval"]["id"]).items():
        page.goto(address)
        found += axe.problems(page)
        wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert wide <= 0, name
        if scheme == "dark" and name == "approval":
            shot(page, "approve-phone-dark")
    assert found == []


def test_script_in_prompts_never_runs(world: World) -> None:
    """The payloads in a browser that would run them: no dialog, no element, nothing blocked."""
    for first in range(0, len(PAYLOADS), 17):
        waits = world.ask(world.run("\n".join(PAYLOADS[first : first + 17])))
        page = world.person("root")
        for address in pages_of(world, waits["decision_id"], waits["approval"]["id"]).values():
            page.goto(address)
            assert page.locator("main img, main iframe, main script, main style").count() == 0


def test_no_other_page_frames_the_console(world: World) -> None:
    """Clickjacking: the frame stays empty."""
    page = world.page()
    page.remove_listener("console", _must_not_be_blocked)
    page.set_content(f'<iframe src="{world.console}/signin"></iframe>')
    page.wait_for_timeout(1_000)
    (frame,) = page.frames[1:]
    assert frame.locator("text=Sign in").count() == 0
