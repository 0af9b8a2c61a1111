"""`counterfoil resource`: a catalogue taken with no right but to connect, and what is ambient."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pg8000.native  # type: ignore[import-untyped]  # has no annotations
import pytest

from counterfoil.catalogues.store import file_of
from counterfoil.cli import main
from servers import postgresql
from service import PROGRAM
from sql_jobs import OWNED, SET_UP

Command = Callable[..., tuple[int, str]]
AMBIENT = """
    CREATE FUNCTION hr.raise_all() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE hr.staff SET salary = 99';
    GRANT SELECT ON sales.prices TO PUBLIC;
    GRANT SELECT (name) ON hr.staff TO PUBLIC;
    GRANT USAGE ON SEQUENCE public.numbers TO PUBLIC;
    GRANT CREATE ON SCHEMA public TO PUBLIC;
    ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA sales GRANT SELECT ON TABLES TO PUBLIC;
    ALTER TABLE public.empty OWNER TO postgres;
"""
CONFIG = """
[[resource]]
type = "postgresql"
id = "orders"
location = "postgresql://127.0.0.1:5432/orders"
[[resource]]
type = "kubernetes"
id = "main"
location = "https://127.0.0.1:6443"
[[action]]
tool = "run_sql"
family = "database"
command = "{sql}"
resource = "{database}"
enforcement = "enforce"
[[identity.oidc]]
issuer = "https://idp.example.com"
audience = "counterfoil"
algorithms = ["ES256"]
jwks_file = "keys.json"
"""


@dataclass
class Orders:
    """The database and a way to ask it as a superuser."""

    socket: Path
    server: pg8000.native.Connection


@pytest.fixture(scope="module")
def orders() -> Iterator[Orders]:
    with postgresql.running() as socket:
        first = postgresql.connect(socket)
        first.execute_simple("CREATE DATABASE orders")
        first.execute_simple("CREATE ROLE looker LOGIN")
        first.close()
        connection = postgresql.connect(socket, "orders")
        connection.execute_simple(SET_UP)
        for item in OWNED.split(";"):
            connection.execute_simple(f"ALTER {item.strip()} OWNER TO app")
        yield Orders(socket, connection)
        connection.close()


@pytest.fixture
def command(
    orders: Orders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    """Run `counterfoil …` in a folder with a configuration; exit code and output."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counterfoil.toml").write_text(CONFIG, "utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(list(arguments))
        sys.stdout.flush()
        return code, capfd.readouterr().out

    return run


def explained(command: Command, sql: str) -> Any:
    arguments = json.dumps({"database": "orders", "sql": sql})
    _, out = command("explain", "--json", "--details", "--arguments", arguments)
    return json.loads(out)


def test_a_snapshot_needs_nothing_but_to_connect_and_makes_readings_exact(
    orders: Orders, command: Command, tmp_path: Path
) -> None:
    before = explained(command, "SELECT * FROM public.customers")
    assert before["catalogue"] is None
    assert "columns" not in before["required"][0]
    code, out = command(
        "resource",
        "snapshot",
        "orders",
        "--user",
        "looker",
        "--socket",
        str(orders.socket),
        "--json",
    )
    assert code == 0
    report = json.loads(out)
    assert Path(report["file"]) == file_of(tmp_path / "var" / "catalogues", "orders")
    after = explained(command, "SELECT * FROM public.customers")
    assert after["catalogue"]["digest"] == report["digest"]
    assert after["required"][0]["columns"] == ["email", "id", "name", "region"]
    assert all("assumes" not in item.get("details", {}) for item in after["operations"])


def test_a_changed_or_stale_snapshot_is_as_none(
    orders: Orders, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = ("resource", "snapshot", "orders", "--user", "looker", "--socket", str(orders.socket))
    assert command(*take)[0] == 0
    path = file_of(tmp_path / "var" / "catalogues", "orders")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"customers"', b'"customerz"'))
    broken = explained(command, "SELECT * FROM public.customers")
    assert (broken["catalogue"], broken["catalogue_state"]) == (None, "refused")
    path.write_bytes(whole)
    assert explained(command, "SELECT * FROM public.customers")["catalogue"] is not None
    config = tmp_path / "counterfoil.toml"
    moved = CONFIG.replace("5432/orders", "5433/orders")
    config.write_text(moved, "utf-8")
    assert explained(command, "SELECT * FROM public.customers")["catalogue"] is None


def test_the_doctor_finds_what_everybody_may_do_and_its_statements_end_it(
    orders: Orders, command: Command
) -> None:
    orders.server.execute_simple(AMBIENT)
    ask = ("resource", "doctor", "orders", "--user", "looker", "--socket", str(orders.socket))
    code, out = command(*ask, "--json")
    found = json.loads(out)
    assert code == 1
    assert {item["kind"] for item in found} == {
        "public_database",
        "public_schema",
        "public_relation",
        "public_column",
        "definer_function",
        "superuser_owner",
        "default_privileges",
    }
    said = "\n".join(item["what"] for item in found)
    for part in ("TEMPORARY", "CREATE on schema public", "hr.raise_all()", "public.empty"):
        assert part in said
    for item in found:
        orders.server.execute_simple(item["remedy"].replace("<a role without superuser>", "app"))
    orders.server.execute_simple("GRANT CONNECT ON DATABASE orders TO looker")
    code, out = command(*ask)
    assert (code, out) == (0, "0 findings\n")


def test_a_schedule_follows_the_database_until_it_is_ended(
    orders: Orders, command: Command, tmp_path: Path
) -> None:
    arguments = ("snapshot", "orders", "--user", "looker", "--socket", str(orders.socket))
    program = [*PROGRAM, "resource", *arguments, "--every", "1", "--json"]
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as taker:
        assert taker.stdout is not None
        first = json.loads(taker.stdout.readline())["digest"]
        orders.server.execute_simple("CREATE TABLE public.newer (id int)")
        digests = (json.loads(line)["digest"] for line in taker.stdout)
        newer = next(digest for digest in digests if digest != first)
        taker.terminate()
        taker.communicate(timeout=20)
    assert taker.returncode == 0
    after = explained(command, "SELECT * FROM public.newer")
    assert (after["catalogue"]["digest"], after["catalogue_state"]) == (newer, "current")
    assert after["required"][0]["columns"] == ["id"]


def test_a_snapshot_that_fails_is_tried_again(
    orders: Orders, command: Command, tmp_path: Path
) -> None:
    del command  # for its folder
    place = tmp_path / "later"
    arguments = ("snapshot", "orders", "--user", "looker", "--socket", str(place))
    program = [*PROGRAM, "resource", *arguments, "--every", "1", "--json"]
    with subprocess.Popen(
        program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as taker:
        assert taker.stdout is not None
        assert taker.stderr is not None
        assert "no connection" in taker.stderr.readline()
        place.symlink_to(orders.socket)
        assert json.loads(taker.stdout.readline())["relations"] > 0
        taker.terminate()
        taker.communicate(timeout=20)


@pytest.mark.parametrize("every", ["0", "999999999", "-1"])
def test_a_schedule_that_leaves_no_current_snapshot_is_refused(
    command: Command, every: str
) -> None:
    take = ("resource", "snapshot", "orders", "--user", "looker", f"--every={every}")
    assert command(*take)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("snapshot", "nowhere", "--user", "u"), 78),
        (("snapshot", "main", "--user", "u"), 78),
        (("snapshot", "orders", "--user", "u", "--socket", "/nonexistent"), 78),
        (("doctor", "orders"), 2),
    ],
)
def test_what_cannot_be_done_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.delenv("PGUSER", raising=False)
    assert command("resource", *arguments)[0] == code
