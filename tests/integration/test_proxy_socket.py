"""Mutual TLS of launchers, from the handshake to the token: a real proxy in front of a real service."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from certificates import Authority, ClientCertificate
from counterfoil.core.credential import credential_name
from counterfoil.core.token_request import TokenType
from exchange import EXCHANGE, FORM, claims_of
from service import Service
from simulators.idp import Idp
from simulators.tls_proxy import UnixConnection, tls_proxy
from standalone import standalone_service

IDP = "https://idp.example.com"


@dataclass(slots=True)
class World:
    """A service with a proxy in front, and a launcher that has a certificate."""

    service: Service
    folder: Path
    idp: Idp
    door: Path
    authority: Authority
    shown: ClientCertificate
    port: int

    def form(self) -> bytes:
        now = int(time.time())  # noqa: TID251
        person: dict[str, Any] = {
            "iss": IDP,
            "aud": "counterfoil",
            "sub": "alice",
            "groups": ["developers"],
        }
        claims = {**person, "iat": now, "exp": now + 300}
        fields = {
            "grant_type": EXCHANGE,
            "subject_token": self.idp.signers[-1].sign(claims),
            "subject_token_type": TokenType.ACCESS_TOKEN.value,
            "agent": "coder",
            "client_id": "desk",
        }
        return urlencode(fields).encode()

    def asked(
        self, connection: http.client.HTTPConnection, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        try:
            sent = {"Content-Type": FORM, **(headers or {})}
            connection.request("POST", "/token", self.form(), sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def through(
        self, certificate: ClientCertificate | None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Through the proxy, by TLS."""
        if certificate is None:
            context = ssl.create_default_context(cafile=str(self.authority.file))
        else:
            context = certificate.context(self.folder, self.authority)
        https = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=20)
        return self.asked(https, headers)

    def past(self, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Past the proxy, at the service's own port."""
        direct = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=20)
        return self.asked(direct, headers)


def toml(folder: Path, door: Path, idp: Idp) -> str:
    return f"""
[server]
proxy_socket = "{door}"
[[identity.oidc]]
issuer = "{IDP}"
audience = "counterfoil"
jwks_file = "{idp.jwks_file}"
[[identity.launcher]]
id = "desk"
certificate_file = "{folder}/desk.pem"
[[issuer]]
name = "pg"
certificate_file = "{folder}/desk.pem"
[[identity.agent]]
name = "coder"
launchers = ["desk"]
ceiling = []
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, shown = tmp_path_factory.mktemp("proxy"), ClientCertificate.make()
    (folder / "desk.pem").write_bytes(shown.pem)
    (folder / "service").mkdir()
    idp, authority = Idp(folder), Authority.make(folder, "authority")
    with tempfile.TemporaryDirectory(prefix="cf-") as name:
        door = Path(name) / "proxy.sock"
        more = toml(folder, door, idp)
        with (
            standalone_service(folder / "service", lambda _: more) as service,
            tls_proxy(folder, authority, door, shown, STRANGER) as port,
        ):
            yield World(service, folder, idp, door, authority, shown, port)


STRANGER = ClientCertificate.make("stranger")  # TLS lets it pass, and nobody has registered it


def assert_no_client(answer: tuple[int, dict[str, Any]]) -> None:
    assert (answer[0], answer[1]["error"]) == (401, "invalid_client")


def test_the_certificate_of_the_handshake_opens_a_run(world: World) -> None:
    status, given = world.through(world.shown)
    assert status == 200, given
    assert claims_of(given["access_token"])["client_id"] == "desk"


def test_nothing_but_the_handshake_says_whose_certificate_it_is(world: World) -> None:
    forged = {"Client-Cert": world.shown.header}
    assert_no_client(world.through(None))
    assert_no_client(world.through(None, forged))
    assert_no_client(world.through(STRANGER))
    assert_no_client(world.through(STRANGER, forged))
    assert world.through(world.shown)[0] == 200


@pytest.mark.parametrize(
    "name", ["Client-Cert", "client-cert", "Client_Cert", "counterfoil.by_proxy", "X-Client-Cert"]
)
def test_a_direct_caller_forges_no_certificate(world: World, name: str) -> None:
    assert_no_client(world.past({name: world.shown.header}))
    assert_no_client(world.past({name: world.shown.header, "Client-Cert": world.shown.header}))


def test_a_proxy_that_adds_its_word_to_a_clients_is_refused(world: World) -> None:
    connection = UnixConnection(world.door)
    connection.putrequest("POST", "/token")
    body = world.form()
    for name, value in (
        ("Content-Type", FORM),
        ("Content-Length", str(len(body))),
        ("Client-Cert", world.shown.header),
        ("Client-Cert", STRANGER.header),
    ):
        connection.putheader(name, value)
    connection.endheaders(body)
    assert connection.getresponse().status == 401
    connection.close()
    assert world.asked(UnixConnection(world.door), {"Client-Cert": world.shown.header})[0] == 200


def test_the_certificate_of_the_handshake_proves_an_issuer(world: World) -> None:
    """Known, it is told that there is no such grant; a stranger is told nothing."""
    path = f"/grants/jti_{'0' * 26}/redeem"
    body = json.dumps({"action_digest": "A" * 43, "credential": credential_name("jti_x")})
    forged = {"Client-Cert": world.shown.header}

    def redeem(shown: ClientCertificate, **headers: str) -> int:
        context = shown.context(world.folder, world.authority)
        https = http.client.HTTPSConnection("127.0.0.1", world.port, context=context, timeout=20)
        https.request("POST", path, body, {"Content-Type": "application/json", **headers})
        try:
            return https.getresponse().status
        finally:
            https.close()

    assert redeem(world.shown) == 404
    assert redeem(STRANGER) == redeem(STRANGER, **forged) == 401
    direct = world.service.request("POST", path, body.encode(), headers=forged)
    assert direct.body["code"] == "identity.missing_credential"


def test_the_socket_is_this_accounts_and_one_groups(world: World) -> None:
    status = world.door.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o660, os.geteuid())
