"""The keys of grants and delegation tokens are exchanged while agents work: nothing is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import jwt
import pytest

from counterfoil.app import create_app
from counterfoil.config import load_config
from counterfoil.http.lean import LeanFlask
from counterfoil.key_ring import ring_path, rotate
from deployment import Deployment, deployed, now
from fetching import eventually
from service import sql_request

HOUR = 3_600
SELECT = sql_request("SELECT a FROM public.t", None)


LOOK_SECONDS = 0.2  # between two looks at a ring, so that no test waits for the usual two


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("rotation")) as made:
        yield made


@pytest.fixture
def deployment(started: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """A worker with the keys of now, whatever earlier tests rotated."""
    for place in ("own_keys", "jwks"):
        name = f"counterfoil.identity.{place}.RELOAD_INTERVAL_SECONDS"
        monkeypatch.setattr(name, LOOK_SECONDS)
    with restarted(started):
        yield started


@contextmanager
def restarted(deployment: Deployment) -> Iterator[LeanFlask]:
    """A worker that started now answers; the earlier one, which is given, lives on beside it."""
    config = load_config(deployment.folder / "counterfoil.toml", deployment.service.environment)
    app = create_app(config)
    earlier = deployment.app
    try:
        with answering(deployment, app):
            yield earlier
    finally:
        adapters = app.extensions["counterfoil"]
        for part in (adapters.reader, adapters.policy, adapters.ledger):
            part.close()


@contextmanager
def answering(deployment: Deployment, app: LeanFlask) -> Iterator[None]:
    """Another worker answers."""
    mine, deployment.app = deployment.app, app
    try:
        yield
    finally:
        deployment.app = mine


def turn(deployment: Deployment) -> None:
    for purpose in ("grant", "delegation"):
        rotate(deployment.service.keys, purpose, now=float(now()), overlap_seconds=HOUR)


def published(deployment: Deployment) -> list[str]:
    answer = deployment.call("GET", "/.well-known/jwks.json", None)
    assert answer.status == 200
    return [key["kid"] for key in answer.json["keys"]]


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def grant_of(decision: dict[str, Any]) -> str:
    return str(decision["scoped_token_request"]["signed_request"])


def more(used: list[str], wanted: int, failures: list[bytes]) -> bool:
    return len(used) > wanted or bool(failures)


def wait_for_the_next_look() -> None:
    time.sleep(2 * LOOK_SECONDS)


def test_what_any_key_signed_counts_on_every_worker_over_three_generations(
    deployment: Deployment,
) -> None:
    tokens = [deployment.opened()["access_token"]]
    grants = [grant_of(deployment.ask(tokens[0]))]
    for generation in (2, 3):
        turn(deployment)
        wait_for_the_next_look()
        # Published before anything is signed with it, by the worker that does not have it.
        known = published(deployment)
        with restarted(deployment) as earlier:
            tokens.append(deployment.opened()["access_token"])
            assert len({kid(token) for token in tokens}) == generation
            assert kid(tokens[-1]) in known
            for token in tokens:
                decision = deployment.ask(token)
                assert decision["effect"] == "allow"
                assert kid(grant_of(decision)) in known
            grants.append(grant_of(decision))
            assert len({kid(grant) for grant in grants}) == generation
            assert {kid(item) for item in (*grants, *tokens)} <= set(published(deployment))
            with answering(deployment, earlier):
                for token in tokens:
                    assert deployment.ask(token)["effect"] == "allow"
                assert set(published(deployment)) == set(known)


def test_a_token_whose_key_has_ended_is_refused(deployment: Deployment) -> None:
    old = deployment.opened()["access_token"]
    turn(deployment)
    with restarted(deployment):
        fresh = deployment.opened()["access_token"]
        assert deployment.ask(old)["effect"] == "allow"  # control: within the overlap
        path = ring_path(deployment.service.keys, "delegation")
        ring = json.loads(path.read_text())
        ring[1]["until"] = now() - 1
        path.write_text(json.dumps(ring))
        wait_for_the_next_look()
        assert deployment.call("POST", "/authorize", old, SELECT).status == 401
        assert kid(old) not in published(deployment)
        assert deployment.ask(fresh)["effect"] == "allow"


def test_without_the_overlap_a_token_of_the_earlier_key_is_refused(deployment: Deployment) -> None:
    """The control of all here: it is the overlap that lets it count."""
    old = deployment.opened()["access_token"]
    turn(deployment)
    keys = deployment.service.keys
    for path in (ring_path(keys, "delegation"), keys / "delegation.jwks.json"):
        value = json.loads(path.read_text())
        kept = value[:1] if isinstance(value, list) else {"keys": value["keys"][:1]}
        path.write_text(json.dumps(kept))
    with restarted(deployment):
        assert deployment.call("POST", "/authorize", old, SELECT).status == 401


def test_agents_that_work_while_keys_are_rotated_lose_nothing(deployment: Deployment) -> None:
    """A run that began before goes on and is renewed, on the old worker and on new ones."""
    stop = threading.Event()
    failures: list[bytes] = []
    used: list[str] = []

    def work(token: str) -> None:
        while not stop.is_set() and not failures:
            decision = deployment.call("POST", "/authorize", token, SELECT)
            given = deployment.exchange(token)
            used.append(kid(token))
            if given.status != 200 or decision.json.get("effect") != "allow":
                failures.append(given.data + decision.data)
                return
            token = given.json["access_token"]

    agents = [
        threading.Thread(target=work, args=(deployment.opened()["access_token"],)) for _ in range(2)
    ]
    with ExitStack() as workers_that_live_on:  # as a restart lets each request end
        for agent in agents:
            agent.start()
        try:
            for _ in range(2):
                turn(deployment)
                workers_that_live_on.enter_context(restarted(deployment))
                eventually(partial(more, used, len(used) + 6, failures))
        finally:
            stop.set()
            for agent in agents:
                agent.join()
    assert not failures
    assert len(set(used)) >= 2  # tokens of an earlier and of a later key were at work
