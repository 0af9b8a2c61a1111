"""A request through `/authorize`: exactly its right, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.model import Effect
from counterfoil.flows.explain import Explained
from deciding import assert_nothing, decided, rights
from http_attacks import ALLOWED, ATTACKS, BEYOND, BEYOND_ROLES, OK, ORIGIN
from main_path import ask, assert_denied, decisions_of
from requests_read import read_request
from service import PROMPT, Answer, Service, running_service
from simulators.real_opa import policy_folder

CONFIG = f"""
[[resource]]
type = "http"
id = "orders-api"
location = "{ORIGIN}"
issuer = "http-orders"
"""
MAY: Mapping[str, Any] = {"effect": "allow", "query": {"limit": True}, "below": True}
NARROW: Mapping[str, Any] = {
    "paths": {verb: {"/v1/orders": {"orders-developer": MAY}} for verb in ("get", "post")}
}
WIDE: Mapping[str, Any] = {
    "paths": {
        verb: {"": {"orders-developer": {**MAY, "query": {"limit": True, "_method": True}}}}
        for verb in ("get", "post", "delete", "put", "patch", "trace", "move", "connect")
    }
}


@pytest.fixture(scope="module")
def orders() -> Iterator[Service]:
    """A service that knows the API, under the narrow policy."""
    with tempfile.TemporaryDirectory(prefix="cf-") as scratch:
        folder = Path(scratch)
        policy_folder(folder / "rego", rights(http={ORIGIN: NARROW}))
        config = folder / "counterfoil.toml"
        config.write_text(CONFIG, "utf-8")
        with running_service(folder, policy__bundle=folder / "rego") as service:
            yield service


def http_request(arguments: Mapping[str, Any]) -> dict[str, Any]:
    action = {"name": "http_request", "properties": {"arguments": dict(arguments)}}
    return {"action": action, "context": {"prompt": PROMPT}}


def http(service: Service, arguments: Mapping[str, Any]) -> Answer:
    return ask(service, http_request(arguments))


def test_a_request_gets_exactly_its_right_and_runs_normalised(orders: Service) -> None:
    answer = http(orders, {"method": "GET", "url": f"{ORIGIN.upper()}:443/v1/orders?limit=20"})
    body = answer.body
    assert (answer.status, body["effect"]) == (200, "allow"), body
    permission = {
        "type": "http",
        "locations": [ORIGIN],
        "identifier": "/v1/orders?limit=20",
        "actions": ["GET"],
        "operations": [0],
    }
    assert body["permissions"] == [permission]
    assert body["scoped_token_request"]["authorization_details"] == [permission]
    assert body["obligations"] == [{"type": "no_redirects"}]
    assert body["execute"] == {
        "arguments": {"method": "GET", "url": f"{OK}?limit=20"},
        "session": {"follow_redirects": False},
    }
    assert body["judged"]["resource"]["id"] == "orders-api"
    assert_denied(http(orders, {"method": "DELETE", "url": f"{OK}/17"}).body, "policy.default_deny")
    assert_denied(http(orders, {"method": "GET", "url": f"{OK}/../x"}).body, "uncertain.http_path")


@pytest.fixture(scope="module")
def narrow(orders: Service) -> dict[str, Any]:
    """What the service answers, in batches."""
    asked = {**ALLOWED, **BEYOND_ROLES}
    bodies = [http_request(arguments) for arguments in asked.values()]
    return dict(zip(asked, decisions_of(orders, bodies), strict=True))


@pytest.mark.parametrize("name", BEYOND_ROLES)
def test_what_no_role_covers_is_denied(narrow: dict[str, Any], name: str) -> None:
    assert_denied(narrow[name])


@pytest.fixture(scope="module")
def wide() -> Mapping[str, Explained]:
    return decided(CONFIG, rights(http={ORIGIN: WIDE}), "http_request", {**ATTACKS, **ALLOWED})


@pytest.mark.parametrize("name", BEYOND)
def test_a_trick_permits_nothing_even_under_a_generous_policy(
    wide: Mapping[str, Explained], name: str
) -> None:
    assert_nothing(wide[name])


@pytest.mark.parametrize("name", ALLOWED)
def test_honest_requests_beside_them_are_allowed(
    narrow: dict[str, Any], wide: Mapping[str, Explained], name: str
) -> None:
    wanted = read_request(**ALLOWED[name]).required
    assert wide[name].decision.effect is Effect.ALLOW, wide[name].decision.reasons
    assert wide[name].decision.permissions == wanted
    assert narrow[name]["effect"] == "allow", narrow[name]["reasons"]
    assert narrow[name]["permissions"] == [*wanted]


def test_the_attacks_are_many_and_the_generous_policy_is_generous(
    wide: Mapping[str, Explained],
) -> None:
    assert len(ATTACKS) >= 150
    assert len({str(arguments) for arguments in ATTACKS.values()}) == len(ATTACKS)
    through = [name for name in ATTACKS if wide[name].decision.effect is Effect.ALLOW]
    assert len(through) >= 4  # it lets through what only the narrow one stops
