"""A gateway in front of a real API: the CNCF registry, which takes one bearer token for everything."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import requests

import gateway_world
import registry_world
from counterfoil_issuers.oci_registry.accounts import Account
from gateway_world import World
from registry_client import MANIFEST, config_of, manifest_of

pytestmark = pytest.mark.e2e
NAMES = ("acme/there", "acme/other")
TAGS = "/v2/acme/there/tags/list"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registry_world.World]:
    with registry_world.running(tmp_path_factory.mktemp("registry"), by_certificate=True) as one:
        for name in NAMES:
            client = one.client([one.right(name, "pull", "push")])
            for blob in (config_of("plain"), b"plain"):
                assert client.upload(name, blob).status_code == 201
        yield one


@pytest.fixture(scope="module")
def world(
    registry: registry_world.World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The gateway holds a token for both repositories that lives for an hour."""
    everything = {name: frozenset({"pull", "push", "delete"}) for name in NAMES}
    now = int(registry_world.now())
    account = Account(name="gateway", password_sha256=b"", rights=everything, deadline=now + 7200)
    tokens = dataclasses.replace(registry.issuer.tokens, seconds=3600)
    standing = tokens.make(account, everything, now).text
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_world.gateway(folder, registry.url, value=f"Bearer {standing}") as one:
        yield one


def _tags(world: World) -> list[str]:
    return world.may("GET", TAGS).send("GET", TAGS).json().get("tags") or []


def test_decided_write_arrives_and_no_other_does(world: World) -> None:
    body, kind = manifest_of("plain").decode(), {"Content-Type": MANIFEST}
    decided = "/v2/acme/there/manifests/1"
    holder = world.holder(world.decided("PUT", decided, body, kind))
    for method, target, sent in (
        ("PUT", decided, body + " "),
        ("PUT", "/v2/acme/there/manifests/2", body),
        ("PUT", "/v2/acme/other/manifests/1", body),
        ("PUT", "/v2/acme/other/../there/manifests/1", body),
        ("GET", decided, ""),
        ("DELETE", decided, ""),
        ("GET", TAGS, ""),
    ):
        assert holder.send(method, target, data=sent, headers=kind).status_code == 403
    written = holder.send("PUT", decided, data=body, headers=kind)
    assert written.status_code == 201, written.text
    assert holder.send("PUT", decided, data=body, headers=kind).status_code == 409
    assert _tags(world) == ["1"]


def test_without_the_gateway_the_key_is_worth_nothing(world: World) -> None:
    holder = world.may("GET", TAGS)
    direct = requests.get(
        world.origin + TAGS, headers={"Authorization": f"Bearer {holder.key}"}, timeout=10
    )
    assert direct.status_code == 401
    assert holder.send("GET", TAGS).status_code == 200
