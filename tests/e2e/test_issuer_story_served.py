"""From `/authorize` to a pushed image and a called API, by issuers that serve clients themselves.

The service, `counterfoil issuer oci_registry` and `counterfoil issuer http_proxy` as processes,
a real registry, and an API that keeps what it hears.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

import registry_world
from counterfoil.keys import ensure_issuer_key
from counterfoil.resources import packaged
from gateway_world import STANDING
from registry_client import Client, pull, push
from servers import registry as real_registry
from servers.issuer import Issuer, make_issuer, running_issuer
from service import PROGRAM, Service, running_service
from simulators.raw_upstream import RawUpstream, raw_upstream
from simulators.real_opa import policy_folder

pytestmark = pytest.mark.e2e
ACCESS = "data/access/default/data.json"
TARGET, BODY = "/v1/orders?notify=yes", '{"item": 7}'


@dataclass
class World:
    service: Service
    images: Issuer
    orders: Issuer
    registry: str
    api: RawUpstream

    def decided(self, tool: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
        """The token and the answer of an allow."""
        token = self.service.token()
        body = {
            "action": {"name": tool, "properties": {"arguments": arguments}},
            "context": {"prompt": "Publish the new version"},
        }
        answer = self.service.request("POST", "/authorize", body, token=token)
        assert answer.body["effect"] == "allow", answer.body
        return token, answer.body

    def outcome(self, token: str, allow: dict[str, Any]) -> None:
        path = f"/decisions/{allow['decision_id']}/outcome"
        assert self.service.request("POST", path, {"status": "ok"}, token=token).status == 200

    def ended(self, allow: dict[str, Any], seconds: float = 20.0) -> dict[str, Any]:
        """The event that says so."""
        until = time.monotonic() + seconds
        while True:
            events = self.trail(allow)
            if events[-1]["event"] == "credential_ended":
                return events[-1]
            assert time.monotonic() < until, [one["event"] for one in events]
            time.sleep(0.1)

    def trail(self, allow: dict[str, Any]) -> list[dict[str, Any]]:
        """All of the decision but the outcome, which may come at any place after the issue."""
        own = self.service.token(agent=None)
        path = f"/decisions/{allow['decision_id']}"
        events = self.service.request("GET", path, token=own).body["events"]
        return [one for one in events if one["event"] != "outcome"]

    @property
    def reference(self) -> str:
        return f"{self.registry.partition('://')[2]}/acme/story:1"


def _policy(folder: Path, origin: str) -> Path:
    """The development policy, and one call of one API."""
    data = json.loads((packaged("rego") / ACCESS).read_text("utf-8"))
    role = {"orders-developer": {"effect": "allow"}}
    data["http"] = {
        origin: {
            "paths": {"post": {"/v1/orders": {"orders-developer": {"effect": "allow", "query": {"notify": True}}}}},
            "powers": {"loopback": role},
        }
    }  # fmt: skip
    policy_folder(folder / "policy", {ACCESS: json.dumps(data)})
    return folder / "policy"


def _resources(registry: str, origin: str, keys: Path) -> str:
    return f"""
[[resource]]
type = "oci_registry"
id = "images"
location = "{registry}"
issuer = "registry-images"
[[issuer]]
name = "http-orders"
jwks_file = "{keys}/issuer-http-orders.jwks.json"
[[resource]]
type = "http"
id = "orders-api"
location = "{origin}"
issuer = "http-orders"
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("served")
    plan = registry_world.plan(folder, by_certificate=True)
    value = folder / "standing"
    value.write_text(STANDING, "utf-8")
    value.chmod(0o600)
    with ExitStack() as stack:
        api = stack.enter_context(raw_upstream())
        home = tmp_path_factory.mktemp("service")
        keys = home / "var" / "keys"
        ensure_issuer_key(keys, "http-orders")
        resources = _resources(plan.settings["location"], api.origin, keys)
        (home / "counterfoil.toml").write_text(resources, "utf-8")
        policy = _policy(home, api.origin)
        service = stack.enter_context(running_service(home, policy__bundle=policy))
        named = make_issuer(folder, service, plan.settings, kind="oci_registry", name="registry-images")  # fmt: skip
        images = stack.enter_context(running_issuer(named))
        target = {
            "origin": api.origin,
            "header": "Authorization",
            "value_file": str(value),
            "listen": f"127.0.0.1:{real_registry.ports()[0]}",
            "networks": ["127.0.0.0/8"],
        }
        kept = make_issuer(folder, service, target, kind="http_proxy", name="http-orders")
        orders = stack.enter_context(running_issuer(kept))
        url = stack.enter_context(real_registry.running(plan.port, plan.trust))
        yield World(service, images, orders, url, api)
        # Stopped in order, it would wait for the last token of a job to be worth nothing.
        images.process.process.kill()


