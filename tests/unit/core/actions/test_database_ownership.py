"""DROP TABLE and ALTER TABLE: the owner's right on exactly that table, or doubt."""

# ruff: noqa: S608
# The statements are made up.

from __future__ import annotations

import pytest

from commands import ORDERS, doubt, read_sql, uses
from counterfoil.core.actions.contract import MAX_OPERATIONS
from counterfoil.core.actions.uncertain import UNCERTAIN
from counterfoil.core.model import Operation

PLACE = {"type": "postgresql", "locations": [ORDERS.location]}
ALTER = "ALTER TABLE public.invoices "


def test_dropping_a_table_asks_for_ownership_of_it_and_nothing_else() -> None:
    sql = "DROP TABLE public.invoices"
    reading = read_sql(sql)
    assert reading.operations == (
        Operation(
            family="database",
            verb="drop",
            object={"kind": "table", "database": "orders", "schema": "public", "name": "invoices"},
            span=(11, 26),
            details={"assumes": ["plain-table", "no-partitions"]},
        ),
    )
    assert reading.required == (
        {
            **PLACE,
            "object": "table",
            "identifier": "public.invoices",
            "actions": ["owner"],
            "operations": [0],
        },
    )
    assert [(item["object"], item["actions"]) for item in reading.ambient] == [
        ("database", ["connect"]),
        ("schema", ["usage"]),
    ]
    assert reading.execute is not None
    assert reading.execute.arguments["sql"] == sql


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE public.a, sales.b",
        "DROP TABLE IF EXISTS public.a,sales.b RESTRICT;",
        'drop table\n if exists\tpublic . a , orders.sales."b"',
        ';DROP TABLE PUBLIC.A, U&"sales".U&"\\0062"',
        "DROP TABLE public.a, sales.b, public.a",
        "DROP TABLE /* public.z */ public.a, -- , public.y\n sales.b",
    ],
)  # fmt: skip
def test_each_dropped_table_is_an_operation_of_its_own(sql: str) -> None:
    reading = read_sql(sql)
    assert uses(reading) == {("drop", "public.a"): None, ("drop", "sales.b"): None}
    assert [
        (item["object"], item["identifier"], item["actions"], item["operations"])
        for item in reading.required
    ] == [
        ("table", "public.a", ["owner"], [0]),
        ("table", "sales.b", ["owner"], [1]),
        ("schema", "sales", ["usage"], [1]),
    ]


@pytest.mark.parametrize(
    ("sql", "places"),
    [
        ("DROP TABLE public.a, sales.b", ["public.a", "sales.b"]),
        ('DROP TABLE IF EXISTS "é".a, "x, y"."b.c" RESTRICT', ['"é".a', '"x, y"."b.c"']),
        ("DROP TABLE /* public.z */ public.a", ["public.a"]),
        ("DROP TABLE public.a -- , public.b\n , public.b", ["public.a", "public.b"]),
        ('DROP TABLE public.a, public."--b"', ["public.a", 'public."--b"']),
        ('DROP TABLE U&"\\0061".b', ['U&"\\0061".b']),
        ("DROP TABLE IF EXISTS a.if, exists.b", ["a.if", "exists.b"]),
        # no sure place: the whole statement is shown, never another name
        ("DROP TABLE U&\"a!0062\" UESCAPE '!' . c", ["DROP TABLE U&\"a!0062\" UESCAPE '!' . c"]),
    ],
)
def test_the_place_of_each_name_is_shown(sql: str, places: list[str | None]) -> None:
    # the grammar keeps no place, and a comment could hold another table's name
    found = [item.span and sql[slice(*item.span)] for item in read_sql(sql).operations]
    assert found == places


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        ("ADD COLUMN due date", [{"form": "add_column", "name": "due"}]),
        ("ADD IF NOT EXISTS due date DEFAULT '2027-01-01' NOT NULL", [{"form": "add_column", "name": "due"}]),
        ("ADD n int CHECK (n > invoices.total) DEFAULT 1 + 2", [{"form": "add_column", "name": "n"}]),
        ("ADD n int GENERATED ALWAYS AS (total * 2) STORED", [{"form": "add_column", "name": "n"}]),
        ("DROP COLUMN note", [{"form": "drop_column", "name": "note"}]),
        ("DROP IF EXISTS note RESTRICT", [{"form": "drop_column", "name": "note"}]),
        ("ALTER COLUMN total TYPE numeric(12,2)", [{"form": "set_type", "name": "total"}]),
        ('ALTER total SET DATA TYPE text COLLATE "C" USING upper(note || total::text)', [{"form": "set_type", "name": "total"}]),
        ("ALTER COLUMN total SET DEFAULT 0", [{"form": "set_default", "name": "total"}]),
        ("ALTER COLUMN total DROP DEFAULT", [{"form": "drop_default", "name": "total"}]),
        ("ALTER COLUMN total SET NOT NULL", [{"form": "set_not_null", "name": "total"}]),
        ("ALTER COLUMN total DROP NOT NULL", [{"form": "drop_not_null", "name": "total"}]),
        ("ADD CHECK (total > 0)", [{"form": "add_constraint"}]),
        ("ADD CONSTRAINT positive CHECK (total > 0) NOT VALID", [{"form": "add_constraint", "name": "positive"}]),
        ("DROP CONSTRAINT IF EXISTS positive", [{"form": "drop_constraint", "name": "positive"}]),
        ("RENAME COLUMN note TO remark", [{"form": "rename_column", "name": "note", "to": "remark"}]),
        ('RENAME note TO "Remark"', [{"form": "rename_column", "name": "note", "to": "Remark"}]),
        (
            "ADD a int, DROP note, ALTER total SET NOT NULL",
            [
                {"form": "add_column", "name": "a"},
                {"form": "drop_column", "name": "note"},
                {"form": "set_not_null", "name": "total"},
            ],
        ),
    ],
)  # fmt: skip
def test_altering_a_table_asks_for_ownership_of_it_and_nothing_else(
    form: str, changes: list[dict[str, str]]
) -> None:
    for sql in (ALTER + form, f"ALTER TABLE IF EXISTS ONLY orders.public.invoices {form}"):
        reading = read_sql(sql)
        assert uses(reading) == {("alter", "public.invoices"): None}
        assert reading.operations[0].details == {"assumes": ["plain-table"], "changes": changes}
        (permission,) = reading.required
        assert permission == {
            **PLACE,
            "object": "table",
            "identifier": "public.invoices",
            "actions": ["owner"],
            "operations": [0],
        }


