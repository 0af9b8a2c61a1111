"""Which tables and columns a query reads, without a catalogue.

A column belongs to the alias before it. A bare one belongs to the only table there is;
where several could own it, each of them is read whole, and the operation says `coarse`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.dialects.found import Found, Use, column_of, span_of
from counterfoil.core.actions.dialects.lexer import SQLITE

_ROWIDS: Final = frozenset({"rowid", "oid", "_rowid_"})
_COLLATIONS: Final = frozenset({"nocase", "binary", "rtrim"})
_SETS: Final = (exp.Union, exp.Intersect, exp.Except)
_JOINS: Final = frozenset({"", "INNER", "CROSS", "OUTER"})
_SIDES: Final = frozenset({"", "LEFT", "RIGHT", "FULL"})
QUERIES: Final = (exp.Select, exp.Subquery, *_SETS)


@dataclass(slots=True, eq=False)
class Scope:
    """What names may mean at one level: alias → table, None for a query's own columns."""

    parent: Scope | None = None
    sources: dict[str, str | None] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)  # aliases that GROUP BY and such may mean
    outer: bool = False

    def add(self, alias: str, table: str | None) -> None:
        """One more source.

        Raises:
            Unreadable: the alias stands there already.
        """
        if alias in self.sources:
            raise Unreadable("uncertain.sql_unqualified_name", alias)
        self.sources[alias] = table

    def chain(self) -> Iterator[Scope]:
        """This level and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


class Reader:
    """Reads queries into `found`. `needs` false: what is read needs no right of its own."""

    def __init__(self, found: Found, *, needs: bool = True, through: str = "") -> None:
        self.found = found
        self._needs = needs
        self._through = through

    def query(self, node: exp.Expr, parent: Scope | None, ctes: Mapping[str, bool]) -> None:
        """Read a query and everything in it.

        Raises:
            Unreadable: a name in it may mean two things.
        """
        ctes = self.with_items(node, ctes)
        if isinstance(node, exp.Subquery):
            self.query(node.this, parent, ctes)
            self._ends(node, Scope(parent=parent, sources={"": None}), ctes)
        elif isinstance(node, _SETS):
            self.query(node.this, parent, ctes)
            self.query(node.expression, parent, ctes)
            self._ends(node, Scope(parent=parent, sources={"": None}), ctes)
        elif isinstance(node, exp.Values):
            for value in node.expressions:
                self.expression(value, Scope(parent=parent), ctes)
        elif isinstance(node, exp.Select):
            self._select(node, parent, ctes)
        else:
            raise Unreadable("uncertain.sql_construct", type(node).__name__)

    def with_items(self, node: exp.Expr, ctes: Mapping[str, bool]) -> Mapping[str, bool]:
        """The WITH queries that the node brings along, each read; True: it can be named now."""
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        names = [self._cte_name(item) for item in clause.expressions]
        if len(set(names)) != len(names):
            raise Unreadable("uncertain.sql_unqualified_name", "two WITH queries of one name")
        # A name of this WITH that cannot be used yet is no table either: SQLite would take
        # it for the query, MySQL for a table.
        known = {**ctes, **dict.fromkeys(names, False)}
        for name, item in zip(names, clause.expressions, strict=True):
            inside = {**known, name: bool(clause.args.get("recursive"))}
            self.query(item.this, None, inside)
            known[name] = True
        return known

    def _cte_name(self, item: exp.Expr) -> str:
        alias = item.args.get("alias")
        if not isinstance(item, exp.CTE) or not isinstance(alias, exp.TableAlias):
            raise Unreadable("uncertain.sql_construct", "WITH")
        return column_of(alias.this)

    def _select(self, node: exp.Select, parent: Scope | None, ctes: Mapping[str, bool]) -> None:
        scope = Scope(parent=parent)
        source = node.args.get("from_")
        if source is not None:
            self.source(source.this, scope, ctes)
        for join in node.args.get("joins") or ():
            self._join(join, scope, ctes)
        for item in node.expressions:
            if isinstance(item, exp.Star):
                self._all(scope)
            else:
                self.expression(item, scope, ctes)
        scope.outputs = {
            column_of(item.args["alias"])
            for item in node.expressions
            if isinstance(item, exp.Alias)
        }
        for name in ("where", "group", "having", "distinct"):
            if node.args.get(name) is not None:
                self.expression(node.args[name], scope, ctes)
        for window in node.args.get("windows") or ():
            self.expression(window, scope, ctes)
        self._ends(node, scope, ctes)

    def _ends(self, node: exp.Expr, scope: Scope, ctes: Mapping[str, bool]) -> None:
        """ORDER BY, where a name of the output comes first, LIMIT and OFFSET."""
        order = node.args.get("order")
        for item in order.expressions if order is not None else ():
            term = item.this
            bare = isinstance(term, exp.Column) and term.args.get("table") is None
            if not (bare and column_of(term) in scope.outputs):
                self.expression(term, scope, ctes)
        for name in ("limit", "offset"):
            if node.args.get(name) is not None:
                self.expression(node.args[name], Scope(), ctes)

    def source(
        self, node: exp.Expr, scope: Scope, ctes: Mapping[str, bool], *, read: bool = True
    ) -> None:
        """One item of FROM."""
        alias = node.args.get("alias")
        if isinstance(node, exp.Table):
            known = None if node.args.get("db") is not None else ctes.get(node.name.lower())
            if known is False:
                raise Unreadable("uncertain.sql_unqualified_name", node.name, span_of(node))
            table = None if known else self.found.table(node)
            scope.add(column_of(alias.this) if alias else node.name.lower(), table)
            if alias is not None and alias.args.get("columns"):
                raise Unreadable("uncertain.sql_construct", "column aliases of a table")
            if table is not None and read:
                self._read(table, node)
        elif isinstance(node, exp.Subquery) and alias is not None:
            self.query(node, None, ctes)
            scope.add(column_of(alias.this), None)
        else:
            raise Unreadable("uncertain.sql_construct", f"{type(node).__name__} in FROM")

    def _join(self, join: exp.Join, scope: Scope, ctes: Mapping[str, bool]) -> None:
        kind, side = str(join.args.get("kind") or ""), str(join.args.get("side") or "")
        if kind not in _JOINS or side not in _SIDES:
            raise Unreadable("uncertain.sql_construct", f"{side} {kind} JOIN".strip())
        self.source(join.this, scope, ctes)
        for column in join.args.get("using") or ():
            for table in scope.sources.values():
                if table is not None:  # any of those before may own it
                    if len(scope.sources) > 2:  # noqa: PLR2004
                        self._whole(table)
                    else:
                        self._read(table, join).columns.add(column_of(column))
        if join.args.get("on") is not None:
            self.expression(join.args["on"], scope, ctes)

    def expression(self, node: exp.Expr, scope: Scope, ctes: Mapping[str, bool]) -> None:
        """Everything that an expression reads."""
        if isinstance(node, exp.Column):
            self.column(node, scope)
        elif isinstance(node, QUERIES):
            self.query(node, scope, ctes)
        elif isinstance(node, exp.Anonymous) and str(node.this).upper() == "VALUES":
            self.column(exp.Column(this=node.expressions[0].copy()), scope)
        elif isinstance(node, exp.Values):
            raise Unreadable("uncertain.sql_construct", "VALUES in an expression")
        elif isinstance(node, exp.Collate):
            if str(node.expression.name).lower() not in _COLLATIONS:
                raise Unreadable("uncertain.sql_collation", str(node.expression.name)[:64])
            self.expression(node.this, scope, ctes)
        elif not isinstance(node, exp.DataType):
            for child in node.iter_expressions():
                self.expression(child, scope, ctes)

    def column(self, node: exp.Column, scope: Scope) -> None:
        """One name of a column, to the table that owns it.

        Raises:
            Unreadable: nothing can own it.
        """
        table = node.args.get("table")
        if node.args.get("db") is not None:
            raise Unreadable("uncertain.sql_construct", "a column with its database", span_of(node))
        star = isinstance(node.this, exp.Star)
        name = "*" if star else column_of(node.this)
        if self.found.dialect == SQLITE and name in _ROWIDS:
            raise Unreadable("uncertain.sql_rowid", name, span_of(node))
        if table is None:
            self._bare(name, node, scope)
            return
        alias = column_of(table)
        for level in scope.chain():
            if alias in level.sources:
                owner = level.sources[alias]
                if owner is not None and star:
                    self._whole(owner)
                elif owner is not None:
                    self._read(owner, node).columns.add(name)
                return
        raise Unreadable("uncertain.sql_unknown_name", alias, span_of(node))

    def _bare(self, name: str, node: exp.Column, scope: Scope) -> None:
        levels = [level for level in scope.chain() if level.sources]
        if not levels:
            raise Unreadable("uncertain.sql_unknown_name", name, span_of(node))
        tables = [table for level in levels for table in level.sources.values()]
        if len(tables) == 1 and name not in scope.outputs:
            if tables[0] is not None:
                self._read(tables[0], node).columns.add(name)
            return
        for table in tables:
            if table is not None:
                self._whole(table)

    def _all(self, scope: Scope) -> None:
        for table in scope.sources.values():
            if table is not None:
                self._whole(table)

    def _read(self, table: str, node: exp.Expr) -> Use:
        use = self.found.use("select", table, node, needs=self._needs)
        if self._through:
            use.details["through"] = self._through
        return use

    def _whole(self, table: str) -> None:
        self.found.uses["table", table, "select", self._needs].whole = True
