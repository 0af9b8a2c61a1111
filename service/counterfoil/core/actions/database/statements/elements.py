"""Elements of indexes and partition keys: columns, expressions, built-in operator classes."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.expressions import collation_name
from counterfoil.core.actions.database.lists import OPERATOR_CLASSES
from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.tree import Node, closed, location, nodes, strings, word

_INDEX: Final = frozenset(
    {"name", "expr", "collation", "opclass", "ordering", "nulls_ordering", "indexcolname"}
)
_PARTITION: Final = frozenset({"name", "expr", "collation", "opclass", "location"})
_SYSTEM: Final = "pg_catalog"


def index_element(reader: ChangeReader, fields: Node, level: Level) -> str | None:
    """An element of an index: the name of its column, None for an expression.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    closed("index element", fields, _INDEX)
    return _element(reader, fields, level)


def partition_element(reader: ChangeReader, fields: Node, level: Level) -> str | None:
    """An element of a partition key.

    Raises:
        Unreadable: anything that is not on the lists.
    """
    closed("partition key", fields, _PARTITION)
    return _element(reader, fields, level)


def _element(reader: ChangeReader, fields: Node, level: Level) -> str | None:
    at = location(fields) if "location" in fields else -1
    names = strings(nodes(fields, "collation"))
    if names:
        collation_name(reader, names, at)
    operators = strings(nodes(fields, "opclass"))
    if operators and (
        operators[-1] not in OPERATOR_CLASSES or operators[:-1] not in ([], [_SYSTEM])
    ):
        raise reader.doubt("uncertain.sql_operator", ".".join(operators), at)
    if "expr" in fields:
        reader.expression(fields["expr"], level)
        return None
    return checked_name(word(fields, "name"))
