"""`kill -9` of an issuer at each of its steps: no credential without a record, none that stays."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

import crashing_issuer
from counterfoil_issuers.contract import credential_name
from issued_roles import Orders, orders
from issuing_world import World
from servers.issuer import make_issuer, start
from service import Service, running_service

pytestmark = pytest.mark.e2e
BEFORE_IT_IS_GIVEN = [
    *("before.intend", "after.intend", "after.redeem", "after.redeemed", "after.make"),
    *("after.made", "after.report", "after.issued"),
]
AT_ITS_END = [
    "before.end",
    "before.leave",
    "after.leave",
    "after.end",
    "after.ended",
    "after.closed",
]
NOT_REDEEMED = {"before.intend", "after.intend"}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    with orders(tmp_path_factory.mktemp("orders")) as made:
        yield made


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def world(db: Orders, own_service: Service, tmp_path: Path) -> Iterator[World]:
    issuer = make_issuer(tmp_path, own_service, db.settings)
    yield World(own_service, issuer, db)
    if issuer.process.process.poll() is None:
        issuer.process.stop()
    db.execute("DROP TABLE IF EXISTS public.invoices")
    assert db.names() == []


def crash(world: World, step: str) -> None:
    """Start the issuer so that it kills itself at that step."""
    whole = world.issuer.process.command
    program = str(Path(crashing_issuer.__file__))
    world.issuer.process.command = (sys.executable, program, step, *whole[whole.index("issuer") :])
    start(world.issuer)
    world.issuer.process.command = whole


@pytest.mark.parametrize("step", BEFORE_IT_IS_GIVEN)
def test_killed_before_it_is_given(world: World, step: str) -> None:
    crash(world, step)
    _, allow = world.allowed()
    request = allow["scoped_token_request"]["signed_request"]
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        world.issuer.ask(request)
    assert world.issuer.process.process.wait(20) == -9
    steps = world.trail(allow["decision_id"])
    assert ("grant_redeemed" in steps) is (step not in NOT_REDEEMED)
    if world.db.names():
        assert "grant_redeemed" in steps, "a credential without a record"
    start(world.issuer)
    if step in NOT_REDEEMED:
        assert world.db.names() == []
        return
    assert "credential_ended" in world.ended(allow["decision_id"])
    assert world.db.names() == []
    status, again = world.issuer.ask(request)
    assert (status, again["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("step", AT_ITS_END)
def test_killed_while_it_ends(world: World, step: str) -> None:
    crash(world, step)
    token, allow, given = world.credential()
    with psycopg.connect(**given["credential"], autocommit=True) as session:
        session.execute("CREATE TABLE public.invoices (id int)")
        session.execute("CREATE TABLE public.other (id int)")
        with suppress(ConnectionError):
            world.outcome(token, allow["decision_id"])
        assert world.issuer.process.process.wait(20) == -9
        start(world.issuer)
        assert world.gone(given["credential"]["user"])
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    steps = world.ended(allow["decision_id"])
    assert steps.count("grant_redeemed") == steps.count("issued") == steps.count("credential_ended")
    assert world.db.owner("public.invoices") == "app"
    assert world.db.owner("public.other") is None


def test_name_of_what_is_left_is_in_the_record(world: World) -> None:
    crash(world, "after.make")
    _, allow = world.allowed()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        world.issuer.ask(allow["scoped_token_request"]["signed_request"])
    assert world.issuer.process.process.wait(20) == -9
    (left,) = world.db.names()
    own = world.service.token(agent=None)
    trail = world.service.request("GET", f"/decisions/{allow['decision_id']}", token=own).body
    assert left in str(trail["events"])
    assert credential_name("x") not in str(trail["events"])
    world.issuer.state.unlink()  # the state is lost, too: the target itself tells
    start(world.issuer)
    assert world.db.names() == []
