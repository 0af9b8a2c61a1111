"""From `/authorize` to a role that did one job and is gone: service, issuer, PostgreSQL."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from counterfoil.config import DEVELOPMENT_ISSUER
from issued_roles import Orders, orders
from servers.issuer import Issuer, make_issuer, running_issuer
from service import PROGRAM, Service, running_service

pytestmark = pytest.mark.e2e
CREATE = "CREATE TABLE public.invoices (id int)"


@dataclass
class World:
    service: Service
    issuer: Issuer
    db: Orders

    def allowed(self, sql: str = CREATE) -> tuple[str, dict[str, Any]]:
        """The token and the answer of an allow."""
        token = self.service.token()
        answer = self.service.authorize(sql, token=token)
        assert answer.body["effect"] == "allow", answer.body
        return token, answer.body

    def credential(self, sql: str = CREATE) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The token, the allow, and what the issuer gave."""
        token, allow = self.allowed(sql)
        status, given = self.issuer.ask(allow["scoped_token_request"]["signed_request"])
        assert status == 200, given
        return token, allow, given

    def outcome(self, token: str, decision: str) -> None:
        answer = self.service.request(
            "POST", f"/decisions/{decision}/outcome", {"status": "ok"}, token=token
        )
        assert answer.status == 200, answer.body

    def gone(self, role: str, seconds: float = 20.0) -> bool:
        until = time.monotonic() + seconds
        while role in self.db.names() and time.monotonic() < until:
            time.sleep(0.05)
        return role not in self.db.names()

    def trail(self, decision: str) -> list[str]:
        own = self.service.token(agent=None)
        body = self.service.request("GET", f"/decisions/{decision}", token=own).body
        return [event["event"] for event in body["events"]]


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
    until = time.monotonic() + 20
    while "credential_ended" not in world.trail(allow["decision_id"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    steps = [s for s in world.trail(allow["decision_id"]) if s != "outcome"]
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
