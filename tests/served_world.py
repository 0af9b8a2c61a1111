"""The service, and issuers that serve clients themselves, as processes over real targets.

`counterfoil issuer oci_registry` with a real registry, and `counterfoil issuer http_proxy` with an
API that keeps what it hears.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import registry_world
from counterfoil.keys import ensure_issuer_key
from counterfoil.resources import packaged
from gateway_world import STANDING
from servers import registry as real_registry
from servers.issuer import Issuer, make_issuer, running_issuer
from service import Service, running_service
from simulators.raw_upstream import RawUpstream, raw_upstream
from simulators.real_opa import policy_folder

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


@contextmanager
def running(folder: Path) -> Iterator[World]:
    """Start all of it, with its files in a folder, and leave no process."""
    plan = registry_world.plan(folder, by_certificate=True)
    value = folder / "standing"
    value.write_text(STANDING, "utf-8")
    value.chmod(0o600)
    home = folder / "service"
    home.mkdir()
    with ExitStack() as stack:
        api = stack.enter_context(raw_upstream())
        keys = home / "var" / "keys"
        ensure_issuer_key(keys, "http-orders")
        resources = _resources(plan.settings["location"], api.origin, keys)
        (home / "counterfoil.toml").write_text(resources, "utf-8")
        policy = _policy(home, api.origin)
        service = stack.enter_context(running_service(home, policy__bundle=policy))
        realm = make_issuer(
            folder, service, plan.settings, kind="oci_registry", name="registry-images"
        )
        images = stack.enter_context(running_issuer(realm))
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