@pytest.mark.parametrize(
    "form",
    [
        "RENAME TO bills",
        "ADD UNIQUE (total)",
        "ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (total, note) DEFERRABLE",
        "ADD PRIMARY KEY (id)",
        "ADD n serial",
        "ADD n int UNIQUE",
        "ADD n int PRIMARY KEY",
        "ADD n int GENERATED BY DEFAULT AS IDENTITY",
        "DROP note, ADD UNIQUE (total)",
    ],
)
def test_what_is_made_in_the_schema_by_name_asks_for_create_too(form: str) -> None:
    reading = read_sql(f"ALTER TABLE sales.prices {form}")
    assert uses(reading) == {("alter", "sales.prices"): None}
    assert [
        (item["object"], item["identifier"], item["actions"], item["operations"])
        for item in reading.required
    ] == [
        ("schema", "sales", ["create"], [0]),
        ("table", "sales.prices", ["owner"], [0]),
        ("schema", "sales", ["usage"], [0]),
    ]


def test_a_name_that_needs_quotes_stays_the_name_it_is() -> None:
    for name, identifier in (('"a.b"', 'public."a.b"'), ('"x""y"', 'public."x""y"')):
        for sql in (f"DROP TABLE public.{name}", f"ALTER TABLE public.{name} ADD a int"):
            (permission,) = read_sql(sql).required
            assert permission["identifier"] == identifier


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DROP TABLE public.invoices CASCADE", "cascade"),
        ("DROP TABLE IF EXISTS public.a, public.invoices CASCADE", "cascade"),
        (ALTER + "DROP COLUMN note CASCADE", "cascade"),
        (ALTER + "DROP COLUMN a, DROP COLUMN b CASCADE, DROP COLUMN c", "cascade"),
        (ALTER + "DROP CONSTRAINT positive CASCADE", "cascade"),
        ("DROP INDEX public.invoices", "index_owner"),
        ("DROP FUNCTION public.f(int)", "drop_kind"),
        ("DROP EXTENSION plpgsql", "drop_kind"),
        ("DROP OWNED BY app", "statement_kind"),
        ("DROP ROLE app", "role"),
        ("DROP DATABASE orders", "statement_kind"),
        ("DROP TABLE other.public.invoices", "other_database"),
        ("DROP TABLE x.orders.public.invoices", "unknown_name"),
        ("DROP TABLE pg_catalog.pg_class", "system_schema"),
        ("DROP TABLE pg_temp.invoices", "system_schema"),
        ("DROP TABLE information_schema.sql_features", "system_schema"),
        (f"DROP TABLE public.{'a' * 63}", "name"),
        ("ALTER TABLE other.public.invoices ADD a int", "other_database"),
        ("ALTER TABLE pg_catalog.pg_class ADD a int", "system_schema"),
        ("ALTER TABLE pg_catalog.pg_class RENAME TO a", "system_schema"),
        ("ALTER INDEX public.i RENAME TO a", "index_owner"),
        ("ALTER FOREIGN TABLE public.invoices ADD a int", "alter_form"),
        ("ALTER TYPE public.t ADD ATTRIBUTE a int", "alter_form"),
        ("ALTER ROLE app RENAME TO a", "alter_form"),
        ("ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b", "alter_form"),
        (ALTER + "OWNER TO CURRENT_USER", "alter_form"),
        (ALTER + "ADD a int, OWNER TO evil", "alter_form"),
        (ALTER + "DISABLE TRIGGER ALL", "alter_form"),
        (ALTER + "DISABLE RULE r", "alter_form"),
        (ALTER + "ALTER a SET STORAGE PLAIN", "alter_form"),
        (ALTER + "ALTER a SET EXPRESSION AS (1)", "alter_form"),
        (ALTER + "ALTER CONSTRAINT a DEFERRABLE", "alter_form"),
        (ALTER + "SET TABLESPACE fast", "alter_form"),
        (ALTER + "SET ACCESS METHOD heap2", "alter_form"),
        (ALTER + "REPLICA IDENTITY FULL", "alter_form"),
        (ALTER + "OF public.t", "alter_form"),
        (ALTER + "ADD CHECK ((SELECT count(*) FROM public.customers) > 0)", "alter_form"),
        (ALTER + "ALTER a TYPE int USING (SELECT max(id) FROM public.invoices)", "alter_form"),
        (ALTER + "ADD CONSTRAINT k UNIQUE USING INDEX i", "construct"),
        (ALTER + "ADD UNIQUE (id) USING INDEX TABLESPACE fast", "construct"),
        (ALTER + "ADD a text STORAGE PLAIN", "construct"),
        (ALTER + "ADD a int DEFAULT public.evil()", "function"),
        (ALTER + "ADD CHECK (public.evil(id))", "function"),
        (ALTER + "ALTER a SET DEFAULT pg_sleep(9)", "function"),
        (ALTER + "ALTER a TYPE int USING public.evil(a)", "function"),
        (ALTER + "ALTER a TYPE int USING query_to_xml('DELETE FROM public.a', true, true, '')", "function"),
        (ALTER + "ALTER a TYPE int USING a OPERATOR(public.+) 1", "operator"),
        (ALTER + "ALTER a TYPE int USING invoices.row_to_json", "row_function"),
        (ALTER + "ALTER a TYPE int USING other.a", "unknown_name"),
        (ALTER + "ADD a public.checked", "type"),
        (ALTER + "ALTER a TYPE serial", "type"),
        (ALTER + "ALTER a TYPE text COLLATE public.evil", "collation"),
        (ALTER + f"DROP COLUMN {'a' * 63}", "name"),
        (ALTER + f"RENAME TO {'a' * 63}", "name"),
        (ALTER + f"RENAME COLUMN {'a' * 63} TO b", "name"),
        (ALTER + f"RENAME COLUMN a TO {'b' * 63}", "name"),
        (ALTER + f"ADD {'a' * 63} int", "name"),
        (ALTER + f"DROP CONSTRAINT {'a' * 63}", "name"),
    ],
)  # fmt: skip
def test_whatever_reaches_further_is_uncertain_and_permits_nothing(sql: str, code: str) -> None:
    assert f"uncertain.sql_{code}" in UNCERTAIN
    assert doubt(sql) == f"uncertain.sql_{code}"
    for honest in ("DROP TABLE IF EXISTS public.a, public.invoices", ALTER + "ADD a int"):
        assert not doubt(honest)


def test_the_doubt_names_the_part_and_its_place() -> None:
    for sql, detail, place in (
        (ALTER + "ADD a int, DISABLE TRIGGER ALL", "DisableTrigAll", "ALTER"),
        (ALTER + "DROP COLUMN a CASCADE", "", "public.invoices"),
        ("SELECT 1; DROP FUNCTION public.f()", "FUNCTION", "DROP FUNCTION public.f()"),
    ):
        (found,) = read_sql(sql).uncertain
        assert found.detail == detail
        assert found.span is not None
        assert sql[slice(*found.span)] == place


def test_a_thousand_tables_are_bounded_like_any_other_tree() -> None:
    most = "DROP TABLE " + ",".join(f"a.t{n}" for n in range(MAX_OPERATIONS))
    assert len(read_sql(most).operations) == MAX_OPERATIONS
    assert doubt(most + ",a.more") == "uncertain.too_deep"
    assert doubt("DROP TABLE " + ",".join(["a.a"] * 4_001)) == "uncertain.too_deep"
    assert doubt(ALTER + ",".join(["DROP a"] * 1_900)) == ""
