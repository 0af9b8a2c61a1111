"""The permissions of a statement are sufficient and each is necessary, on a real server.

For each statement a fresh role gets exactly what the interpreter says, in a database where
PUBLIC holds nothing on the schemas. It must run. Then one right, or one column of one
right, is left out: it must fail for want of it.
"""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import pg8000.native  # type: ignore[import-untyped]  # has no annotations
import pytest

from commands import read_sql, uses
from counterfoil.core.actions.database.answer import SESSION
from counterfoil.core.actions.database.source import quoted
from counterfoil.core.model import JsonValue, Permission
from servers import postgresql
from sql_grammar import TABLES, statement

DENIED = {"42501"}
NOT_SEEN = {"42P01", "3F000", "42501"}  # without USAGE a bare schema may look absent
TYPES = {"note": "text", "name": "text", "region": "text", "since": "date"}

NAMED = [
    "CREATE TABLE public.fresh (id int)",
    "CREATE TABLE IF NOT EXISTS public.fresh (id bigint PRIMARY KEY, made timestamptz DEFAULT now(), n numeric(10,2) CHECK (n > 0), tags text[] NOT NULL, UNIQUE (n, made))",
    "CREATE TABLE sales.fresh (id int, half int GENERATED ALWAYS AS (id / 2) STORED)",
    "CREATE TABLE sales.fresh (id serial)",
    "CREATE TABLE sales.fresh (id int PRIMARY KEY)",
    "CREATE TABLE sales.fresh (id int, UNIQUE (id))",
    "CREATE TABLE public.fresh (id serial, other bigserial)",
    "CREATE TABLE sales.fresh (id int GENERATED ALWAYS AS IDENTITY)",
    "CREATE TABLE public.fresh (invoice int REFERENCES public.invoices (id) ON DELETE CASCADE)",
    "CREATE TABLE public.fresh (invoice int REFERENCES public.invoices)",
    "CREATE TABLE public.fresh (price int, FOREIGN KEY (price) REFERENCES sales.prices (item))",
    "CREATE TABLE sales.fresh (id int PRIMARY KEY, parent int REFERENCES sales.fresh (id))",
    "SELECT id, total FROM public.invoices WHERE id = 7",
    "SELECT total FROM public.invoices GROUP BY total HAVING count(id) > 1 ORDER BY max(note)",
    "SELECT i.total AS id FROM public.invoices i ORDER BY id",
    "SELECT DISTINCT ON (region) name FROM public.customers ORDER BY region",
    "SELECT ctid FROM public.invoices",
    "SELECT sum(total) OVER (PARTITION BY note ORDER BY id) FROM public.invoices",
    "SELECT sum(total) OVER w FROM public.invoices WINDOW w AS (PARTITION BY note)",
    "SELECT name FROM public.customers JOIN public.invoices USING (id)",
    "SELECT a.total FROM public.invoices a, public.invoices b",
    "SELECT x.total FROM public.customers c, LATERAL (SELECT total FROM public.invoices i WHERE i.id = c.id) x",
    "WITH invoices AS (SELECT total FROM public.invoices) SELECT total FROM invoices",
    "WITH RECURSIVE r(n) AS (SELECT id FROM public.invoices UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r",
    "SELECT (SELECT name FROM public.customers c WHERE c.id = i.id) FROM public.invoices i",
    "SELECT id FROM public.invoices UNION SELECT item FROM sales.prices ORDER BY id",
    "SELECT ARRAY(SELECT id FROM public.invoices), EXISTS (SELECT region FROM public.customers)",
    "INSERT INTO public.invoices (id, total) VALUES (1, DEFAULT), (2, 3)",
    "INSERT INTO public.invoices (id) VALUES (9) ON CONFLICT DO NOTHING",
    "INSERT INTO public.invoices (id) VALUES (9) ON CONFLICT (id) DO NOTHING",
    "INSERT INTO public.invoices AS i (id, total) VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET total = excluded.total WHERE i.note IS NULL RETURNING i.id",
    "INSERT INTO public.invoices (id, total) VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET note = 'x'",
    "INSERT INTO public.customers (id) SELECT item FROM sales.prices WHERE price > 2",
    "UPDATE public.invoices SET total = 1",
    "UPDATE public.invoices SET total = total + 1 WHERE id = 7 RETURNING note",
    "UPDATE public.invoices SET (total, note) = (SELECT p.price, 'x' FROM sales.prices p LIMIT 1)",
    "UPDATE public.invoices i SET total = p.price FROM sales.prices p WHERE p.item = i.id",
    "DELETE FROM public.invoices",
    "DELETE FROM public.invoices WHERE id = 7 RETURNING total",
    "DELETE FROM public.invoices i USING public.customers c WHERE c.id = i.id",
    "WITH gone AS (DELETE FROM public.customers WHERE id = 1 RETURNING id) INSERT INTO public.invoices (id) SELECT id FROM gone",
    "WITH gone AS (DELETE FROM public.customers) SELECT 1",
    'SELECT l."amount" FROM sales."Order Lines" l',
]


