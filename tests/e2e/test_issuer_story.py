"""From `/authorize` to a role that did one job and is gone: service, issuer, PostgreSQL."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from counterfoil.config import DEVELOPMENT_ISSUER
from issued_roles import orders
from issuing_world import CREATE, World
from servers.issuer import make_issuer, running_issuer
from service import PROGRAM, running_service

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("issuer")
    with (
        orders(folder) as db,
        running_service(tmp_path_factory.mktemp("service")) as service,
        running_issuer(make_issuer(folder, service, db.settings)) as issuer,
    ):
        yield World(service, issuer, db)


def test_job_gets_its_role_does_its_work_and_the_role_is_gone(world: World) -> None:
    token, allow, given = world.credential()
    secret = given["credential"]
    with psycopg.connect(**secret, autocommit=True) as session:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT id FROM public.customers")
        session.execute(allow["execute"]["arguments"]["sql"])
    world.outcome(token, allow["decision_id"])
    assert world.gone(secret["user"])
    assert world.db.owner("public.invoices") == "app"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**secret)
    world.db.execute("DROP TABLE public.invoices")


def test_record_tells_the_whole_story_and_verifies(world: World) -> None:
    token, allow, given = world.credential()
    world.outcome(token, allow["decision_id"])
    assert world.gone(given["credential"]["user"])
    trail = world.ended(allow["decision_id"])
    steps = [step for step in trail if step != "outcome"]
    assert steps == ["decided", "grant_redeemed", "issued", "credential_ended"]
    done = subprocess.run(
        [*PROGRAM, "verify"],
        cwd=world.service.folder,
        env=world.service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_request_counts_once_at_the_issuer(world: World) -> None:
    token, allow, given = world.credential()
    status, again = world.issuer.ask(allow["scoped_token_request"]["signed_request"])
    assert (status, again["error"]) == (400, "invalid_grant")
    world.outcome(token, allow["decision_id"])
    assert world.gone(given["credential"]["user"])


def test_revoked_run_gets_no_credential_and_loses_the_one_it_has(world: World) -> None:
    token = world.service.token()
    first, second = (world.service.authorize(CREATE, token=token).body for _ in range(2))
    status, given = world.issuer.ask(first["scoped_token_request"]["signed_request"])
    assert status == 200, given
    admin = world.service.token("ada", ["administrators"], agent=None)
    revoked = world.service.request(
        "POST",
        "/revocations",
        {"subject": {"iss": DEVELOPMENT_ISSUER, "sub": "alice"}, "reason": "gone"},
        token=admin,
    )
    assert revoked.status in {200, 201}, revoked.body
    assert world.gone(given["credential"]["user"])
    status, refused = world.issuer.ask(second["scoped_token_request"]["signed_request"])
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert world.db.names() == []
