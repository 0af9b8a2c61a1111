"""What statements do, said exactly: operations, permissions, ambient rights, session."""

from __future__ import annotations

import pytest

from commands import ORDERS, read_sql, uses
from counterfoil.core.model import Execute, Operation


def test_create_table_asks_for_create_on_the_schema_and_nothing_else() -> None:
    sql = "CREATE TABLE public.invoices (id int)"
    reading = read_sql(sql)
    assert reading.operations == (
        Operation(
            family="database",
            verb="create",
            object={"kind": "table", "database": "orders", "schema": "public", "name": "invoices"},
            span=(13, 28),
        ),
    )
    place = {"type": "postgresql", "locations": [ORDERS.location]}
    assert reading.required == (
        {
            **place,
            "object": "schema",
            "identifier": "public",
            "actions": ["create"],
            "operations": [0],
        },
    )
    assert reading.ambient == (
        {**place, "object": "database", "identifier": "orders", "actions": ["connect"]},
    )


def test_select_asks_for_the_columns_it_names() -> None:
    reading = read_sql("SELECT id, total FROM public.invoices WHERE id = 7")
    (operation,) = reading.operations
    assert operation.verb == "select"
    assert operation.columns == ("id", "total")
    assert operation.span == (22, 37)
    assert operation.details == {"assumes": ["plain-table", "no-children"]}
    (permission,) = reading.required
    assert permission["object"] == "table"
    assert permission["identifier"] == "public.invoices"
    assert permission["columns"] == ["id", "total"]
    assert [item["object"] for item in reading.ambient] == ["database", "schema"]


def test_what_runs_is_what_was_read_in_a_pinned_session() -> None:
    sql = "SELECT id FROM public.invoices"
    assert read_sql(sql).execute == Execute(
        arguments={"database": "orders", "sql": sql},
        session={
            "search_path": "pg_catalog, pg_temp",
            "standard_conforming_strings": "on",
            "client_encoding": "UTF8",
            "transform_null_equals": "off",
            "array_nulls": "on",
            "datestyle": "ISO, MDY",
            "intervalstyle": "postgres",
            "default_text_search_config": "pg_catalog.english",
            "default_table_access_method": "heap",
            "row_security": "on",
        },
    )


def test_usage_is_ambient_on_public_and_required_elsewhere() -> None:
    reading = read_sql("SELECT a.id, b.id FROM sales.a JOIN sales.b ON a.id = b.id")
    assert [
        (item["object"], item["identifier"], item["operations"]) for item in reading.required
    ] == [("table", "sales.a", [0]), ("table", "sales.b", [1]), ("schema", "sales", [0, 1])]
    assert [item["object"] for item in reading.ambient] == ["database"]