@pytest.fixture(scope="module")
def server() -> Iterator[pg8000.native.Connection]:
    with postgresql.running() as socket:
        first = postgresql.connect(socket)
        first.execute_simple("CREATE DATABASE orders")
        first.close()
        connection = postgresql.connect(socket, "orders")
        connection.execute_simple("CREATE SCHEMA sales")
        connection.execute_simple("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for table, columns in TABLES.items():
            listed = ", ".join(f"{name} {TYPES.get(name, 'int')}" for name in columns)
            key = columns[0]
            connection.execute_simple(f"CREATE TABLE {table} ({listed}, PRIMARY KEY ({key}))")
        for name, value in SESSION.items():
            connection.run("SELECT set_config(:n, :v, false)", n=name, v=value)
        yield connection
        connection.close()


def attempt(server: pg8000.native.Connection, sql: str, grants: list[Permission]) -> str | None:
    """Run `sql` as a role that holds `grants`; the SQLSTATE of its refusal, or None."""
    server.execute_simple("BEGIN")
    try:
        server.execute_simple("CREATE ROLE job NOLOGIN")
        for grant in grants:
            server.execute_simple(grant_text(grant))
        server.execute_simple("SET LOCAL ROLE job")
        server.execute_simple(sql)
    except pg8000.native.DatabaseError as error:
        state: str = error.args[0]["C"]
        return state
    finally:
        server.execute_simple("ROLLBACK")
    return None


def grant_text(permission: Permission) -> str:
    columns = permission.get("columns")
    assert isinstance(permission["actions"], list)
    listed = (
        f" ({', '.join(quoted(name) for name in columns)})" if isinstance(columns, list) else ""
    )
    action = f"{permission['actions'][0]}{listed}"
    return f"GRANT {action} ON {permission['object']} {permission['identifier']} TO job"


def weaker(grants: list[Permission]) -> Iterator[list[Permission]]:
    """Every set with one right, or one column of a right, less."""
    for index, grant in enumerate(grants):
        rest = grants[:index] + grants[index + 1 :]
        yield rest
        columns = grant.get("columns")
        if isinstance(columns, list) and len(columns) > 1:
            for column in columns:
                less: Mapping[str, JsonValue] = {
                    **grant,
                    "columns": [name for name in columns if name != column],
                }
                yield [*rest, less]


def check_exact(server: pg8000.native.Connection, sql: str) -> None:
    reading = read_sql(sql)
    assert not reading.uncertain, (sql, reading.uncertain)
    ambient = [grant for grant in reading.ambient if grant["object"] != "database"]
    grants = [*reading.required, *ambient]
    assert attempt(server, sql, grants) is None, (sql, grants)
    for fewer in weaker(grants):
        assert attempt(server, sql, fewer) in NOT_SEEN, (sql, fewer)


@pytest.mark.parametrize("sql", NAMED)
def test_permissions_are_sufficient_and_each_is_necessary(
    server: pg8000.native.Connection, sql: str
) -> None:
    check_exact(server, sql)


@pytest.mark.parametrize("seed", range(40))
def test_random_statements_need_exactly_their_permissions(
    server: pg8000.native.Connection, seed: int
) -> None:
    sql, expected = statement(Random(seed))
    found = uses(read_sql(sql))
    assert {use: set(columns or ()) for use, columns in found.items()} == named(expected)
    check_exact(server, sql)


def named(expected: dict[tuple[str, str], set[str]]) -> dict[tuple[str, str], set[str]]:
    return {(verb, table.replace('"', "")): names for (verb, table), names in expected.items()}


def test_without_a_catalogue_the_whole_table_is_asked_and_said(
    server: pg8000.native.Connection,
) -> None:
    for sql in (
        "SELECT * FROM public.invoices",
        "SELECT count(*) FROM public.invoices",
        "SELECT invoices FROM public.invoices",
        "SELECT name FROM public.customers NATURAL JOIN public.invoices",
        "SELECT total, name FROM public.customers, public.invoices",
        "INSERT INTO public.invoices VALUES (1, 2)",
        "INSERT INTO public.invoices DEFAULT VALUES",
        "INSERT INTO public.invoices (id) VALUES (1) ON CONFLICT ON CONSTRAINT invoices_pkey DO NOTHING",
        "SELECT total + 1 AS bigger FROM public.invoices GROUP BY bigger",
    ):
        reading = read_sql(sql)
        assert any(item.details.get("coarse") for item in reading.operations), sql
        state = attempt(server, sql, [*reading.required, reading.ambient[1]])
        assert state in {None, "23502"}, (sql, state)  # a null key is no want of rights
        assert attempt(server, sql, [reading.ambient[1]]) in DENIED, sql
