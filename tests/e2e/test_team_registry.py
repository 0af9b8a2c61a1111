"""An AutoGen team without any login pushes the one image that it may to a real registry."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import registry_world
from registry_client import Client, pull
from servers import registry as real_registry
from servers.credential_team import given, register, run_team
from servers.issuer import Issuer, make_issuer, running_issuer
from service import Service, running_service

pytestmark = pytest.mark.e2e
SCRIPT, NAME = "target_team.py", "registry-images"


@dataclass
class World:
    service: Service
    issuer: Issuer
    host: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, home = tmp_path_factory.mktemp("issuer"), tmp_path_factory.mktemp("service")
    plan = registry_world.plan(folder, by_certificate=True)
    port = register(home, NAME, "oci_registry", "images", plan.settings["location"])
    with running_service(home) as service:
        listen = f"127.0.0.1:{port}"
        made = make_issuer(
            folder, service, plan.settings, kind="oci_registry", name=NAME, listen=listen
        )
        with running_issuer(made) as issuer, real_registry.running(plan.port, plan.trust) as url:
            yield World(service, issuer, url.partition("://")[2])
            # Stopped in order, it would wait for the last token of a job to be worth nothing.
            issuer.process.process.kill()


@pytest.mark.parametrize("bound", ["to a key", "to nothing"])
def test_team_without_a_login_pushes_what_it_may_and_nothing_else(
    world: World, tmp_path: Path, bound: str
) -> None:
    may, other = f"{world.host}/acme/web:{len(bound)}", f"{world.host}/elsewhere/web:1"
    pushed, beyond, own = run_team(
        world.service,
        tmp_path,
        SCRIPT,
        "push_image",
        *(json.dumps({"reference": one}) for one in (may, other)),
        proves=bound == "to a key",
        BESIDE=f"{world.host}/acme/neighbour:1",
    )
    assert pushed["seen"] == [False, "[202, 201, 201]; beside: [401]"]
    assert beyond["seen"][0]
    assert "NOT RUN: policy denies" in beyond["seen"][1]
    assert own["own"] == "no grant; [401]"
    (secret,) = given(tmp_path)
    holder = Client(secret["registry"], secret["username"], secret["password"])
    until = time.monotonic() + 20
    while pull(holder, may):  # the call is over: nobody gets a token any more, once it is heard
        assert time.monotonic() < until
        time.sleep(0.1)
    printed = [
        *world.service.lines,
        *world.issuer.process.lines,
        (tmp_path / "printed").read_text(),
    ]
    assert not [text for text in printed if secret["password"] in text]
