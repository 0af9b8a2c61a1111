"""DROP and ALTER need exactly the rendered grants and transfers, on a real server.

For each statement a fresh role gets what the rendering says, word for word. It must run.
Then one line of the rendering is left out: it must fail for want of it. And what the job
holds reaches no neighbour. The tables belong to an application's role, as they do where
people work; nothing but CONNECT and what the rendering gives is open to the job.
"""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated; the statements are made up.

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pg8000.native  # type: ignore[import-untyped]  # has no annotations
import pytest

from commands import read_sql
from counterfoil.core.actions.database.answer import SESSION
from counterfoil.core.renderings import render_all
from servers import postgresql

DENIED = "42501"
DEPENDED_ON = "2BP01"
WARNING = b"WARNING"
SET_UP = """
    CREATE ROLE app;
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    CREATE SCHEMA sales;
    CREATE TABLE public.invoices (id serial, total int CONSTRAINT positive CHECK (total > 0), note text, k int CONSTRAINT one UNIQUE, x int DEFAULT 1, y int NOT NULL, z int);
    CREATE TABLE public.customers (id int);
    CREATE TABLE sales.prices (id int, price int, since text);
    CREATE TABLE sales."Odd.""Name" (id int);
    CREATE TABLE public.seen (id int);
    CREATE VIEW public.looks AS SELECT id FROM public.seen;
    CREATE INDEX seen_index ON public.seen (id);
    CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE public.part PARTITION OF public.parts FOR VALUES FROM (0) TO (9);
    ALTER TABLE public.invoices OWNER TO app;
    ALTER TABLE public.customers OWNER TO app;
    ALTER TABLE sales.prices OWNER TO app;
    ALTER TABLE sales."Odd.""Name" OWNER TO app;
    ALTER TABLE public.seen OWNER TO app;
    ALTER TABLE public.parts OWNER TO app;
    ALTER TABLE public.part OWNER TO app;
    INSERT INTO public.invoices (total, y) VALUES (1, 2);
"""

DROPS = [
    "DROP TABLE public.invoices",
    "DROP TABLE IF EXISTS public.invoices RESTRICT",
    "DROP TABLE public.invoices, sales.prices, public.customers",
    'DROP TABLE sales."Odd.""Name"',
]
FORMS = [
    "ADD COLUMN due date DEFAULT '2027-01-01' NOT NULL",
    "ADD IF NOT EXISTS n int CHECK (n > 0) DEFAULT 1 + 2",
    "ADD n int GENERATED ALWAYS AS (total * 2) STORED",
    "ADD n serial",
    "ADD n int GENERATED ALWAYS AS IDENTITY",
    "ADD n int UNIQUE",
    "ADD n serial PRIMARY KEY",
    "DROP COLUMN note",
    "DROP COLUMN k RESTRICT",
    "DROP COLUMN id",
    "ALTER COLUMN total TYPE bigint",
    "ALTER COLUMN k TYPE bigint",
    "ALTER COLUMN note TYPE int USING length(note) + invoices.y",
    'ALTER note TYPE varchar(9) COLLATE "C"',
    "ALTER COLUMN total SET DEFAULT 7",
    "ALTER COLUMN x DROP DEFAULT",
    "ALTER COLUMN total SET NOT NULL",
    "ALTER COLUMN y DROP NOT NULL",
    "ADD CHECK (total > 0 AND note IS NULL)",
    "ADD CONSTRAINT later CHECK (y > 100) NOT VALID",
    "ADD CONSTRAINT two UNIQUE (total, y)",
    "ADD PRIMARY KEY (id)",
    "DROP CONSTRAINT positive",
    "DROP CONSTRAINT IF EXISTS one",
    "RENAME TO bills",
    "RENAME COLUMN note TO remark",
    "ADD a int, DROP note, ALTER total SET NOT NULL, ADD UNIQUE (x)",
]
NAMED = [
    *DROPS,
    *(f"ALTER TABLE public.invoices {form}" for form in FORMS),
    "ALTER TABLE IF EXISTS ONLY sales.prices ADD COLUMN a int",
    "ALTER TABLE sales.prices RENAME TO costs",
    "ALTER TABLE sales.prices ADD UNIQUE (price)",
    'ALTER TABLE sales."Odd.""Name" ADD a int',
]
# One for each column, so that any of them can stand together.
PIECES = [
    "DROP id",
    "ALTER total SET DEFAULT 3",
    "ALTER note TYPE varchar(40)",
    "DROP CONSTRAINT one",
    "ALTER x DROP DEFAULT",
    "ALTER y DROP NOT NULL",
    "ADD CHECK (z IS NULL)",
    "ADD UNIQUE (z)",
    "ADD n1 serial",
    "ADD n2 numeric(9,2) DEFAULT 0 NOT NULL",
    "ADD n3 int GENERATED ALWAYS AS IDENTITY",
]


