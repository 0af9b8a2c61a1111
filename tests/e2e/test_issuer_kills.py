"""Random kills of issuer and service: no role stays, none is unrecorded, none redeemed twice."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import evidence
from issued_roles import orders
from issuer_kills import Kills, judged
from issuing_world import World
from servers.issuer import make_issuer, running_issuer, start
from service import PROGRAM, running_service

REST_SECONDS = 90.0


@contextmanager
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("issuer")
    with (
        orders(folder) as db,
        running_service(tmp_path_factory.mktemp("service")) as service,
        running_issuer(make_issuer(folder, service, db.settings)) as issuer,
    ):
        yield World(service, issuer, db)


def killed(made: World, jobs: int, at_once: int, kills: int) -> dict[str, Any]:
    """The story, a last kill, the sweep of the next start; then what holds."""
    seed = secrets.randbelow(2**31)
    told = Kills(made, seed).run(jobs, at_once, kills)
    made.issuer.process.process.kill()
    made.issuer.process.process.wait()
    start(made.issuer)
    until = time.monotonic() + REST_SECONDS
    while True:
        found = judged(made, told)
        if found["ended"] == found["redeemed"] or time.monotonic() > until:
            break
        time.sleep(1.0)
    done = subprocess.run(
        [*PROGRAM, "verify"],
        cwd=made.service.folder,
        env=made.service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return {"seed": seed, "at_once": at_once, **found, "verify": done.returncode}


def check(found: dict[str, Any]) -> None:
    assert found["leftover_roles"] == 0, found
    assert found["credentials_without_issued"] == 0, found
    assert found["double_redemptions"] == 0, found
    assert found["ended"] == found["redeemed"], found
    assert found["verify"] == 0, found
    assert found["credentials_given"] > 0, found


@pytest.mark.e2e
def test_few_jobs_survive_kills(tmp_path_factory: pytest.TempPathFactory) -> None:
    with world(tmp_path_factory) as made:
        found = killed(made, jobs=16, at_once=8, kills=3)
    check(found)


@pytest.mark.prove
def test_five_hundred_jobs_survive_kills(tmp_path_factory: pytest.TempPathFactory) -> None:
    with world(tmp_path_factory) as made:
        found = killed(made, jobs=500, at_once=50, kills=60)
        version = made.db.run("SHOW server_version")[0][0]
    evidence.record(
        "issuer_kills",
        "jobs through /authorize and an issuer at one PostgreSQL, both killed at random",
        postgresql=version,
        **found,
    )
    check(found)
