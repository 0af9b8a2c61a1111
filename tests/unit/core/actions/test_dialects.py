"""What statements of MySQL and SQLite do, and what is run in their place."""

from __future__ import annotations

from typing import Any

import pytest

from commands import MYSQL, read_dialect
from counterfoil.core.model import Interpretation, Resource


def does(reading: Interpretation) -> list[tuple[Any, ...]]:
    assert not reading.uncertain, reading.uncertain
    return [(op.verb, op.object.get("name"), op.columns) for op in reading.operations]


def needs(reading: Interpretation) -> list[tuple[Any, ...]]:
    return [
        (item["identifier"], *item["actions"], tuple(item.get("columns", ())))  # type: ignore[misc, arg-type]
        for item in reading.required
    ]


def runs(reading: Interpretation) -> Any:
    assert reading.execute is not None
    return reading.execute.arguments["sql"]


def test_columns_belong_to_the_aliases_before_them() -> None:
    sql = "SELECT c.name FROM customers c JOIN invoices i ON i.customer = c.id WHERE i.due > 1"
    reading = read_dialect("mysql", sql)
    assert does(reading) == [
        ("select", "customers", ("id", "name")),
        ("select", "invoices", ("customer", "due")),
    ]
    assert reading.operations[0].span == (19, 28)
    assert sql[19:28] == "customers"


@pytest.mark.parametrize(
    ("sql", "coarse"),
    [
        ("SELECT id FROM invoices", False),
        ("SELECT * FROM invoices", True),
        ("SELECT COUNT(*) FROM invoices", True),
        ("SELECT id FROM invoices, items", True),
        ("SELECT id AS n FROM invoices GROUP BY n", True),
        ("SELECT id AS n FROM invoices ORDER BY n", False),
        (
            "SELECT v.id FROM invoices v WHERE EXISTS (SELECT 1 FROM items WHERE invoice = v.id)",
            True,
        ),
    ],
)
@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_what_only_a_catalogue_would_tell_is_said_to_be_coarse(
    dialect: str,
    sql: str,
    coarse: bool,  # noqa: FBT001 -- a parameter of the cases
) -> None:
    reading = read_dialect(dialect, sql)
    assert any(op.details.get("coarse") for op in reading.operations) == coarse
    assert (
        ("columns" not in reading.required[0]) or ("columns" not in reading.required[-1])
    ) == coarse


def test_what_runs_is_written_from_what_was_read() -> None:
    sql = "select ID from invoices -- all\nwhere not status='paid' or id=1+1"
    assert runs(read_dialect("mysql", sql)) == (
        "SELECT `ID` FROM `orders`.`invoices` WHERE (NOT (`status` = 'paid')) OR (`id` = (1 + 1))"
    )
    assert runs(read_dialect("sqlite", 'SELECT "id" FROM [invoices]')) == (
        "SELECT `id` FROM `main`.`invoices`"
    )


@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_equal_spellings_mean_and_run_the_same(dialect: str) -> None:
    spellings = (
        "SELECT id FROM invoices WHERE status = 'open'",
        "select  `id`\nfrom `invoices` where (status) = 'open' -- please",
        "SELECT /* it */ ID FROM invoices WHERE STATUS = 'open';",
    )
    readings = [read_dialect(dialect, sql) for sql in spellings]
    assert len({str(does(reading)) for reading in readings}) == 1
    assert len({str(needs(reading)) for reading in readings}) == 1


def test_rows_that_a_change_reaches_are_said() -> None:
    reading = read_dialect("mysql", "DELETE FROM invoices WHERE id = 7 AND due > 1")
    assert reading.operations[0].details["rows"] == "some"
    assert reading.operations[0].details["equal"] == ["id"]
    everything = read_dialect("sqlite", "DELETE FROM invoices")
    assert everything.operations[0].details["rows"] == "all"


def test_mysql_and_mariadb_are_asked_for_their_own_rights() -> None:
    sql = "ALTER TABLE items ADD COLUMN a INT"
    on_mysql = Resource(type="mysql", id="orders", location="mysql://127.0.0.1/orders")
    assert needs(read_dialect("mysql", sql)) == [("orders.items", "alter", ())]
    assert needs(read_dialect("mysql", sql, resource=on_mysql)) == [
        ("orders.items", "alter", ()),
        ("orders.items", "create", ()),
        ("orders.items", "insert", ()),
    ]


@pytest.mark.parametrize(
    "location",
    [
        "mysql://db/",
        "mysql://db/Orders",
        "postgresql://db/orders",
        "mysql://db/a_b/c",
        "mysql:orders",
    ],
)
def test_a_location_that_names_no_database_is_refused(location: str) -> None:
    resource = Resource(type="mysql", id="orders", location=location)
    reading = read_dialect("mysql", "SELECT 1", resource=resource)
    assert [item.code for item in reading.uncertain] == ["uncertain.resource_location"]
    assert not read_dialect("mysql", "SELECT 1", resource=MYSQL).uncertain


def test_a_with_query_is_no_table_and_reads_its_own() -> None:
    sql = "WITH q AS (SELECT s.id AS n FROM secrets s) SELECT q.n FROM q"
    for dialect in ("mysql", "sqlite"):
        assert does(read_dialect(dialect, sql)) == [("select", "secrets", ("id",))]


def test_the_text_is_bounded() -> None:
    long = "SELECT 1" + " + 1" * 5000
    assert read_dialect("mysql", long).uncertain[0].code == "uncertain.too_long"


@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_depth_is_bounded_before_the_parser_and_statements_are_counted(dialect: str) -> None:
    deep = "SELECT " + "(" * 25 + "1" + ")" * 25
    assert read_dialect(dialect, deep).uncertain[0].detail == "more than 24 levels"
    two = read_dialect(dialect, "SELECT 1; SELECT 1")
    assert two.uncertain[0].code == "uncertain.sql_several"
    assert not read_dialect(dialect, "SELECT 1;").uncertain
