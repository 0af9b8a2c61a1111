"""What a statement reaches beyond its table, shown by a catalogue and hidden without one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commands import codes, read_sql
from counterfoil.core.model import Interpretation, Snapshot


def relation(name: str, columns: str = "id a b", schema: str = "public", **more: Any) -> Any:
    return {
        "schema": schema,
        "name": name,
        "kind": "table",
        "owner": "app",
        "columns": [{"name": column} for column in columns.split()],
        "key": ["id"],
        "unique": [{"name": f"{name}_pkey", "columns": ["id"]}],
        **more,
    }


def points_to(target: str, on_delete: str, on_update: str = "no action") -> Any:
    return {
        "columns": ["a"],
        "target": ["public", target],
        "target_columns": ["id"],
        "on_delete": on_delete,
        "on_update": on_update,
    }


RELATIONS = [
    relation("plain"),
    relation("parent", children=[["secret", "child"]]),
    relation("child", schema="secret"),
    relation("parts", partitioned=True, children=[["public", "near"], ["secret", "far"]]),
    relation("near"),
    relation("far", schema="secret"),
    relation("owner"),
    relation("dies", schema="secret", references=[points_to("owner", "cascade")]),
    relation("forgets", references=[points_to("owner", "set null", "cascade")]),
    relation("top"),
    relation("middle", references=[points_to("top", "cascade")]),
    relation("leaf", schema="secret", references=[points_to("middle", "set null")]),
    relation("keeps", references=[points_to("owner", "restrict")]),
    relation(
        "watched",
        triggers=[
            {
                "name": "audit",
                "events": ["insert", "delete"],
                "function": ["audit", "note"],
                "definer": True,
            }
        ],
    ),
    relation("ruled", rules=["instead"]),
    relation("coded", code=["default of column a"]),
    relation("guarded", row_security=True),
    relation(
        "looks",
        kind="view",
        owner="boss",
        reads=[{"relation": ["secret", "child"], "columns": ["id"]}],
    ),
    relation(
        "asks",
        kind="view",
        security_invoker=True,
        reads=[{"relation": ["secret", "child"], "columns": ["id"]}],
    ),
]
CATALOGUE = Snapshot(
    digest="sha256:test",
    taken_at="2026-11-24T03:10:00Z",
    body=json.dumps({"relations": RELATIONS, "types": []}).encode(),
)


def read(sql: str) -> Interpretation:
    return read_sql(sql, catalogue=CATALOGUE)


def reached(sql: str) -> set[tuple[str, str, object]]:
    reading = read(sql)
    assert not reading.uncertain, reading.uncertain
    return {
        (item.verb, f"{item.object['schema']}.{item.object['name']}", item.details.get("through"))
        for item in reading.operations
    }


OWN = None
REACHED = {
    "DELETE FROM public.plain WHERE id = 1": {("delete", "public.plain", OWN), ("select", "public.plain", OWN)},
    "DELETE FROM public.parent": {("delete", "public.parent", OWN), ("delete", "secret.child", "inheritance")},
    "DELETE FROM ONLY public.parent": {("delete", "public.parent", OWN)},
    "SELECT a FROM public.parent": {("select", "public.parent", OWN), ("select", "secret.child", "inheritance")},
    "UPDATE public.parent SET a = 1": {("update", "public.parent", OWN), ("update", "secret.child", "inheritance")},
    "TRUNCATE public.parent": {("truncate", "public.parent", OWN), ("truncate", "secret.child", "inheritance")},
    "INSERT INTO public.parts (id) VALUES (1)": {("insert", "public.parts", OWN), ("insert", "secret.far", "partition")},
    "DROP TABLE public.parts": {("drop", "public.parts", OWN), ("drop", "public.near", "partition"), ("drop", "secret.far", "partition")},
    "DELETE FROM public.owner": {
        ("delete", "public.owner", OWN),
        ("delete", "secret.dies", "foreign_key"),
        ("update", "public.forgets", "foreign_key"),
    },
    "DELETE FROM public.top": {
        ("delete", "public.top", OWN),
        ("delete", "public.middle", "foreign_key"),
        ("update", "secret.leaf", "foreign_key"),
    },
    "UPDATE public.owner SET id = 2": {("update", "public.owner", OWN), ("update", "public.forgets", "foreign_key")},
    "UPDATE public.owner SET b = 2": {("update", "public.owner", OWN)},
    "WITH d AS (DELETE FROM public.owner) SELECT 1": {
        ("delete", "public.owner", OWN),
        ("delete", "secret.dies", "foreign_key"),
        ("update", "public.forgets", "foreign_key"),
    },
    "INSERT INTO public.watched (id) VALUES (1)": {("insert", "public.watched", OWN), ("fire", "public.audit", OWN)},
    "UPDATE public.watched SET a = 1": {("update", "public.watched", OWN)},
    "EXPLAIN DELETE FROM public.owner": {("delete", "public.owner", OWN)},
}  # fmt: skip


@pytest.mark.parametrize("sql", REACHED)
def test_what_is_reached_stands_among_the_operations_and_needs_no_right(sql: str) -> None:
    assert reached(sql) == REACHED[sql]
    needing = {index for item in read(sql).required for index in _indexes(item)}
    for index, item in enumerate(read(sql).operations):
        if item.details.get("through") or item.verb == "fire":
            assert index not in needing


def _indexes(permission: Any) -> list[int]:
    return list(permission["operations"])


def test_without_a_catalogue_it_is_assumed_and_said() -> None:
    for sql, words in (
        ("DELETE FROM public.owner", {"plain-table", "no-children", "no-cascades"}),
        ("DELETE FROM ONLY public.owner", {"plain-table", "no-cascades"}),
        ("SELECT a FROM public.parent", {"plain-table", "no-children"}),
        ("DROP TABLE public.parts", {"plain-table", "no-partitions"}),
    ):
        (operation,) = read_sql(sql).operations
        assumed = operation.details["assumes"]
        assert isinstance(assumed, list)
        assert set(assumed) == words
        assert "assumes" not in read(sql).operations[0].details


def test_a_trigger_says_what_it_runs_and_with_whose_rights() -> None:
    fired = [i for i in read("DELETE FROM public.watched").operations if i.verb == "fire"]
    assert [item.object["function"] for item in fired] == ["audit.note"]
    assert [item.details for item in fired] == [{"on": "delete", "definer": True}]


def test_a_view_says_whose_rights_it_reads_with_and_what() -> None:
    (operation,) = read("SELECT id FROM public.looks").operations
    assert operation.object["kind"] == "view"
    assert operation.details["view"] == {
        "owner": "boss",
        "reads": [{"schema": "secret", "name": "child", "columns": ["id"]}],
    }


def test_row_security_is_said() -> None:
    (operation,) = read("SELECT a FROM public.guarded").operations
    assert operation.details["row_security"] is True


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO public.ruled (id) VALUES (1)", "rule"),
        ("SELECT a FROM public.coded", "hidden_code"),
        ("UPDATE public.coded SET a = 1", "hidden_code"),
        ("SELECT id FROM public.asks", "invoker_view"),
        ("SELECT missing FROM public.plain", "unknown_name"),
        ("SELECT p.missing FROM public.plain p", "row_function"),
        ("INSERT INTO public.plain (missing) VALUES (1)", "unknown_name"),
        ("UPDATE public.plain SET missing = 1", "unknown_name"),
        ("INSERT INTO public.plain (id) VALUES (1) ON CONFLICT ON CONSTRAINT other DO NOTHING", "unknown_name"),
        ("SELECT x FROM public.plain AS t (x, y, z, too_many)", "unknown_name"),
    ],
)  # fmt: skip
def test_what_the_catalogue_shows_to_be_more_than_it_seems_is_doubtful(sql: str, code: str) -> None:
    assert codes(read(sql)) == [f"uncertain.sql_{code}"]


def test_a_table_that_the_catalogue_does_not_have_is_read_as_without_one() -> None:
    reading = read("SELECT * FROM public.newer")
    assert reading.operations[0].details == {
        "coarse": True,
        "assumes": ["plain-table", "no-children"],
    }
    assert reading.catalogue == {"digest": "sha256:test", "taken_at": "2026-11-24T03:10:00Z"}


def test_a_whole_key_in_the_condition_is_said() -> None:
    for sql, key in (
        ("DELETE FROM public.plain WHERE id = 7", True),
        ("DELETE FROM public.plain WHERE plain.id IN (7, 8) AND a > 1", True),
        ("UPDATE public.plain p SET a = 1 WHERE 7 = p.id AND p.a = 1", True),
        ("DELETE FROM public.plain WHERE a = 7", None),
        ("DELETE FROM public.plain WHERE id = 7 OR true", None),
        ("DELETE FROM public.plain WHERE NOT (id = 7)", None),
        ("DELETE FROM public.plain WHERE id = id", None),
        ("DELETE FROM public.plain WHERE id = NULL", None),
        ("DELETE FROM public.plain WHERE id = (SELECT 7)", None),
        ("DELETE FROM public.plain", None),
    ):
        changed = [item for item in read(sql).operations if item.verb in {"delete", "update"}]
        assert changed[0].details.get("key") is key, sql
        assert changed[0].details["rows"] == ("some" if "WHERE" in sql else "all")


def test_a_text_that_alters_a_table_no_longer_trusts_the_catalogue_about_it() -> None:
    sql = "ALTER TABLE public.plain ADD COLUMN c int; SELECT c FROM public.plain"
    assert [item.columns for item in read(sql).operations] == [None, ("c",)]


DEPENDED_ON = [
    relation("main", dependents=["b"]),
    relation("leaf"),
    relation("points", references=[points_to("main", "no action"), points_to("leaf", "cascade")]),
]
DEPENDENTS = Snapshot(
    digest="sha256:dependents",
    taken_at="2026-11-24T03:10:00Z",
    body=json.dumps({"relations": DEPENDED_ON, "types": []}).encode(),
)


def test_cascade_is_read_where_the_catalogue_shows_all_that_it_reaches() -> None:
    for sql, operations in (
        ("DROP TABLE public.leaf CASCADE", {("drop", "leaf"), ("alter", "points")}),
        ("DROP TABLE public.points CASCADE", {("drop", "points")}),
        ("ALTER TABLE public.main DROP COLUMN a CASCADE", {("alter", "main")}),
        (
            "ALTER TABLE public.main DROP COLUMN id CASCADE",
            {("alter", "main"), ("alter", "points")},
        ),
    ):
        reading = read_sql(sql, catalogue=DEPENDENTS)
        assert {(i.verb, i.object["name"]) for i in reading.operations} == operations, sql
        (owned,) = reading.required
        (itself,) = (i for i in reading.operations if i.details.get("through") != "cascade")
        assert owned["identifier"] == f"public.{itself.object['name']}"
        assert codes(read_sql(sql)) == ["uncertain.sql_cascade"]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE public.main CASCADE",
        "ALTER TABLE public.main DROP COLUMN b CASCADE",
        "ALTER TABLE public.main DROP CONSTRAINT main_pkey CASCADE",
        "DROP TYPE public.main CASCADE",
        "DROP TABLE public.newer CASCADE",
    ],
)
def test_cascade_that_may_reach_more_stays_doubtful(sql: str) -> None:
    assert codes(read_sql(sql, catalogue=DEPENDENTS)) == ["uncertain.sql_cascade"]


def test_the_servers_own_catalogues_can_be_read_and_nothing_else() -> None:
    for sql, names in (
        ("SELECT relname FROM pg_class", {"pg_class"}),
        ("SELECT c.relname FROM pg_catalog.pg_class c WHERE pg_table_is_visible(c.oid)", {"pg_class"}),
        ("SELECT format_type(a.atttypid, 1) FROM pg_attribute a", {"pg_attribute", "pg_type"}),
        ("SELECT table_name FROM information_schema.tables", {"tables"}),
        ("SELECT 'public.leaf'::regclass", {"pg_class"}),
    ):  # fmt: skip
        reading = read_sql(sql)
        assert {item.object["name"] for item in reading.operations} == names
        assert {item.verb for item in reading.operations} == {"select"}
        assert reading.required == ()
    for sql in (
        "SELECT rolpassword FROM pg_authid",
        "SELECT setting FROM pg_catalog.pg_settings",
        "SELECT prosrc FROM pg_proc",
        "SELECT a FROM public.pg_class JOIN pg_shadow USING (a)",
        "UPDATE pg_class SET relname = 'x'",
        "DELETE FROM pg_catalog.pg_depend",
        "INSERT INTO pg_description VALUES (1)",
        "SELECT relname FROM pg_class FOR UPDATE",
        "DROP TABLE pg_class",
        "ALTER TABLE pg_catalog.pg_class ADD a int",
        "CREATE TABLE pg_catalog.pg_class (a int)",
        "TRUNCATE pg_index",
        "LOCK TABLE pg_class",
        "CREATE TABLE public.t (a int REFERENCES pg_class (oid))",
        "GRANT SELECT ON pg_class TO PUBLIC",
        "COMMENT ON TABLE pg_class IS 'x'",
        "COPY pg_class FROM STDIN",
        "CREATE INDEX ON pg_class (relname)",
    ):
        assert codes(read_sql(sql)) == ["uncertain.sql_system_schema"], sql
