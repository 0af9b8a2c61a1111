"""An AutoGen team without any login does its job at PostgreSQL, by credentials of single calls."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from issued_roles import orders
from issuing_world import World
from proofs import Prover
from servers.issuer import make_issuer, running_issuer
from servers.team import PYTHON, ROOT
from service import running_service

pytestmark = pytest.mark.e2e
SCRIPT = ROOT / "hooks" / "tests" / "servers" / "credential_team.py"
ENDPOINT = 8284  # that of the development issuer, which the service names in each allow
CREATE, READ = "CREATE TABLE public.invoices (id int)", "SELECT id, name FROM public.customers"
BEYOND = "SELECT salary FROM hr.staff"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("issuer")
    with (
        orders(folder) as db,
        running_service(tmp_path_factory.mktemp("service")) as service,
    ):
        made = make_issuer(folder, service, db.settings, listen=f"127.0.0.1:{ENDPOINT}")
        with running_issuer(made) as issuer:
            yield World(service, issuer, db)


def team(
    world: World, folder: Path, *statements: str, proves: bool = True
) -> tuple[list[Any], Path]:
    """All that a run of the team prints, and where its tool has left what it was given."""
    prover, seen = Prover(), folder / "seen"
    pem = prover.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    token = world.service.token(cnf=prover.cnf) if proves else world.service.token()
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "examples"),
        "COUNTERFOIL_URL": f"http://127.0.0.1:{world.service.port}",
        "COUNTERFOIL_TOKEN": token,
        "SEEN": str(seen),
        "ORDERS_HOST": str(world.db.settings["host"]),
        **({"COUNTERFOIL_DPOP_KEY": pem} if proves else {}),
    }
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), *statements],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "printed").write_text(done.stdout + done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], seen


@pytest.mark.parametrize("bound", ["to a key", "to nothing"])
def test_team_without_a_login_does_what_it_may_and_nothing_else(
    world: World, tmp_path: Path, bound: str
) -> None:
    created, read, beyond, own = team(
        world, tmp_path, CREATE, READ, BEYOND, proves=bound == "to a key"
    )[0]
    assert created["seen"] == [False, "CREATE TABLE []"]
    assert read["seen"] == [False, "SELECT 1 [(1, 'Ada')]"]
    assert beyond["seen"][0]
    assert "NOT RUN: policy denies" in beyond["seen"][1]
    assert own["own"] == "no grant; OperationalError"
    given = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert len({one["user"] for one in given}) == 2
    assert all(world.gone(one["user"]) for one in given)
    assert world.db.owner("public.invoices") == "app"
    world.db.execute("DROP TABLE public.invoices")


def test_no_secret_of_a_credential_stands_anywhere_afterwards(world: World, tmp_path: Path) -> None:
    _, seen = team(world, tmp_path, READ)
    (given,) = [json.loads(line) for line in seen.read_text().splitlines()]
    assert world.gone(given["user"])
    secret = given["password"].encode()
    folders = (world.service.folder, world.issuer.process.folder, tmp_path)
    files = [one for folder in folders for one in folder.rglob("*") if one.is_file()]
    assert [str(one) for one in files if secret in one.read_bytes()] == [str(seen)]  # control: seen
    printed = [*world.service.lines, *world.issuer.process.lines]
    assert not [line for line in printed if given["password"] in line]
    assert any(given["user"] in line for line in printed)  # control: its name is said
