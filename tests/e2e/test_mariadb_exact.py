"""On a real MariaDB each job runs as a fresh user with exactly the rights read, and no fewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pymysql  # type: ignore[import-untyped]  # has no annotations
import pytest

from commands import read_dialect
from counterfoil.core.model import Permission
from counterfoil.core.renderings.contract import Right
from counterfoil.core.renderings.mysql import parse_back, render, rights
from dialect_jobs import jobs, set_up
from evidence import record
from servers import mariadb

DENIED = frozenset({1044, 1142, 1143, 1370})
"""ER_DBACCESS_DENIED, ER_TABLEACCESS_DENIED, ER_COLUMNACCESS_DENIED, ER_PROCACCESS_DENIED."""
NO_SUCH_TABLE = 1146
JOBS = jobs("mysql")


@dataclass
class Target:
    """A server; each attempt begins with the tables as they were."""

    socket: Any
    admin: pymysql.Connection

    def run(self, statement: str) -> None:
        with self.admin.cursor() as cursor:
            cursor.execute(statement)

    def renew(self) -> None:
        self.run("DROP DATABASE IF EXISTS orders")
        self.run("CREATE DATABASE orders")
        self.run("USE orders")
        for statement in set_up("mysql"):
            self.run(statement)

    def attempt(self, permissions: Sequence[Permission], text: str) -> int | None:
        """The number of the error, or None."""
        self.renew()
        self.run("CREATE USER job@localhost")
        try:
            for grant in made(permissions):
                self.run(grant)
            job = mariadb.connect(self.socket, "job")
            try:
                with job.cursor() as cursor:
                    cursor.execute(text)
            finally:
                job.close()
        except pymysql.MySQLError as error:
            number: int = error.args[0]
            return number
        finally:
            self.run("DROP USER job@localhost")
        return None


@pytest.fixture(scope="module")
def server() -> Iterator[Target]:
    with mariadb.running() as socket:
        admin = mariadb.connect(socket)
        found = Target(socket, admin)
        found.run("DELETE FROM mysql.global_priv WHERE user = ''")  # else it answers for all
        found.run("FLUSH PRIVILEGES")
        yield found
        admin.close()


def made(permissions: Sequence[Permission]) -> list[str]:
    rendering: Any = render(permissions)
    assert parse_back(rendering) == {right for item in permissions for right in rights(item)}
    return [line.replace("'{{name}}'@'%'", "job@localhost") for line in rendering["grants"]]


def read(text: str) -> tuple[str, list[Permission]]:
    reading = read_dialect("mysql", text)
    assert not reading.uncertain, (text, reading.uncertain)
    assert reading.execute is not None
    return str(reading.execute.arguments["sql"]), [*reading.required, *reading.ambient]


def weaker(permissions: Sequence[Permission]) -> Iterator[list[Permission]]:
    for index, permission in enumerate(permissions):
        if permission["object"] == "global":
            continue
        rest = [*permissions[:index], *permissions[index + 1 :]]
        yield rest
        columns = permission.get("columns")
        if isinstance(columns, list) and len(columns) > 1:
            for column in columns:
                yield [*rest, {**permission, "columns": [c for c in columns if c != column]}]


def covered(wanted: Sequence[Permission], held: Sequence[Permission]) -> bool:
    """Whether all rights wanted are held, on the column or the whole table."""
    have = {right for item in held for right in rights(item)}
    return all(
        isinstance(right, Right) and {right, right._replace(column=None)} & have
        for item in wanted
        for right in rights(item)
    )


def judge(server: Target) -> tuple[dict[str, int], list[str]]:
    """How much was tried, and what was not as it should be."""
    counts = {"jobs": 0, "removals": 0, "neighbours": 0}
    wrong: list[str] = []
    every = [read(text) for text in JOBS]
    for index, (runs, permissions) in enumerate(every):
        counts["jobs"] += 1
        state = server.attempt(permissions, runs)
        if state is not None:
            wrong.append(f"{state}: {runs} {permissions}")
        for fewer in weaker(permissions):
            counts["removals"] += 1
            # A right without CREATE cannot even be given on a table that is not there.
            if server.attempt(fewer, runs) not in DENIED | {NO_SUCH_TABLE}:
                wrong.append(f"needless: {runs} {[p for p in permissions if p not in fewer]}")
        for other in neighbours(every[index + 1 :] + every[:index], permissions):
            counts["neighbours"] += 1
            if server.attempt(permissions, other) not in DENIED:
                wrong.append(f"open: {runs} {other}")
    return counts, wrong


def neighbours(
    others: Sequence[tuple[str, list[Permission]]], held: Sequence[Permission]
) -> list[str]:
    """Two jobs that need more; not COUNT(*), for which any one column does."""
    return [
        runs for runs, wanted in others if "COUNT(*)" not in runs and not covered(wanted, held)
    ][:2]


@pytest.mark.e2e
def test_each_job_runs_with_exactly_its_rights_and_its_neighbours_are_refused(
    server: Target,
) -> None:
    counts, wrong = judge(server)
    assert wrong == []
    assert counts["jobs"] == len(JOBS)
    assert counts["neighbours"] == 2 * len(JOBS)


@pytest.mark.prove
def test_exactness_on_mariadb_is_recorded(server: Target) -> None:
    counts, wrong = judge(server)
    record(
        "sql_exactness_mariadb",
        "jobs run on MariaDB by fresh users that hold exactly the rights read from them",
        server=server.admin.server_version,
        **counts,
        wrong=wrong,
    )
    assert wrong == []


@pytest.mark.e2e
def test_a_grant_on_a_database_reaches_no_other_that_its_name_would_match(server: Target) -> None:
    server.renew()
    server.run("CREATE DATABASE IF NOT EXISTS my_orders")
    server.run("CREATE DATABASE IF NOT EXISTS myxorders")
    permission: Permission = {
        "type": "mysql",
        "locations": ["mariadb://127.0.0.1:3306/my_orders"],
        "object": "database",
        "identifier": "my_orders",
        "actions": ["create view"],
    }
    try:
        assert server.attempt([permission], "CREATE VIEW my_orders.v AS SELECT 1") is None
        assert server.attempt([permission], "CREATE VIEW myxorders.v AS SELECT 1") in DENIED
    finally:
        server.run("DROP DATABASE my_orders")
        server.run("DROP DATABASE myxorders")