def test_a_statement_without_objects_is_still_an_operation() -> None:
    # policy must have something to decide: "every operation is allowed" is true of none
    reading = read_sql("SELECT now(), 1 + 1")
    assert uses(reading) == {("connect", "database"): None}
    assert reading.required == ()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM public.a", {("select", "public.a"): None}),
        ("TABLE public.a", {("select", "public.a"): None}),
        ("SELECT count(*) FROM public.a", {("select", "public.a"): None}),
        ("SELECT a FROM public.a", {("select", "public.a"): None}),
        (
            "SELECT x.* FROM public.a x, public.b y",
            {("select", "public.a"): None, ("select", "public.b"): None},
        ),
        (
            "SELECT i FROM public.a, public.b",
            {("select", "public.a"): None, ("select", "public.b"): None},
        ),
        (
            "SELECT n, i FROM public.a JOIN (SELECT i FROM public.b) b USING (i)",
            {("select", "public.a"): ("i", "n"), ("select", "public.b"): ("i",)},
        ),
        (
            "SELECT a.n, b.m FROM public.a JOIN public.b USING (i)",
            {("select", "public.a"): ("i", "n"), ("select", "public.b"): ("i", "m")},
        ),
        (
            "SELECT i FROM public.a JOIN public.b USING (i) JOIN public.c USING (i)",
            {
                ("select", "public.a"): ("i",),
                ("select", "public.b"): ("i",),
                ("select", "public.c"): ("i",),
            },
        ),
        ("SELECT i FROM public.a AS x (i)", {("select", "public.a"): None}),
        (
            "SELECT b.i FROM public.a NATURAL JOIN public.b",
            {("select", "public.a"): None, ("select", "public.b"): None},
        ),
        ("SELECT s.a FROM public.t s, LATERAL (SELECT 1 AS a) a", {("select", "public.t"): ("a",)}),
        ("SELECT a FROM public.t s, LATERAL (SELECT 1 AS b) a", {("select", "public.t"): None}),
        (
            "SELECT day FROM (SELECT date_trunc('day', made) AS day FROM public.t) d GROUP BY day",
            {("select", "public.t"): ("made",)},
        ),
        ("SELECT upper(name) AS name FROM public.t GROUP BY name", {("select", "public.t"): None}),
        (
            "SELECT name FROM public.t GROUP BY name ORDER BY name",
            {("select", "public.t"): ("name",)},
        ),
        ("SELECT lower(name) FROM public.t ORDER BY lower", {("select", "public.t"): ("name",)}),
        (
            "SELECT name::text FROM public.t ORDER BY name, other",
            {("select", "public.t"): ("name", "other")},
        ),
        (
            "SELECT s.v FROM (VALUES (1)) s(v), public.t WHERE t.i = v",
            {("select", "public.t"): ("i",)},
        ),
        ("SELECT public.t.i FROM public.t", {("select", "public.t"): ("i",)}),
        ("SELECT i[1], j ->> 'a' FROM ONLY public.t", {("select", "public.t"): ("i", "j")}),
        (
            "SELECT i FROM public.t WHERE (i, j) = (SELECT x.k, 1 FROM public.u x)",
            {("select", "public.t"): ("i", "j"), ("select", "public.u"): ("k",)},
        ),
        (
            "SELECT 1 FROM public.t WHERE EXISTS (SELECT 1 FROM public.u WHERE k = 1)",
            {("select", "public.t"): None, ("select", "public.u"): None},
        ),
        ("INSERT INTO public.t VALUES (1)", {("insert", "public.t"): None}),
        ("INSERT INTO public.t DEFAULT VALUES", {("insert", "public.t"): None}),
        ("INSERT INTO public.t (b, a) VALUES (1, 2)", {("insert", "public.t"): ("a", "b")}),
        (
            "INSERT INTO public.t (a) TABLE public.u",
            {("insert", "public.t"): ("a",), ("select", "public.u"): None},
        ),
        (
            "INSERT INTO public.t (a) VALUES ((SELECT max(k) FROM public.u))",
            {("insert", "public.t"): ("a",), ("select", "public.u"): ("k",)},
        ),
        (
            "INSERT INTO public.t (a) VALUES (1) ON CONFLICT ON CONSTRAINT k DO NOTHING",
            {("insert", "public.t"): ("a",), ("select", "public.t"): None},
        ),
        ("UPDATE public.t SET a = 1", {("update", "public.t"): ("a",)}),
        (
            "UPDATE public.t SET a = b WHERE c",
            {("update", "public.t"): ("a",), ("select", "public.t"): ("b", "c")},
        ),
        (
            "UPDATE public.t SET a = 1 FROM public.u",
            {("update", "public.t"): ("a",), ("select", "public.u"): None},
        ),
        (
            "UPDATE public.t SET a = 1 RETURNING *",
            {("update", "public.t"): ("a",), ("select", "public.t"): None},
        ),
        ("DELETE FROM public.t", {("delete", "public.t"): None}),
        (
            "DELETE FROM public.t WHERE id = 7",
            {("delete", "public.t"): None, ("select", "public.t"): ("id",)},
        ),
        (
            "CREATE TABLE public.t (i int REFERENCES public.u)",
            {("create", "public.t"): None, ("references", "public.u"): None},
        ),
        (
            "CREATE TABLE public.t (i int REFERENCES public.u (k))",
            {("create", "public.t"): None, ("references", "public.u"): ("k",)},
        ),
        (
            "CREATE TABLE public.t (i int, p int REFERENCES public.t)",
            {("create", "public.t"): None},
        ),
    ],
)
def test_each_table_column_and_verb_is_found(
    sql: str, expected: dict[tuple[str, str], tuple[str, ...] | None]
) -> None:
    assert uses(read_sql(sql)) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM public.a",
        "SELECT count(*) FROM public.a",
        "INSERT INTO public.a VALUES (1)",
        "CREATE TABLE public.t (i int REFERENCES public.u)",
    ],
)
def test_a_right_wider_than_the_text_says_so(sql: str) -> None:
    assert [item.details.get("coarse") for item in read_sql(sql).operations][-1] is True


def test_a_deletion_is_never_called_coarse() -> None:
    # there is no narrower right than DELETE on the table
    (operation,) = read_sql("DELETE FROM public.a").operations
    assert "coarse" not in operation.details


def test_order_of_operations_is_the_order_of_the_text() -> None:
    reading = read_sql(
        "WITH d AS (DELETE FROM public.z RETURNING i) INSERT INTO public.a (i) SELECT i FROM d"
    )
    assert [(item.verb, item.object["name"]) for item in reading.operations] == [
        ("delete", "z"),
        ("select", "z"),
        ("insert", "a"),
    ]
    indexes = [item["operations"] for item in reading.required]
    assert indexes == [[0], [1], [2]]