@pytest.fixture(scope="module")
def server() -> Iterator[pg8000.native.Connection]:
    with postgresql.running() as socket:
        first = postgresql.connect(socket)
        first.execute_simple("CREATE DATABASE orders")
        first.execute_simple("REVOKE ALL ON DATABASE orders FROM PUBLIC")
        first.close()
        connection = postgresql.connect(socket, "orders")
        connection.execute_simple(SET_UP)
        for name, value in SESSION.items():
            connection.run("SELECT set_config(:n, :v, false)", n=name, v=value)
        yield connection
        connection.close()


def rendered(sql: str) -> list[str]:
    """The statements that make the job's role, in their order, for a role named `job`."""
    reading = read_sql(sql)
    assert not reading.uncertain, (sql, reading.uncertain)
    rendering: Any = render_all([*reading.required, *reading.ambient])["postgresql"]
    return [
        statement.replace('"{{name}}"', "job")
        for statement in (*rendering["grants"], *rendering["transfers"])
    ]


def attempt(
    server: pg8000.native.Connection, made: Sequence[str], *statements: str, check: str = ""
) -> tuple[str | None, Any]:
    """Run `statements` as the job; the SQLSTATE of a refusal, and what `check` then finds."""
    server.execute_simple("BEGIN")
    try:
        server.execute_simple("CREATE ROLE job NOLOGIN")
        for statement in made:
            server.execute_simple(statement)
        server.execute_simple("SET LOCAL ROLE job")
        for statement in statements:
            server.execute_simple(statement)
        return None, server.run(check) if check else None
    except pg8000.native.DatabaseError as error:
        return error.args[0]["C"], None
    finally:
        server.execute_simple("ROLLBACK")


def state(server: pg8000.native.Connection, made: Sequence[str], *statements: str) -> str | None:
    return attempt(server, made, *statements)[0]


def check_exact(server: pg8000.native.Connection, sql: str) -> None:
    made = rendered(sql)
    assert state(server, made, sql) is None, (sql, made)
    for index, left_out in enumerate(made):
        if " ON DATABASE " in left_out:
            continue  # CONNECT is checked at the door, which `attempt` is past
        fewer = made[:index] + made[index + 1 :]
        assert state(server, fewer, sql) == DENIED, (sql, left_out)


@pytest.mark.parametrize("sql", NAMED)
def test_grants_and_transfers_are_sufficient_and_each_is_necessary(
    server: pg8000.native.Connection, sql: str
) -> None:
    check_exact(server, sql)


@pytest.mark.parametrize("seed", range(30))
def test_any_forms_together_need_exactly_their_rights(
    server: pg8000.native.Connection, seed: int
) -> None:
    random = Random(seed)
    forms = random.sample(PIECES, random.randint(2, 5))
    sql = f"ALTER TABLE public.invoices {', '.join(forms)}"
    makes = any(word in sql for word in ("UNIQUE", "serial", "IDENTITY"))
    actions = [item["actions"] for item in read_sql(sql).required]
    assert actions == ([["create"], ["owner"]] if makes else [["owner"]])
    check_exact(server, sql)


REACHES = [
    "DROP TABLE public.customers",
    "DROP TABLE IF EXISTS public.customers",
    "DROP TABLE public.invoices, public.customers",
    "ALTER TABLE public.customers ADD a int",
    "ALTER TABLE public.customers RENAME COLUMN id TO a",
    "ALTER TABLE public.customers OWNER TO job",
    "SELECT id FROM public.customers",
    "DELETE FROM public.customers",
    "TRUNCATE public.customers",
    "LOCK TABLE public.customers",
    "CREATE INDEX ON public.customers (id)",
    "CREATE TRIGGER t BEFORE UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "DROP TABLE sales.prices",
    "DROP VIEW public.looks",
    "DROP SCHEMA public",
    "CREATE TABLE public.fresh (id int)",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE public.invoices RENAME TO bills",
    "ALTER TABLE public.invoices SET SCHEMA sales",
    "ALTER TABLE public.invoices OWNER TO app",
    "SET LOCAL ROLE app",
    "REASSIGN OWNED BY app TO job",
    "DROP OWNED BY app",
]


