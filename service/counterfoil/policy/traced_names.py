"""References of a traced expression, as places in base data: what a name stands for just then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from counterfoil.policy.tools import Node, Tree

Part = str | int | float
DataPath = tuple[Part, ...]


@dataclass(slots=True)
class Names:
    """What the names of one query mean: values that are bound, and terms they stand for."""

    aliases: dict[str, Node | DataPath] = field(default_factory=dict)
    bindings: Tree = field(default_factory=dict)


def paths_in(node: Node, names: Names, *, whole: bool) -> Iterator[DataPath]:
    """The base data that an expression names; with `whole`, only what is known to its end."""
    stack: list[Node] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if item.get("type") in {"ref", "var"}:
                path = resolved(item, names)
                if path is not None and (path[1] or not whole):
                    yield path[0]
                value = item.get("value")
                stack.extend(value[1:] if isinstance(value, list) else [])
            else:
                stack.extend(item.values())


def resolved(term: Node, names: Names, depth: int = 0) -> tuple[DataPath, bool] | None:
    """The place in base data that a term stands for, and whether all of it is known."""
    most = 16  # aliases of aliases; a cycle ends here
    if not isinstance(term, dict) or depth > most:
        return None
    value = term.get("value")
    if term.get("type") == "var":
        alias = names.aliases.get(str(value))
        if isinstance(alias, tuple):
            return alias, True
        return resolved(alias, names, depth + 1)
    if term.get("type") != "ref" or not isinstance(value, list) or not value:
        return None
    head, rest = value[0], value[1:]
    if variable(head) == "data":
        if not rest or not isinstance(rest[0], dict) or rest[0].get("value") != "data":
            return None
        base: DataPath = ()
    else:
        known = resolved(head, names, depth + 1)
        if known is None or not known[1]:
            return None
        base = known[0]
    return _extended(base, rest, names)


def _extended(base: DataPath, rest: Iterable[Node], names: Names) -> tuple[DataPath, bool]:
    parts = list(base)
    for item in rest:
        value = item.get("value") if isinstance(item, dict) else None
        if isinstance(item, dict) and item.get("type") == "var":
            bound = names.bindings.get(str(value))
            value = bound.get("value") if isinstance(bound, dict) else None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return tuple(parts), False
        parts.append(value)
    return tuple(parts), True


def longest(paths: Iterable[DataPath]) -> tuple[DataPath, ...]:
    """Each once, without those that only lead to another."""
    found = list(dict.fromkeys(path for path in paths if len(path) > 1))
    return tuple(
        path
        for path in found
        if not any(other != path and other[: len(path)] == path for other in found)
    )


def call_of(node: Node, names: Names) -> bytes | None:
    """Names a call of a rule's function with the values of its arguments."""
    terms = node.get("terms") if isinstance(node, dict) else None
    if not isinstance(terms, list) or not terms or is_equality(terms[0]):
        return None
    function = terms[0].get("value") if isinstance(terms[0], dict) else None
    if not isinstance(function, list) or not function or variable(function[0]) != "data":
        return None
    known = [names.bindings.get(variable(term) or "", term) for term in terms[1:]]
    values = [
        [item.get("type"), item.get("value")] if isinstance(item, dict) else item for item in known
    ]
    if len(values) > 1 and variable(terms[-1]) is not None:
        values = values[:-1]  # the last one is where the value goes
    return orjson.dumps([function, values])


def variable(term: Node) -> str | None:
    """The name of a variable; None of any other term."""
    known = isinstance(term, dict) and term.get("type") == "var"
    return str(term.get("value")) if known and isinstance(term, dict) else None


def is_equality(term: Node) -> bool:
    """Whether the operator of an expression is `=` or `:=`."""
    value = term.get("value") if isinstance(term, dict) else None
    return isinstance(value, list) and len(value) == 1 and variable(value[0]) in {"eq", "assign"}
