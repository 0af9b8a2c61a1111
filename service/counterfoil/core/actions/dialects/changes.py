"""INSERT, UPDATE and DELETE: which columns are set, which are read, which rows are reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.dialects.found import Found, Use, column_of
from counterfoil.core.actions.dialects.lexer import MYSQL, SQLITE
from counterfoil.core.actions.dialects.queries import QUERIES, Reader, Scope

_NO_CTES: Final[Mapping[str, bool]] = {}
_ON_CONFLICT: Final = frozenset({"", "IGNORE", "ABORT", "FAIL"})


def insert(found: Found, node: exp.Insert) -> None:
    """INSERT, with ON CONFLICT or ON DUPLICATE KEY UPDATE.

    Raises:
        Unreadable: it has a part that is not known.
    """
    reader = Reader(found)
    alternative = str(node.args.get("alternative") or "").upper()
    if alternative not in _ON_CONFLICT:
        raise Unreadable("uncertain.sql_replace", alternative)
    target, listed = _target(node)
    table = found.table(target)
    if target.args.get("alias") is not None:
        raise Unreadable("uncertain.sql_construct", "an alias of the table")
    use = found.use("insert", table, target)
    use.columns = {column_of(item) for item in listed}
    use.whole = not listed
    ctes = reader.with_items(node, _NO_CTES)
    value = node.args.get("expression")
    if isinstance(value, exp.Values):
        for row in value.expressions:
            reader.expression(row, Scope(), ctes)
    elif isinstance(value, QUERIES):
        reader.query(value, None, ctes)
    elif value is not None or not node.args.get("default"):
        raise Unreadable("uncertain.sql_construct", "INSERT")
    scope = Scope(sources={table: table})
    conflict = node.args.get("conflict")
    if conflict is not None:
        _conflict(reader, conflict, table, scope, use)
    _returning(reader, node, scope, ctes)


def _target(node: exp.Insert) -> tuple[exp.Expr, list[exp.Expr]]:
    if isinstance(node.this, exp.Schema):
        return node.this.this, node.this.expressions
    return node.this, []


def _conflict(reader: Reader, node: exp.OnConflict, table: str, scope: Scope, use: Use) -> None:
    if bool(node.args.get("duplicate")) != (reader.found.dialect == MYSQL):
        raise Unreadable("uncertain.sql_construct", "ON CONFLICT of another dialect")
    inside = Scope(sources={**scope.sources})
    if not node.args.get("duplicate"):
        inside.add("excluded", None)
        for key in node.args.get("conflict_keys") or ():
            reader.column(_bare(key), scope)
    use.details["on_conflict"] = "update" if node.expressions else "nothing"
    for item in node.expressions:
        _set(reader, item, table, inside, _NO_CTES)
    if node.args.get("where") is not None:
        reader.expression(node.args["where"], inside, _NO_CTES)


def _bare(key: exp.Expr) -> exp.Column:
    return exp.Column(this=exp.to_identifier(column_of(key), quoted=True))


def _set(
    reader: Reader, item: exp.Expr, table: str, scope: Scope, ctes: Mapping[str, bool]
) -> None:
    """`column = value`; the value may be in parentheses."""
    column = item.this if isinstance(item, exp.EQ) else None
    if not isinstance(column, exp.Column):
        raise Unreadable("uncertain.sql_construct", "SET")
    qualifier = column.args.get("table")
    if qualifier is not None:
        alias = column_of(qualifier)
        if scope.sources.get(alias) != table or alias == "excluded":
            raise Unreadable("uncertain.sql_construct", "SET of another table")
    name = column_of(column.this)
    reader.found.use("update", table, column).columns.add(name)
    reader.expression(item.expression, scope, ctes)


def update(found: Found, node: exp.Update) -> None:
    """UPDATE of one table; FROM in SQLite.

    Raises:
        Unreadable: it has a part that is not known.
    """
    reader = Reader(found)
    ctes = reader.with_items(node, _NO_CTES)
    scope = Scope()
    reader.source(node.this, scope, ctes, read=False)
    table = _changed(scope)
    found.use("update", table, node.this).details.update(_rows(node))
    if node.args.get("from_") is not None:
        if found.dialect != SQLITE:
            raise Unreadable("uncertain.sql_construct", "UPDATE … FROM")
        reader.source(node.args["from_"].this, scope, ctes)
    for item in node.expressions:
        _set(reader, item, table, scope, ctes)
    _rest(reader, node, scope, ctes)


def delete(found: Found, node: exp.Delete) -> None:
    """DELETE from one table.

    Raises:
        Unreadable: it has a part that is not known.
    """
    reader = Reader(found)
    ctes = reader.with_items(node, _NO_CTES)
    scope = Scope()
    reader.source(node.this, scope, ctes, read=False)
    use = found.use("delete", _changed(scope), node.this)
    use.details.update(_rows(node))
    _rest(reader, node, scope, ctes)


def _changed(scope: Scope) -> str:
    [table] = scope.sources.values()
    if table is None:
        raise Unreadable("uncertain.sql_construct", "a WITH query is changed")
    return table


def _rest(reader: Reader, node: exp.Expr, scope: Scope, ctes: Mapping[str, bool]) -> None:
    if node.args.get("where") is not None:
        reader.expression(node.args["where"], scope, ctes)
    order, limit = node.args.get("order"), node.args.get("limit")
    if order is not None or limit is not None:
        if reader.found.dialect == SQLITE:  # SQLite's own builds do not know it
            raise Unreadable("uncertain.sql_construct", "LIMIT of a change")
        for item in (order, limit):
            if item is not None:
                reader.expression(item, scope, ctes)
    _returning(reader, node, scope, ctes)


def _returning(reader: Reader, node: exp.Expr, scope: Scope, ctes: Mapping[str, bool]) -> None:
    clause = node.args.get("returning")
    if clause is None:
        return
    if reader.found.dialect == MYSQL:
        raise Unreadable("uncertain.sql_construct", "RETURNING, which only MariaDB knows")
    for item in clause.expressions:
        if isinstance(item, exp.Star):
            for table in scope.sources.values():
                if table is not None:
                    reader.found.use("select", table, node).whole = True
        else:
            reader.expression(item, scope, ctes)


def _rows(node: exp.Expr) -> dict[str, str | list[str]]:
    """`rows`: all or some; `equal`: the columns that must equal constants."""
    where = node.args.get("where")
    if where is None:
        return {"rows": "all"}
    equal = sorted(set(_equal(where.this)))
    return {"rows": "some", "equal": equal} if equal else {"rows": "some"}


def _equal(node: exp.Expr) -> list[str]:
    if isinstance(node, exp.Paren):
        return _equal(node.this)
    if isinstance(node, exp.And):
        return [*_equal(node.this), *_equal(node.expression)]
    if isinstance(node, exp.EQ):
        column, value = node.this, node.expression
        if isinstance(column, exp.Column) and isinstance(value, exp.Literal):
            return [column_of(column.this)]
    return []
