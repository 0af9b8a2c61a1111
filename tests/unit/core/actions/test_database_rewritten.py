"""What is written anew is read anew; and what copies or moves names says so."""

from __future__ import annotations

import pytest

from commands import codes, doubt, read_sql
from counterfoil.core.actions import database
from counterfoil.core.model import Interpretation


@pytest.mark.parametrize(
    "wrong",
    [
        "SELECT id FROM public.secrets",  # another table
        "SELECT id FROM public.invoices; DELETE FROM public.invoices",  # one effect more
        "SELECT id, total FROM public.invoices",  # one column more
        "SELECT id FROM invoices",  # the name still means what the session says
    ],
)
def test_a_rewriting_that_means_something_else_never_runs(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    database._understood.cache_clear()
    with monkeypatch.context() as fault:  # a fault of the writer, put in on purpose
        fault.setattr(database, "_written", lambda _text, _batch: wrong)
        assert codes(read_sql("SELECT id FROM invoices")) == ["uncertain.sql_unqualified_name"]
    database._understood.cache_clear()
    honest = read_sql("SELECT id FROM invoices")  # control
    assert honest.execute is not None
    assert honest.execute.arguments["sql"] == "SELECT id FROM public.invoices"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE s.t (id int)",
        "CREATE SCHEMA IF NOT EXISTS s; CREATE SEQUENCE s.n",
        "CREATE SCHEMA IF NOT EXISTS s; DROP SCHEMA s",
        "CREATE SCHEMA s; DROP SCHEMA s; CREATE VIEW s.v AS SELECT 1",
    ],
)
def test_a_schema_that_may_or_may_not_be_the_jobs_own_is_doubted(sql: str) -> None:
    assert doubt(sql) == "uncertain.sql_moved_name"


def needed(reading: Interpretation) -> set[tuple[object, object, str]]:
    assert not reading.uncertain, reading.uncertain
    return {
        (right["object"], right.get("identifier"), str(right["actions"]))
        for right in reading.required
    }


def test_like_needs_the_whole_table_and_its_schema_where_it_names_it() -> None:
    copied = needed(read_sql("CREATE TABLE made.c (LIKE public.p)"))
    assert copied == {
        ("schema", "made", "['create']"),
        ("table", "public.p", "['select']"),
    }
    with_more = needed(read_sql("CREATE TABLE made.c (LIKE public.p INCLUDING ALL)"))
    assert with_more - copied == {("schema", "made", "['usage']")}
