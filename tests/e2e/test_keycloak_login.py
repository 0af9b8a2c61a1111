"""A real Keycloak: one person by OIDC and by SAML, by browser and by device, is one subject."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment import URL, deployment_bundle
from exchange import claims_of
from login_story import TELL
from servers.keycloak_person import Keycloak, keycloak, person
from service import PROMPT, Service, sql_request
from standalone import standalone_service

pytestmark = pytest.mark.e2e

REALM, ENTITY, NAMESPACE = "acme", "https://counterfoil.example.com", "urn:acme:people"
CLIENT = "counterfoil-login"
SERVERS = Path(__file__).resolve().parents[1] / "servers"


def realm(acs_url: str) -> dict[str, Any]:
    """A realm as docs/identity/generic-saml.md says, with alice in it."""
    groups = {
        "name": "groups",
        "protocol": "saml",
        "protocolMapper": "saml-group-membership-mapper",
        "config": {"attribute.name": "groups", "single": "true", "full.path": "false"},
    }
    uid = {
        "name": "uid",
        "protocol": "saml",
        "protocolMapper": "saml-user-property-mapper",
        "config": {"user.attribute": "id", "attribute.name": "uid"},
    }
    oidc_groups = {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
    }
    return {
        "realm": REALM,
        "enabled": True,
        "groups": [{"name": "developers"}],
        "users": [
            {
                "username": "alice",
                "enabled": True,
                "email": "alice@example.test",
                "emailVerified": True,
                "firstName": "Alice",
                "lastName": "A",
                "credentials": [{"type": "password", "value": "wonderland", "temporary": False}],
                "groups": ["/developers"],
            }
        ],
        "clients": [
            {
                "clientId": CLIENT,
                "enabled": True,
                "publicClient": True,
                "standardFlowEnabled": True,
                "redirectUris": ["http://127.0.0.1/*"],
                "attributes": {
                    "pkce.code.challenge.method": "S256",
                    "oauth2.device.authorization.grant.enabled": "true",
                },
                "protocolMappers": [oidc_groups],
            },
            {
                "clientId": ENTITY,
                "protocol": "saml",
                "enabled": True,
                "redirectUris": [acs_url],
                "attributes": {
                    "saml.authnstatement": "true",
                    "saml.server.signature": "true",
                    "saml.assertion.signature": "true",
                    "saml.client.signature": "false",
                    "saml.signature.algorithm": "RSA_SHA256",
                    "saml_name_id_format": "username",
                    "saml_force_name_id_format": "true",
                    "saml_assertion_consumer_url_post": acs_url,
                    "saml.force.post.binding": "true",
                },
                "protocolMappers": [groups, uid],
            },
        ],
    }


@dataclass(slots=True)
class World:
    """Keycloak, the service that trusts it, and a person's own configuration."""

    provider: Keycloak
    service: Service
    config: Path

    def login(self, *arguments: str) -> dict[str, Any]:
        """Log in as alice, and what the program then says of itself."""
        browser = f"{sys.executable} {SERVERS / 'keycloak_person.py'} %s alice wonderland &"
        done = subprocess.run(
            [*self.command(*arguments), "--", *TELL],
            env={"PATH": "/usr/bin:/bin", "BROWSER": browser},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def command(self, *arguments: str) -> list[str]:
        whole = [sys.executable, "-m", "counterfoil.cli", "login", "--config", str(self.config)]
        return [*whole, "--agent", "coder", "--prompt", PROMPT, *arguments]

    def allows(self, token: str) -> bool:
        request = sql_request("SELECT a FROM public.t", None)
        answer = self.service.request("POST", "/authorize", request, token=token)
        return bool(answer.status == 200 and answer.body["effect"] == "allow")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("keycloak")
    (folder / "service").mkdir()
    bundle = deployment_bundle(folder)
    key, keys = folder / "desk.pem", [sys.executable, "-m", "counterfoil.cli", "login"]
    made = subprocess.run(
        [*keys, "--launcher-keys", str(key)], capture_output=True, check=True, timeout=60
    )
    (folder / "desk.json").write_bytes(made.stdout)
    # The ACS URL has the service's port, which is drawn when it starts: any port of it may answer.
    with keycloak(folder, realm("http://127.0.0.1/saml/acs")) as provider:
        (folder / "realm.json").write_bytes(provider.keys())

        def more(url: str) -> str:
            clients = provider.admin("GET", f"clients?clientId={ENTITY}")
            client = clients[0]
            acs = f"{url}/saml/acs"
            client["redirectUris"] = [acs]
            client["attributes"]["saml_assertion_consumer_url_post"] = acs
            provider.admin("PUT", f"clients/{client['id']}", client)
            return f"""
[token]
issuer = "{URL}"
[[identity.oidc]]
issuer = "{provider.issuer}"
audience = "counterfoil"
login_client_id = "{CLIENT}"
jwks_file = "{folder / "realm.json"}"
tenant = "acme"
subject_namespace = "{NAMESPACE}"
[[identity.saml]]
entity_id = "{ENTITY}"
metadata_url = "{provider.saml_metadata}"
issuer = "{provider.issuer}"
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

        with standalone_service(folder / "service", more, bundle=bundle) as service:
            config = folder / "login.toml"
            config.write_text(
                f'[login]\nurl = "http://127.0.0.1:{service.port}"\nissuer = "{provider.issuer}"\n'
                f'client_id = "{CLIENT}"\nlauncher = "desk"\nlauncher_key_file = "{key}"\n'
            )
            yield World(provider, service, config)


def test_the_same_person_by_oidc_and_by_saml_is_one_subject(world: World) -> None:
    by_oidc, by_saml = claims_of(world.login()["token"]), claims_of(world.login("--saml")["token"])
    for claims in (by_oidc, by_saml):
        assert (claims["sub_iss"], claims["tenant"]) == (NAMESPACE, "acme")
        assert claims["groups"] == ["developers"]
        assert claims["act"]["sub"] == "coder"
    assert by_oidc["sub"] == by_saml["sub"]
    assert by_oidc["run"] != by_saml["run"]


def test_the_agent_acts_for_a_person_who_came_by_saml(world: World) -> None:
    told = world.login("--saml")
    assert world.allows(told["token"])
    assert told["files"] == [told["token"]]


def test_a_person_logs_in_on_another_device(world: World) -> None:
    with subprocess.Popen(
        [*world.command("--device"), "--", *TELL],
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        said, complete = "", None
        while complete is None:
            line = process.stderr.readline()
            said += line
            assert line, said
            complete = re.search(r"or open (\S+)", line)
        person(complete[1], "alice", "wonderland")
        told = json.loads(process.stdout.read())
        assert process.wait(60) == 0
    assert world.allows(told["token"])


def test_a_key_that_keycloak_rotates_is_found_without_a_restart(world: World) -> None:
    before = claims_of(world.login("--saml")["token"])
    component = {
        "name": "rotated",
        "providerId": "rsa-generated",
        "providerType": "org.keycloak.keys.KeyProvider",
        "config": {
            "priority": ["1000"],
            "enabled": ["true"],
            "active": ["true"],
            "keySize": ["3072"],
        },
    }
    world.provider.admin("POST", "components", component)
    # An unknown key makes the service look again, once a minute at most.
    for _ in range(8):
        done = subprocess.run(
            [*world.command("--saml"), "--", *TELL],
            env={
                "PATH": "/usr/bin:/bin",
                "BROWSER": f"{sys.executable} {SERVERS / 'keycloak_person.py'} %s alice wonderland &",
                "COUNTERFOIL_LOGIN__WAIT_SECONDS": "15",
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    assert claims_of(json.loads(done.stdout)["token"])["sub"] == before["sub"]
