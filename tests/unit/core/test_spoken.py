"""Operations and permissions in words leave nothing out."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.spoken import operation_words, permission_words


def test_a_table_is_said_as_people_say_it() -> None:
    target = {"database": "orders", "kind": "table", "name": "invoices", "schema": "public"}
    operation: dict[str, Any] = {
        "family": "database",
        "verb": "create",
        "object": target,
        "span": [13, 28],
    }
    assert operation_words(operation) == "create table public.invoices in database orders"
    read = {**operation, "verb": "select", "columns": ["a", "b"], "details": {"where": True}}
    assert operation_words(read).endswith("orders (columns a, b); where yes")


def test_a_permission_says_what_on_what_and_where() -> None:
    permission: dict[str, Any] = {
        "type": "postgresql",
        "locations": ["postgresql://db:5432/orders"],
        "object": "schema",
        "identifier": "public",
        "actions": ["create"],
        "operations": [0],
    }
    assert permission_words(permission) == (
        "create on schema public, at postgresql://db:5432/orders"
    )


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "file", "path": "a/b", "root": "/srv", "mode": None},
        {"kind": "x", "name": "n", "unheard": {"deep": ["one", {"two": 2}]}, "flag": False},
        {"schema": "s", "name": "n", "extra": "e"},
    ],
)
def test_no_member_of_an_object_is_left_out(value: dict[str, Any]) -> None:
    said = operation_words({"verb": "change", "object": value, "details": {"more": [1, "z"]}})
    permission = permission_words({"type": "t", "actions": ["use"], **value})
    for words in (said, permission):
        for leaf in _leaves(value):
            assert leaf in words
    assert "1, z" in said


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return ["none" if value is None else "no" if value is False else str(value)]
