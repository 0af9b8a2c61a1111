"""What a query's output columns are called (the server's FigureColname)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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


def select_outputs(targets: Sequence[Node]) -> list[str] | None:
    """The output names of a target list; None where a `*` hides some."""
    names = []
    for target in targets:
        name = output_name(target)
        if name is None:
            return None
        names.append(name)
    return names


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
