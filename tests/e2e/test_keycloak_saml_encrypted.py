"""A real Keycloak encrypts its assertions for this service, in the ways that it knows."""

from __future__ import annotations

import html
import re
import secrets
import urllib.parse
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import pytest

from counterfoil.core.canonical import digest
from deployment import URL, deployed
from exchange import claims_of
from saml_cases.encrypted import decryption_lines, ours
from saml_world import World, assert_problem, returned
from servers.keycloak import Keycloak, Realm
from servers.people_realm import ENTITY, PASSWORD, people_realm
from simulators.http_door import Answer
from simulators.saml_encryption import (
    AES_128_GCM,
    AES_256_CBC,
    AES_256_GCM,
    OAEP,
    OAEP_MGF1P,
    RSA_1_5,
    SHA_256,
    SHA_512,
    XENC11,
)
from simulators.saml_idp import SamlIdp

pytestmark = pytest.mark.e2e

ACCEPTED = {
    "as_it_comes": {"algorithm": AES_256_GCM, "keyAlgorithm": OAEP},
    "sha_512": {
        "algorithm": AES_256_GCM,
        "keyAlgorithm": OAEP,
        "digestMethod": SHA_512,
        "maskGenerationFunction": f"{XENC11}mgf1sha512",
    },
    "first_version": {
        "algorithm": AES_128_GCM,
        "keyAlgorithm": OAEP_MGF1P,
        "digestMethod": SHA_256,
    },
}
REFUSED = {
    "cbc": {"algorithm": AES_256_CBC, "keyAlgorithm": OAEP},
    "rsa_1_5": {"algorithm": AES_256_GCM, "keyAlgorithm": RSA_1_5},
}


@dataclass(slots=True)
class People:
    """The service, and the realm whose people come in encrypted."""

    world: World
    realm: Realm

    def encrypt(self, **algorithms: str) -> None:
        """Have Keycloak encrypt in this way from now on."""
        clients = self.realm.admin("GET", f"clients?clientId={urllib.parse.quote(ENTITY)}")
        client: dict[str, Any] = clients[0]
        for name in ("algorithm", "keyAlgorithm", "digestMethod", "maskGenerationFunction"):
            client["attributes"].pop(f"saml.encryption.{name}", None)
        client["attributes"] |= {f"saml.encryption.{k}": v for k, v in algorithms.items()}
        self.realm.admin("PUT", f"clients/{client['id']}", client)

    def come(self, verifier: str) -> Answer:
        """Alice logs in; what the service answers to what her browser brings."""
        query = self.world.login_query(code_challenge=digest(verifier.encode()))
        started = self.world.get("/saml/login", **query)
        assert started.status == 302
        fields = logged_in(started.headers["Location"])
        document = b64decode(fields["SAMLResponse"])
        assert b"EncryptedAssertion" in document
        assert b"alice" not in document
        return self.world.post(document, fields["RelayState"])


def logged_in(location: str) -> dict[str, str]:
    """What the provider has the browser post, after alice gave her password."""
    # As browsers do: on this machine what is marked Secure goes over http as well.
    cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    with browser.open(location, timeout=60) as page:
        action = re.search(r'action="([^"]+)"', page.read().decode())
    assert action is not None
    form = urllib.parse.urlencode({"username": "alice", "password": PASSWORD}).encode()
    with browser.open(html.unescape(action[1]), form, timeout=60) as page:
        inputs = re.findall(r'name="(\w+)" value="([^"]*)"', page.read().decode(), re.IGNORECASE)
    return {name: html.unescape(value) for name, value in inputs}


@pytest.fixture(scope="module")
def people(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("encrypted")
    realm = people_realm(f"{URL}/saml/acs", f"{URL}/logout/backchannel")
    realm["realm"] = "encrypted"
    (client,) = (item for item in realm["clients"] if item["clientId"] == ENTITY)
    client["attributes"] |= {
        "saml.encrypt": "true",
        "saml.encryption.certificate": ours().text,
    }
    added = keycloak.add(realm)
    with urllib.request.urlopen(added.saml_metadata, timeout=60) as document:  # noqa: S310 -- ours
        (folder / "idp.xml").write_bytes(document.read())
    entry = (
        f'[[identity.saml]]\nentity_id = "{ENTITY}"\nmetadata_file = "{folder}/idp.xml"\n'
        'subject_namespace = "urn:acme:people"\nsubject_attribute = "uid"\ntenant = "acme"\n'
    )
    with deployed(folder, more=entry + decryption_lines(folder)) as deployment:
        try:
            yield People(World(deployment, SamlIdp()), added)
        finally:
            deployment.app.extensions["counterfoil"].xml_reader.close()


@pytest.mark.parametrize("way", ACCEPTED)
def test_a_person_whose_assertion_keycloak_encrypts_comes_in(people: People, way: str) -> None:
    people.encrypt(**ACCEPTED[way])
    verifier = secrets.token_urlsafe(48)
    answer = people.come(verifier)
    assert answer.status == 303, answer.data
    given = people.world.exchange(returned(answer)["code"], verifier)
    assert given.status == 200, given.json
    claims = claims_of(given.json["access_token"])
    assert (claims["groups"], claims["tenant"]) == (["developers"], "acme")


@pytest.mark.parametrize("way", REFUSED)
def test_what_has_a_padding_oracle_is_refused_and_its_control_is_not(
    people: People, way: str
) -> None:
    people.encrypt(**REFUSED[way])
    assert_problem(people.come(secrets.token_urlsafe(48)))
    people.encrypt(**ACCEPTED["as_it_comes"])
    assert people.come(secrets.token_urlsafe(48)).status == 303
