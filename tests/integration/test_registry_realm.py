"""The realm as clients call it, by both ways of its protocol."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from counterfoil.keys import ensure_es256_key
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import Job, TargetError
from counterfoil_issuers.oci_registry import Registry, build
from counterfoil_issuers.oci_registry.reaching import findings
from simulators.raw_upstream import raw_upstream

SCOPE = "repository:acme/api:pull,push"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    key = tmp_path_factory.mktemp("realm") / "token.pem"
    ensure_es256_key(key)
    target = build(
        {
            "location": "https://registry.example.com",
            "token_issuer": "counterfoil",
            "key_file": str(key),
            "listen": "127.0.0.1:0",
        }
    )
    target.start()
    yield target
    target.stop()


@pytest.fixture
def secret(issuer: Registry) -> Any:
    permission: dict[str, Any] = {
        "type": "oci_registry",
        "locations": [issuer.location],
        "identifier": "acme/api",
        "actions": ["pull", "push"],
        "operations": [0],
    }
    deadline = int(SystemClock().now()) + 60
    job = Job(
        jti="j",
        decision_id="dec_1",
        action_digest="d",
        permissions=(permission,),
        ambient=(),
        deadline=deadline,
    )
    return issuer.make(job).secret


def _ask(issuer: Registry, method: str, path: str = "/token", **more: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        url = f"http://127.0.0.1:{issuer.listener.port}{path}"
        return session.request(method, url, timeout=10, **more)


def _form(secret: Any, **changed: Any) -> dict[str, Any]:
    who = {"username": secret["username"], "password": secret["password"]}
    form = {"grant_type": "password", "service": "registry.example.com", "scope": SCOPE, **who}
    return {**form, **changed}


def _access(answer: requests.Response) -> Any:
    body = answer.json()
    return jwt.decode(body["access_token"], options={"verify_signature": False})["access"]


def test_both_ways_give_the_same_token_which_nobody_may_keep(issuer: Registry, secret: Any) -> None:
    who = (secret["username"], secret["password"])
    query = {"service": "registry.example.com", "scope": SCOPE, "client_id": "docker"}
    got = _ask(issuer, "GET", params=query, auth=who)
    posted = _ask(issuer, "POST", data=_form(secret))
    assert got.status_code == posted.status_code == 200
    assert _access(got) == _access(posted)
    assert got.json()["token"] == got.json()["access_token"]
    assert posted.json()["scope"] == SCOPE
    for answer in (got, posted):
        assert answer.headers["Cache-Control"] == "no-store"
        assert secret["password"] not in answer.text
        assert "refresh_token" not in answer.json()


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "another-grant": ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
    "another-service": ({"service": "other"}, 400, "invalid_request"),
    "two-services": ({"service": ["registry.example.com", "other"]}, 400, "invalid_request"),
    "no-service": ({"service": None}, 400, "invalid_request"),
    "two-users": ({"username": ["cf-a", "cf-b"]}, 400, "invalid_request"),
    "wrong-password": ({"password": "x"}, 401, "invalid_grant"),
    "no-scope-grammar": ({"scope": "acme/api"}, 400, "invalid_scope"),
    "too-long": ({"scope": "x" * 20_000}, 413, "invalid_request"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_realm_refuses_in_oauths_words(issuer: Registry, secret: Any, name: str) -> None:
    changed, status, error = REFUSED[name]
    answer = _ask(issuer, "POST", data=_form(secret, **changed))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "access_token" not in answer.text
    assert _ask(issuer, "POST", data=_form(secret)).status_code == 200


CHALLENGES: dict[str, tuple[str, list[str]]] = {
    "ours": ('Bearer realm="https://realm.example.com/token",service="SERVICE"', []),
    "another-service": ('Bearer realm="https://realm.example.com/token",service="x"', ["service"]),
    "another-path": ('Bearer realm="https://realm.example.com/auth",service="SERVICE"', ["realm"]),
    "basic": ('Basic realm="x"', ["auth.token"]),
    "none": ("", ["auth.token"]),
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_check_says_what_a_registry_does_not_know(issuer: Registry, name: str) -> None:
    challenge, words = CHALLENGES[name]
    with raw_upstream() as registry:
        service = f"127.0.0.1:{registry.port}"
        line = f"WWW-Authenticate: {challenge.replace('SERVICE', service)}\r\n" if challenge else ""
        registry.answer = f"HTTP/1.1 401 No\r\n{line}Content-Length: 0\r\n\r\n".encode()
        found = findings(registry.origin, service)
        assert registry.head[0] == "GET /v2/ HTTP/1.1"
        assert "authorization" not in registry.head[1]
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))
    with pytest.raises(TargetError):
        findings("http://127.0.0.1:1", service)


def test_one_connection_carries_one_question(issuer: Registry, secret: Any) -> None:
    who = base64.b64encode(f"{secret['username']}:{secret['password']}".encode()).decode()
    line = "GET /token?service=registry.example.com HTTP/1.1"
    one = f"{line}\r\nHost: x\r\nAuthorization: Basic {who}\r\n\r\n".encode()
    address = ("127.0.0.1", issuer.listener.port)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(one + one)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_credentials_in_other_places_count_nowhere(issuer: Registry, secret: Any) -> None:
    query = {"service": "registry.example.com", "scope": SCOPE}
    who = {"username": secret["username"], "password": secret["password"]}
    good = base64.b64encode(f"{who['username']}:{who['password']}".encode()).decode()
    url = "/token?service=registry.example.com"
    for method, path, more in (
        ("GET", "/token", {"params": query | who}),
        ("POST", url, {"data": _form(secret)}),
        ("GET", "/token/", {"params": query, "auth": tuple(who.values())}),
        ("GET", "//token", {"params": query, "auth": tuple(who.values())}),
        ("PUT", "/token", {"data": _form(secret)}),
        ("POST", "/token", {"json": _form(secret)}),
        ("GET", "/token", {"params": query, "headers": {"Authorization": f"Bearer {good}"}}),
        ("GET", "/token", {"params": query, "headers": {"Authorization": f"Basic {good}!"}}),
    ):
        assert _ask(issuer, method, path, **more).status_code in {401, 404, 405, 415}
    control = _ask(issuer, "GET", params=query, headers={"Authorization": f"Basic {good}"})
    assert control.status_code == 200
    unknown = _ask(issuer, "GET", params=query)
    assert unknown.headers["WWW-Authenticate"].startswith("Basic ")
