"""What `explain` supposes of a text, made from its own words and from the policy's limits."""

from __future__ import annotations

import pytest

from commands import read_sql
from counterfoil.core.actions.database.rewrites import held_to_limits, qualified, without_statements
from counterfoil.core.model import JsonValue, Operation, Uncertainty
from counterfoil.core.remedy import narrower

ACCESS: dict[str, JsonValue] = {
    "orders": {
        "public": {
            "table": {
                "select": {
                    "analyst": {"effect": "allow", "not_columns": {"customers": {"email": True}}}
                }
            }
        }
    }
}
CUSTOMERS: dict[str, JsonValue] = {
    "kind": "table",
    "database": "orders",
    "schema": "public",
    "name": "customers",
}


def operation(verb: str = "select", *columns: str, name: str = "customers") -> Operation:
    return Operation(
        family="database",
        verb=verb,
        object={**CUSTOMERS, "name": name},
        columns=columns or None,
        span=(14, 30),
    )


def test_a_star_becomes_the_open_columns_that_a_catalogue_named() -> None:
    text = "SELECT * FROM public.customers"
    known = [operation("select", "email", "id", "name")]
    assert list(held_to_limits(text, known, ACCESS)) == [
        ("name the columns", "SELECT id, name FROM public.customers")
    ]
    # Without a catalogue nobody knows them, and where all are closed none is left to name.
    assert list(held_to_limits(text, [operation()], ACCESS)) == []
    assert list(held_to_limits(text, [operation("select", "email")], ACCESS)) == []


def test_a_name_is_written_with_each_schema_that_the_policy_knows() -> None:
    text = "SELECT x.id FROM invoices x"
    doubt = Uncertainty(code="uncertain.sql_unqualified_name", span=(17, 25), detail="")
    assert list(qualified(text, [doubt], ["audit", "public"])) == [
        ("name the schema", "SELECT x.id FROM audit.invoices x"),
        ("name the schema", "SELECT x.id FROM public.invoices x"),
    ]
    other = Uncertainty(code="uncertain.sql_function", span=(17, 25), detail="")
    assert list(qualified(text, [other], ["public"])) == []
    assert list(qualified(text, [doubt, doubt], ["public"])) == []


def test_a_schema_is_quoted_as_a_name() -> None:
    doubt = Uncertainty(code="uncertain.sql_unqualified_name", span=(0, 1), detail="")
    assert list(qualified("t", [doubt], ['a"; DROP'])) == [("name the schema", '"a""; DROP".t')]


def test_only_what_was_refused_is_left_out() -> None:
    text = "SELECT 1; DROP TABLE public.t; SELECT ';' FROM public.u"
    (said,) = without_statements(text, [(10, 29)])
    assert said[1] == "SELECT 1; SELECT ';' FROM public.u"
    assert list(without_statements("DROP TABLE public.t", [(0, 4)])) == []


@pytest.mark.parametrize(
    ("found", "within"),
    [
        (operation("select", "id"), True),
        (operation("select", "id", "name"), True),
        (operation("select", "email"), False),  # a further column
        (operation("select"), False),  # the whole of it
        (operation("delete"), False),  # another verb
        (operation("select", "id", name="users"), False),  # another table
    ],
)
def test_a_change_is_narrower_only_on_the_same_object_verb_and_columns(
    found: Operation, *, within: bool
) -> None:
    asked = [operation("select", "id", "name")]
    assert narrower([found], asked) is within
    assert narrower([*asked, found], asked) is within


def test_who_changes_rows_may_look_at_columns_to_say_which() -> None:
    delete = read_sql("DELETE FROM public.customers").operations
    assert narrower(read_sql("DELETE FROM public.customers WHERE id = 0").operations, delete)
    assert not narrower(read_sql("SELECT * FROM public.customers").operations, delete)
    assert not narrower(read_sql("DELETE FROM public.users WHERE id = 0").operations, delete)