@pytest.mark.parametrize("sql", REACHES)
def test_owning_one_table_reaches_no_neighbour(server: pg8000.native.Connection, sql: str) -> None:
    made = rendered("DROP TABLE public.invoices")
    if "SET LOCAL ROLE" in sql:
        # the connection's own account may take any role, so membership is asked for
        check = "SELECT pg_has_role('job', 'app', 'MEMBER')"
        assert attempt(server, made, check=check) == (None, [[False]])
        return
    assert state(server, made, sql) == DENIED
    assert state(server, made, "DROP TABLE public.invoices") is None


def test_what_depends_on_a_dropped_table_stops_the_drop(server: pg8000.native.Connection) -> None:
    sql = "DROP TABLE public.seen"
    assert state(server, rendered(sql), sql) == DEPENDED_ON
    assert state(server, ["DROP VIEW public.looks", *rendered(sql)], sql) is None


def test_partitions_go_with_their_table_as_the_answer_says(
    server: pg8000.native.Connection,
) -> None:
    sql = "DROP TABLE public.parts"
    assert "no-partitions" in str(read_sql(sql).operations[0].details["assumes"])
    check = "SELECT to_regclass('public.part')::text"
    assert attempt(server, rendered(sql), sql, check=check) == (None, [[None]])


def test_an_alteration_that_would_reach_partitions_is_refused_by_the_server(
    server: pg8000.native.Connection,
) -> None:
    sql = "ALTER TABLE public.parts ADD a int"
    assert state(server, rendered(sql), sql) == DENIED
    assert state(server, ["DROP TABLE public.part", *rendered(sql)], sql) is None


def test_others_keep_their_rights_through_both_transfers(server: pg8000.native.Connection) -> None:
    before = ["CREATE ROLE other", "GRANT SELECT (id), INSERT ON public.invoices TO other"]
    made = [*before, *rendered("ALTER TABLE public.invoices RENAME TO bills")]
    back = ["RESET ROLE", "ALTER TABLE public.bills OWNER TO app"]
    check = """
        SELECT relowner::regrole::text, relacl::text, has_column_privilege('other', oid, 'id', 'SELECT'),
            has_table_privilege('job', oid, 'SELECT, INSERT, UPDATE, DELETE'),
            (SELECT relowner::regrole::text FROM pg_class WHERE relname = 'invoices_id_seq')
        FROM pg_class WHERE relname = 'bills'"""
    found = attempt(server, made, "ALTER TABLE public.invoices RENAME TO bills", *back, check=check)
    assert found == (None, [["app", "{app=arwdDxtm/app,other=a/app}", True, False, "app"]])


def test_the_transfer_of_an_index_is_a_warning_and_gives_nothing(
    server: pg8000.native.Connection,
) -> None:
    sql = "ALTER TABLE public.seen_index RENAME TO other_index"
    server.notices.clear()
    assert state(server, rendered(sql), sql) == DENIED
    assert [notice[b"S"] for notice in server.notices] == [WARNING]


def test_whoever_transfers_without_superuser_lends_create_for_that_moment(
    server: pg8000.native.Connection,
) -> None:
    sql = "ALTER TABLE public.invoices ADD a int"
    issuer = [
        "CREATE ROLE issuer",
        "GRANT app, job TO issuer WITH SET TRUE, INHERIT TRUE",
        "GRANT USAGE, CREATE ON SCHEMA public TO issuer WITH GRANT OPTION",
        "SET LOCAL ROLE issuer",
    ]
    made = [item for item in rendered(sql) if " ON DATABASE " not in item]
    lent = [
        "GRANT CREATE ON SCHEMA public TO job",
        *made,
        "REVOKE CREATE ON SCHEMA public FROM job",
    ]
    end = ["RESET ROLE", "SET LOCAL ROLE job"]
    assert state(server, [*issuer, *lent, *end], sql) is None
    assert state(server, [*issuer, *made, *end], sql) == DENIED
    renamed = "ALTER TABLE public.invoices RENAME TO bills"
    assert state(server, [*issuer, *lent, *end], renamed) == DENIED
