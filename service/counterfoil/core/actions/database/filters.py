"""Which rows an UPDATE or DELETE reaches, as far as its text pins them: for policy to judge."""

from __future__ import annotations

from collections.abc import Iterator

from counterfoil.core.actions.database.catalogue import Relation
from counterfoil.core.actions.database.effects import Use
from counterfoil.core.actions.database.scopes import Level
from counterfoil.core.actions.database.tree import Node, as_node, nodes, strings, unwrap, word
from counterfoil.core.model import JsonValue


def note_rows(use: Use, condition: JsonValue, level: Level, known: Relation | None) -> None:
    """Note `rows`: `all` without a condition, else `some`; and what pins them.

    `equal` are the target's columns that must equal constants for any row to be reached;
    `key` says that they hold a whole primary key or unique constraint of the catalogue.
    """
    if condition is None and len(level.sources) == 1:
        use.note(rows="all")
        return
    pinned = set() if condition is None else set(_pinned(as_node(condition), level))
    if not pinned:
        use.note(rows="some")
        return
    whole = known is not None and any(
        key and pinned.issuperset(key) for key in (known.key, *known.unique.values())
    )
    if whole:
        use.note(rows="some", equal=sorted(pinned), key=True)
    else:
        use.note(rows="some", equal=sorted(pinned))


def _pinned(condition: Node, level: Level) -> Iterator[str]:
    """Columns of the target in `column = constant` or `column IN (constants)`, joined by AND."""
    both = condition.get("BoolExpr")
    if isinstance(both, dict):
        if word(both, "boolop") == "AND_EXPR":
            for item in nodes(both, "args"):
                yield from _pinned(item, level)
        return
    test = condition.get("A_Expr")
    if not isinstance(test, dict):
        return
    kind, names = word(test, "kind"), strings(nodes(test, "name"))
    left, right = test.get("lexpr"), test.get("rexpr")
    if kind not in {"AEXPR_OP", "AEXPR_IN"} or names != ["="]:
        return
    for column, value in ((left, right), (right, left)):
        name = _target_column(column, level)
        if name is not None and _constant(value):
            yield name


def _target_column(value: JsonValue, level: Level) -> str | None:
    reference = value.get("ColumnRef") if isinstance(value, dict) else None
    if not isinstance(reference, dict):
        return None
    fields = nodes(reference, "fields")
    if not all("String" in item for item in fields):
        return None
    path = strings(fields)
    target = level.sources[0]
    if target.renamed:
        return None
    if len(path) == 1:
        alone = len(level.sources) == 1
        known = target.columns is not None and path[0] in target.columns
        return path[0] if alone or known else None
    return path[1] if path[:-1] == [target.alias] else None


def _constant(value: JsonValue) -> bool:
    if not isinstance(value, dict):
        return False
    if "A_Const" in value:
        return not as_node(value["A_Const"]).get("isnull")
    if "TypeCast" in value:
        return _constant(unwrap(value, "TypeCast").get("arg"))
    if "List" in value:
        items = nodes(unwrap(value, "List"), "items")
        return bool(items) and all(_constant(item) for item in items)
    return False
