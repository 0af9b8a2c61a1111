"""A real Keycloak beside the running service: groups, audiences, rotation, bound tokens."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_service import identity_service
from main_path import assert_allowed, assert_problem
from proofs import Prover
from servers.keycloak import Keycloak, Realm
from service import PROGRAM, Service, sql_request

pytestmark = pytest.mark.e2e
PASSWORD = "alice"
CREATE = "CREATE TABLE public.invoices (id int)"


def mapper(name: str, kind: str, **config: str) -> dict[str, Any]:
    base = {"access.token.claim": "true", "id.token.claim": "false"}
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": kind,
        "config": {**base, **config},
    }


GROUPS = mapper(
    "groups", "oidc-group-membership-mapper", **{"claim.name": "groups", "full.path": "false"}
)
AUDIENCE = mapper("audience", "oidc-audience-mapper", **{"included.custom.audience": "counterfoil"})
# The agent's name as an issuer that may assert actors would say it.
ACTOR = mapper(
    "act",
    "oidc-hardcoded-claim-mapper",
    **{"claim.name": "act", "claim.value": '{"sub":"coder"}', "jsonType.label": "JSON"},
)


def client(name: str, *mappers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "clientId": name,
        "enabled": True,
        "publicClient": True,
        "directAccessGrantsEnabled": True,
        "standardFlowEnabled": False,
        "defaultClientScopes": ["basic"],
        "protocolMappers": list(mappers),
        **more,
    }


REALM: dict[str, Any] = {
    "realm": "agents",
    "enabled": True,
    "groups": [{"name": "developers"}],
    "users": [
        {
            "username": "alice",
            "enabled": True,
            "email": "alice@example.com",
            "emailVerified": True,
            "firstName": "Alice",
            "lastName": "A",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
            "groups": ["/developers"],
        }
    ],
    "clients": [
        client("agent", GROUPS, AUDIENCE, ACTOR),
        client("person", GROUPS, AUDIENCE),
        client("elsewhere", GROUPS),
        client("bound", GROUPS, AUDIENCE, ACTOR, attributes={"dpop.bound.access.tokens": "true"}),
    ],
}


@pytest.fixture(scope="module")
def server(keycloak: Keycloak) -> Realm:
    return keycloak.add(REALM)


@pytest.fixture(scope="module")
def service(server: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    entry = (
        f'[[identity.oidc]]\nissuer = "{server.issuer}"\naudience = "counterfoil"\n'
        'algorithms = ["RS256"]\nmay_assert_actor = true\njwks_retry_seconds = 1\n'
        'login_client_id = "person"\n'
    )
    folder = tmp_path_factory.mktemp("service")
    with identity_service(folder, entry, agents_of=server.issuer) as running:
        yield running


def ask(service: Service, token: str) -> Any:
    return service.request("POST", "/authorize", sql_request(CREATE), token=token)


def test_group_of_a_real_provider_decides(service: Service, server: Realm) -> None:
    assert_allowed(ask(service, server.tokens("agent", PASSWORD)["access_token"]).body)


def test_person_without_an_agent_and_token_for_others_decide_nothing(
    service: Service, server: Realm
) -> None:
    person = server.tokens("person", PASSWORD)["access_token"]
    assert_problem(ask(service, person), 401, "identity.actor_required")
    assert service.request("GET", "/approvals", token=person).status == 200
    elsewhere = server.tokens("elsewhere", PASSWORD)["access_token"]
    assert_problem(ask(service, elsewhere), 401, "identity.invalid_token")
    refresh = server.tokens("agent", PASSWORD)["refresh_token"]
    assert_problem(ask(service, refresh), 401, "identity.invalid_token")


def test_rotation_in_mid_run_needs_no_restart(service: Service, server: Realm) -> None:
    old = server.tokens("agent", PASSWORD)["access_token"]
    assert_allowed(ask(service, old).body)
    time.sleep(1.1)
    server.add_key(priority=str(int(time.time())), algorithm="RS256", keySize="2048")  # noqa: TID251 -- above every earlier one
    new = server.tokens("agent", PASSWORD)["access_token"]
    assert new.split(".")[0] != old.split(".")[0]
    assert_allowed(ask(service, new).body)
    assert_allowed(ask(service, old).body)  # the old key is still published


def test_token_bound_by_keycloak_wants_its_proof(service: Service, server: Realm) -> None:
    prover = Prover()
    at = f"{server.issuer}/protocol/openid-connect/token"
    first = prover.proof(method="POST", url=at, now=time.time(), token=None)  # noqa: TID251
    token = server.tokens("bound", PASSWORD, {"DPoP": first})["access_token"]
    cnf = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))["cnf"]
    assert cnf["jkt"] == prover.thumbprint
    assert_problem(ask(service, token), 401, "identity.invalid_token")
    proof = prover.proof(
        method="POST",
        url=f"http://127.0.0.1:{service.port}/authorize",
        now=time.time(),  # noqa: TID251
        token=token,
    )
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    answer = service.request("POST", "/authorize", sql_request(CREATE), headers=headers)
    assert answer.status == 200, (answer.body, service.lines[-5:])
    assert_allowed(answer.body)


def test_explain_passes_an_id_token_of_the_login_client(
    service: Service, server: Realm, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(server.tokens("person", PASSWORD)["id_token"])
    config = str(service.folder / "counterfoil.toml")
    command = (*PROGRAM, "explain", "token", str(file), "--login", "--config", config)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