def _holder(secret: dict[str, str]) -> Client:
    return Client(secret["registry"], secret["username"], secret["password"])


def test_image_is_pushed_with_a_credential_of_one_job_which_then_is_gone(world: World) -> None:
    token, allow = world.decided("push_image", reference=world.reference)
    status, given = world.images.ask(allow["scoped_token_request"]["signed_request"])
    assert status == 200, given
    holder = _holder(given["credential"])
    assert not push(holder, world.reference.replace("story", "other"))
    assert push(holder, allow["execute"]["arguments"]["reference"])
    assert pull(holder, world.reference)
    world.outcome(token, allow)
    until = time.monotonic() + 20
    while pull(holder, world.reference):  # nobody gets a token any more, once it is heard
        assert time.monotonic() < until
        time.sleep(0.1)
    events = [one["event"] for one in world.trail(allow)]
    assert events[:3] == ["decided", "grant_redeemed", "issued"]
    assert _leaked(world, given["credential"]["password"]) == []


def test_api_is_called_once_as_decided_and_other_tries_are_in_the_record(world: World) -> None:
    world.api.forget()
    url = world.api.origin + TARGET
    token, allow = world.decided("http_request", method="POST", url=url, body=BODY)
    status, given = world.orders.ask(allow["scoped_token_request"]["signed_request"])
    assert status == 200, given
    secret = given["credential"]
    bearer = {"Authorization": f"Bearer {secret['key']}"}
    with requests.Session() as session:
        session.trust_env = False
        other = session.post(f"{secret['url']}/v1/secrets", BODY, headers=bearer, timeout=20)
        assert (other.status_code, world.api.heard) == (403, [])
        sent = session.post(secret["url"] + TARGET, BODY, headers=bearer, timeout=20)
        assert sent.status_code == 200
        assert session.post(secret["url"] + TARGET, BODY, headers=bearer, timeout=20).status_code == 409  # fmt: skip
    line, headers = world.api.head
    assert (line, headers["authorization"]) == (f"POST {TARGET} HTTP/1.1", STANDING)
    assert world.api.body == BODY.encode()
    world.outcome(token, allow)
    ended = world.ended(allow)
    found = json.dumps(ended)
    assert "request_not_decided" in found
    assert "request_used" in found
    assert [one["event"] for one in world.trail(allow)] == ["decided", "grant_redeemed", "issued", "credential_ended"]  # fmt: skip
    for word in (secret["key"], STANDING):
        assert _leaked(world, word) == []


def test_record_of_both_verifies(world: World) -> None:
    done = subprocess.run(
        [*PROGRAM, "verify"],
        cwd=world.service.folder,
        env=world.service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _leaked(world: World, secret: str) -> list[str]:
    """Where a secret stands though it should not: logs, states, the ledger."""
    folders = (world.service.folder, world.images.state.parent)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    allowed = {"standing"}
    in_files = [str(path) for path in files if path.name not in allowed and secret.encode() in path.read_bytes()]  # fmt: skip
    processes = (world.service, world.images.process, world.orders.process)
    in_logs = [line for one in processes for line in one.lines if secret in line]
    return in_files + in_logs
