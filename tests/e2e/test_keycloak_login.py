"""A person logs in at a real Keycloak with a real browser: by code, by device, by SAML; and out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from counterfoil.cli.login_exchange import Exchange, Given
from counterfoil.cli.login_http import LoginFailed, Web
from counterfoil.cli.login_settings import launcher_of, settings_of
from counterfoil.core.token_request import TokenType
from deployment import URL, deployment_bundle
from exchange import claims_of
from login_story import TELL
from main_path import assert_allowed, assert_problem
from servers.browser import command as browser_command
from servers.browser import person
from servers.keycloak import Keycloak, Realm
from servers.people_realm import CLIENT, ENTITY, PASSWORD, people_realm
from service import PROMPT, Answer, Service, sql_request
from standalone import standalone_service

pytestmark = pytest.mark.e2e

NAMESPACE = "urn:acme:people"
LOGIN = (sys.executable, "-m", "counterfoil.cli", "login")
WITHIN_SECONDS = 30.0  # Keycloak calls us when it gets to it
SELECT = {
    "type": "postgresql",
    "locations": ["postgresql://127.0.0.1:5432/orders"],
    "object": "table",
    "identifier": "public.t",
    "columns": ["a"],
    "actions": ["select"],
    "operations": [0],
}


@dataclass(slots=True)
class World:
    """Keycloak, the service that trusts it, and a person's own configuration."""

    realm: Realm
    service: Service
    config: Path

    def login(self, *arguments: str, session: Path | None = None) -> dict[str, Any]:
        """Log in as alice, and what the agent's program then says of itself."""
        done = self.tried(*arguments, session=session)
        assert done.returncode == 0, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def tried(
        self, *arguments: str, session: Path | None = None, wait_seconds: int = 120
    ) -> subprocess.CompletedProcess[str]:
        browser = browser_command("alice", PASSWORD, session)
        return subprocess.run(
            [*self.command(*arguments), "--", *TELL],
            env={
                **os.environ,
                "BROWSER": browser,
                "COUNTERFOIL_LOGIN__WAIT_SECONDS": str(wait_seconds),
            },
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def command(self, *arguments: str) -> list[str]:
        whole = [*LOGIN, "--config", str(self.config)]
        return [*whole, "--agent", "coder", "--prompt", PROMPT, *arguments]

    def ask(self, token: str) -> Answer:
        request = sql_request("SELECT a FROM public.t", None)
        return self.service.request("POST", "/authorize", request, token=token)

    def assert_acts(self, token: str) -> None:
        """The agent may do exactly this."""
        answer = self.ask(token)
        assert answer.status == 200, answer.body
        assert_allowed(answer.body, [SELECT])

    def exchange(self) -> Exchange:
        """The launcher, in this process."""
        settings = settings_of(self.config)
        return Exchange(url=settings.url, launcher=launcher_of(settings), web=Web(None))

    def opened_by(self, id_token: str) -> Given:
        """A run opened with a token of the provider."""
        return self.exchange().open(id_token, TokenType.ID_TOKEN, agent="coder", prompt=PROMPT)


def _toml(realm: Realm, folder: Path) -> str:
    return f"""
[token]
issuer = "{URL}"
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
"""


@pytest.fixture(scope="module")
def world(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("people")
    (folder / "service").mkdir()
    key, realms = folder / "desk.pem", list[Realm]()
    made = subprocess.run(
        [*LOGIN, "--launcher-keys", str(key)], capture_output=True, check=True, timeout=60
    )
    (folder / "desk.json").write_bytes(made.stdout)

    def more(url: str) -> str:
        realms.append(keycloak.add(people_realm(f"{url}/saml/acs", f"{url}/logout/backchannel")))
        return _toml(realms[0], folder)

    bundle = deployment_bundle(folder)
    with standalone_service(folder / "service", more, bundle=bundle) as service:
        config = folder / "login.toml"
        config.write_text(
            f'[login]\nurl = "http://127.0.0.1:{service.port}"\nissuer = "{realms[0].issuer}"\n'
            f'client_id = "{CLIENT}"\nlauncher = "desk"\nlauncher_key_file = "{key}"\n'
        )
        yield World(realms[0], service, config)


def test_a_person_logs_in_with_a_browser_and_their_agent_acts(world: World) -> None:
    told = world.login()
    claims = claims_of(told["token"])
    assert (claims["sub_iss"], claims["tenant"]) == (NAMESPACE, "acme")
    assert claims["groups"] == ["developers"]
    assert claims["act"]["sub"] == "coder"
    world.assert_acts(told["token"])


def test_the_same_person_by_oidc_and_by_saml_is_one_subject(world: World) -> None:
    by_oidc, by_saml = claims_of(world.login()["token"]), claims_of(world.login("--saml")["token"])
    for name in ("sub", "sub_iss", "tenant", "groups"):
        assert by_oidc[name] == by_saml[name]
    assert (by_saml["sub_iss"], by_saml["groups"]) == (NAMESPACE, ["developers"])
    assert by_oidc["run"] != by_saml["run"]


def test_the_agent_acts_for_a_person_who_came_by_saml(world: World) -> None:
    told = world.login("--saml")
    world.assert_acts(told["token"])
    assert told["files"] == [told["token"]]


def page_of(login: subprocess.Popen[str]) -> str:
    """The address that the login tells a person to open elsewhere."""
    assert login.stderr is not None
    said, complete = "", None
    while complete is None:
        line = login.stderr.readline()
        said += line
        assert line, said
        complete = re.search(r"or open (\S+)", line)
    return complete[1]


def test_a_person_logs_in_on_another_device(world: World) -> None:
    with subprocess.Popen(
        [*world.command("--device"), "--", *TELL],
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert "Device Login Successful" in person(page_of(process), "alice", PASSWORD)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    told = json.loads(said)
    assert claims_of(told["token"])["groups"] == ["developers"]
    world.assert_acts(told["token"])


def test_a_wrong_password_opens_nothing(world: World) -> None:
    browser = browser_command("alice", "another")
    done = subprocess.run(
        [*world.command(), "--", *TELL],
        env={**os.environ, "BROWSER": browser, "COUNTERFOIL_LOGIN__WAIT_SECONDS": "8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody came back" in done.stderr


def header_of(token: str) -> dict[str, Any]:
    part = token.split(".", maxsplit=1)[0]
    value: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def test_a_key_rotated_in_mid_run_stops_nobody(world: World) -> None:
    tell = world.login()["token"]
    by_saml = claims_of(world.login("--saml")["token"])
    old = world.realm.tokens(CLIENT, PASSWORD)["id_token"]
    before = world.opened_by(old)
    fresh = world.realm.add_key(priority="1000", algorithm="RS256", keySize="3072")
    new = world.realm.tokens(CLIENT, PASSWORD)["id_token"]
    assert header_of(new)["kid"] == fresh != header_of(old)["kid"]
    time.sleep(1.1)  # jwks_retry_seconds
    world.assert_acts(world.opened_by(new).token)
    world.assert_acts(world.opened_by(old).token)  # its key is still published
    world.assert_acts(tell)
    world.assert_acts(world.exchange().renew(before).token)
    world.assert_acts(world.login()["token"])
    # SAML's keys are looked for again once a minute at most.
    for _ in range(12):
        done = world.tried("--saml", wait_seconds=15)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    assert claims_of(json.loads(done.stdout)["token"])["sub"] == by_saml["sub"]


def test_a_person_who_logs_out_ends_the_runs_of_that_session(world: World, tmp_path: Path) -> None:
    session = tmp_path / "session.json"
    token, other = world.login(session=session)["token"], world.login()["token"]
    for given in (token, other):
        world.assert_acts(given)
    person(world.realm.logout, "alice", PASSWORD, session)
    until = time.monotonic() + WITHIN_SECONDS
    while world.ask(token).status == 200:
        assert time.monotonic() < until, "Keycloak has not said so, or we have not heard"
        time.sleep(0.2)
    assert_problem(world.ask(token), 401, "identity.invalid_token")
    ended = Given(token=token, run=claims_of(token)["run"], expires_at=0)
    with pytest.raises(LoginFailed):
        world.exchange().renew(ended)
    world.assert_acts(other)
