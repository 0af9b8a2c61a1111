"""What a query's output columns are called (the server's FigureColname)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    kind_of,
    nodes,
    strings,
    unwrap,
    word,
)

UNNAMED: Final = "?column?"
_FIXED: Final = {
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "A_ArrayExpr": "array",
    "RowExpr": "row",
}
_JSON: Final = {
    "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonArrayAgg": "json_arrayagg",
}


def select_outputs(targets: Sequence[Node], level: Level | None = None) -> list[str] | None:
    """The output names of a target list; None where a `*` hides some.

    `level` tells what `*` stands for, where it is known.
    """
    names: list[str] = []
    for target in targets:
        name = output_name(target)
        if name is not None:
            names.append(name)
            continue
        shown = None if level is None else _star(target, level)
        if shown is None:
            return None
        names += shown
    return names


def _star(target: Node, level: Level) -> list[str] | None:
    """The columns of `*` or `alias.*`."""
    reference = unwrap(as_node(unwrap(target, "ResTarget").get("val")), "ColumnRef")
    path = strings(nodes(reference, "fields")[:-1])
    if not path:
        return level.star
    for source in level.sources:
        if source.alias == path[-1]:
            return None if source.columns is None else list(source.columns)
    return None


def output_name(target: Node) -> str | None:
    """The name of one target; None for `*`."""
    fields = unwrap(target, "ResTarget")
    given = word(fields, "name")
    if given:
        return given
    value = as_node(fields.get("val"))
    reference = value.get("ColumnRef")
    if isinstance(reference, dict):
        last = nodes(reference, "fields")[-1]
        return None if "A_Star" in last else word(unwrap(last, "String"), "sval")
    return _figure(value) or UNNAMED


def _figure(value: Node) -> str:
    """A name where the server derives one, empty where it says `?column?`."""
    kind, fields = kind_of(value)
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "ColumnRef":
        last = nodes(fields, "fields")[-1]
        return word(unwrap(last, "String"), "sval") if "String" in last else ""
    if kind == "FuncCall":
        return strings(nodes(fields, "funcname"))[-1]
    if kind == "TypeCast":
        names = strings(nodes(as_node(fields.get("typeName")), "names"))
        return _figure(as_node(fields.get("arg"))) or names[-1]
    if kind in {"CollateClause", "A_Indirection"}:
        return _figure(as_node(fields.get("arg")))
    if kind == "CaseExpr":
        default = fields.get("defresult")
        return (_figure(as_node(default)) if default is not None else "") or "case"
    if kind == "MinMaxExpr":
        return word(fields, "op").removeprefix("IS_").lower()
    if kind == "A_Expr":
        return "nullif" if word(fields, "kind") == "AEXPR_NULLIF" else ""
    if kind in _JSON:
        return _JSON[kind]
    if kind == "JsonFuncExpr":
        return word(fields, "op").removesuffix("_OP").lower()
    if kind == "SQLValueFunction":
        return word(fields, "op").removeprefix("SVFOP_").removesuffix("_N").lower()
    return _sublink(fields) if kind == "SubLink" else ""


def _sublink(fields: Node) -> str:
    kind = word(fields, "subLinkType")
    if kind == "EXISTS_SUBLINK":
        return "exists"
    if kind == "ARRAY_SUBLINK":
        return "array"
    if kind != "EXPR_SUBLINK":
        return ""
    targets = nodes(unwrap(as_node(fields.get("subselect")), "SelectStmt"), "targetList")
    return (output_name(targets[0]) or "") if targets else ""
