"""Typed, closed access to libpg_query's JSON tree: an unexpected shape is never passed over.

Protobuf leaves out zeros: a missing integer is 0, a missing flag is false, a missing
list is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.model import JsonValue

Node: TypeAlias = Mapping[str, JsonValue]
NO_NODES: Sequence[Node] = ()


def as_node(value: JsonValue) -> Node:
    """`value` as a node.

    Raises:
        Unreadable: it is something else.
    """
    if isinstance(value, dict):
        return value
    raise Unreadable("uncertain.sql_construct", "the parse tree has an unexpected shape")


def nodes(fields: Node, name: str) -> Sequence[Node]:
    """The list member `name`; empty where there is none.

    Raises:
        Unreadable: it is not a list of nodes.
    """
    value = fields.get(name)
    if value is None:
        return NO_NODES
    if not isinstance(value, list):
        raise Unreadable("uncertain.sql_construct", f"{name} is not a list")
    return value


def word(fields: Node, name: str) -> str:
    """The text member `name`; empty where there is none.

    Raises:
        Unreadable: it is not text.
    """
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Unreadable("uncertain.sql_construct", f"{name} is not text")
    return value


def location(fields: Node) -> int:
    """The byte offset in the text, -1 where the parser gave none."""
    value = fields.get("location", 0)
    return value if isinstance(value, int) else -1


def kind_of(node: Node) -> tuple[str, Node]:
    """Split `{Kind: fields}`.

    Raises:
        Unreadable: it is not a wrapped node.
    """
    if len(node) != 1:
        raise Unreadable("uncertain.sql_construct", "the parse tree has an unexpected shape")
    ((kind, fields),) = node.items()
    return kind, as_node(fields)


def unwrap(node: Node, kind: str) -> Node:
    """The fields of a node that must be of `kind`.

    Raises:
        Unreadable: it is of another kind.
    """
    fields = node.get(kind)
    if isinstance(fields, dict) and len(node) == 1:
        return fields
    raise Unreadable("uncertain.sql_construct", f"{kind} was expected")


def strings(items: Sequence[Node]) -> list[str]:
    """The texts of a list of `String` nodes.

    Raises:
        Unreadable: the list holds anything else.
    """
    return [word(unwrap(item, "String"), "sval") for item in items]


def closed(kind: str, fields: Node, known: frozenset[str]) -> None:
    """Refuse members that this reader does not know: a new meaning is never passed over.

    Raises:
        Unreadable: with the names of the unknown members.
    """
    if not fields.keys() <= known:
        unknown = ", ".join(sorted(fields.keys() - known))
        raise Unreadable("uncertain.sql_construct", f"{kind}: {unknown}")
