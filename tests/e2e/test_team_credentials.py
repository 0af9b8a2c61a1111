"""An AutoGen team without any login does its job at PostgreSQL, by credentials of single calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from issued_roles import orders
from issuing_world import World
from servers.credential_team import given, run_team
from servers.issuer import make_issuer, running_issuer
from service import running_service

pytestmark = pytest.mark.e2e
SCRIPT = "credential_team.py"
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


def team(world: World, folder: Path, *statements: str, proves: bool = True) -> list[Any]:
    """All that a run of the team prints."""
    host = str(world.db.settings["host"])
    return run_team(world.service, folder, SCRIPT, *statements, proves=proves, ORDERS_HOST=host)


@pytest.mark.parametrize("bound", ["to a key", "to nothing"])
def test_team_without_a_login_does_what_it_may_and_nothing_else(
    world: World, tmp_path: Path, bound: str
) -> None:
    created, read, beyond, own = team(
        world, tmp_path, CREATE, READ, BEYOND, proves=bound == "to a key"
    )
    assert created["seen"] == [False, "CREATE TABLE []"]
    assert read["seen"] == [False, "SELECT 1 [(1, 'Ada')]"]
    assert beyond["seen"][0]
    assert "NOT RUN: policy denies" in beyond["seen"][1]
    assert own["own"] == "no grant; OperationalError"
    users = [one["user"] for one in given(tmp_path)]
    assert len(set(users)) == 2
    assert all(world.gone(user) for user in users)
    assert world.db.owner("public.invoices") == "app"
    world.db.execute("DROP TABLE public.invoices")


def test_no_secret_of_a_credential_stands_anywhere_afterwards(world: World, tmp_path: Path) -> None:
    team(world, tmp_path, READ)
    (login,) = given(tmp_path)
    assert world.gone(login["user"])
    secret, seen = login["password"].encode(), tmp_path / "seen"
    folders = (world.service.folder, world.issuer.process.folder, tmp_path)
    files = [one for folder in folders for one in folder.rglob("*") if one.is_file()]
    assert [str(one) for one in files if secret in one.read_bytes()] == [str(seen)]  # control: seen
    printed = [*world.service.lines, *world.issuer.process.lines]
    assert not [line for line in printed if login["password"] in line]
    assert any(login["user"] in line for line in printed)  # control: its name is said
