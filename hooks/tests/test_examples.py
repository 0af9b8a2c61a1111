"""Each example runs as its file stands, against the real service and a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.database import Database, changes
from demo.postgresql import postgresql, programs_of

from running import PROGRAM, Running, free_ports

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PACKAGE = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
SAID = {
    "sql_team.py": [
        "NOT RUN: policy denies",
        "What to do: ",
        "CREATE TABLE (granted: ",
        '"public"',
    ],
    "mcp_team.py": ["NOT RUN: policy denies", "CREATE TABLE"],
    "code_team.py": ["NOT RUN: policy denies", "What to do: ", "has made: []"],
}
RAN = {
    "sql_team.py": ["CREATE TABLE public.invoices (id int)"],
    "mcp_team.py": ["CREATE TABLE public.payments (id int)"],
    "code_team.py": [],
}
"""By PostgreSQL's own log: what was allowed, once, and nothing that was denied."""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="counterfoil-pg-") as scratch:
        log = tmp_path_factory.mktemp("postgresql") / "postgresql.log"
        programs = programs_of(PROGRAM.with_name("python"))
        (port,) = free_ports(1)
        with postgresql(programs, port=port, scratch=Path(scratch), log=log) as database:
            yield database


def example(service: Running, name: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **service.environment,
        "PYTHONPATH": str(PACKAGE),
        "COUNTERFOIL_URL": service.url,
        "COUNTERFOIL_TOKEN": service.token(),
        **more,
    }
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert environment["COUNTERFOIL_TOKEN"] not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("name", sorted(SAID))
def test_example_says_what_its_text_says_and_does_only_that(
    service: Running, orders: Database, name: str
) -> None:
    before, already = orders.facts(), len(orders.statements())
    done = example(service, name, ORDERS_DSN=orders.tool_dsn)
    assert done.returncode == 0, done.stderr
    for words in SAID[name]:
        assert words in done.stdout, done.stdout
    assert orders.statements()[already:] == RAN[name]
    assert len(changes(before, orders.facts())) == len(RAN[name])


@pytest.mark.parametrize("name", ["sql_team.py", "mcp_team.py"])
def test_example_without_a_database_says_what_to_set(service: Running, name: str) -> None:
    done = example(service, name)
    assert done.returncode == 1
    assert "ORDERS_DSN" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_example_is_tried() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} - {"mcp_server.py"} == set(SAID)
