"""From `/authorize` to a pushed image and a called API, by issuers that serve clients themselves."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

import served_world
from gateway_world import STANDING
from registry_client import Client, pull, push
from served_world import BODY, TARGET, World
from service import PROGRAM

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with served_world.running(tmp_path_factory.mktemp("served")) as one:
        yield one


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


def test_both_are_checked_beforehand(world: World) -> None:
    for issuer in (world.images, world.orders):
        done = subprocess.run(
            [*issuer.process.command, "--check"],
            cwd=issuer.process.folder,
            env=issuer.process.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


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
    files = [path for path in world.images.state.parent.rglob("*") if path.is_file()]
    others = [path for path in files if path.name != "standing"]
    in_files = [str(path) for path in others if secret.encode() in path.read_bytes()]
    processes = (world.service, world.images.process, world.orders.process)
    in_logs = [line for one in processes for line in one.lines if secret in line]
    return in_files + in_logs
