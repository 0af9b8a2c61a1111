"""Reads FROM: tables, queries, functions and joins.

An item sees its neighbours to the left only under LATERAL (a function always does); ON sees
the two sides of its own join.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.database.expressions import ExpressionReader
from counterfoil.core.actions.database.functions import SETS
from counterfoil.core.actions.database.scopes import Columns, Level, Source, read_whole, touch
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    kind_of,
    location,
    nodes,
    strings,
    unwrap,
    word,
)

_JOIN: Final = frozenset(
    {"jointype", "isNatural", "larg", "rarg", "usingClause", "quals", "rtindex"}
)
_SUBQUERY: Final = frozenset({"lateral", "subquery", "alias"})
_FUNCTION: Final = frozenset({"lateral", "ordinality", "functions", "alias", "coldeflist"})
_SAMPLE: Final = frozenset({"relation", "method", "args", "repeatable", "location"})
_COLUMN: Final = frozenset({"colname", "typeName", "is_local", "location"})
_METHODS: Final = (["bernoulli"], ["system"])
_OUT_COLUMNS: Final = {
    **dict.fromkeys(
        ("json_each", "jsonb_each", "json_each_text", "jsonb_each_text"), ("key", "value")
    ),
    **dict.fromkeys(
        (
            "json_array_elements",
            "jsonb_array_elements",
            "json_array_elements_text",
            "jsonb_array_elements_text",
        ),
        ("value",),
    ),
}
"""Functions of several or of named output columns; the others' column has the alias's name."""


class Joined(NamedTuple):
    """The sources of FROM items, the names that joins merged, and what `*` shows."""

    sources: list[Source]
    merged: frozenset[str] = frozenset()
    star: list[str] | None = None


class FromReader(ExpressionReader):
    """Reads FROM (or USING of DELETE, or the source of MERGE)."""

    level_sources: list[Source]
    """The sources of the query that was read last, for locks that reach into it."""

    def from_items(self, items: Sequence[Node], level: Level) -> Joined:
        """The sources of FROM and the names merged by its joins."""
        sources: list[Source] = []
        merged: frozenset[str] = frozenset()
        star: list[str] | None = []
        for item in items:
            found, names, shown = self.from_item(item, sources, level)
            sources = sources + found
            merged |= names
            star = None if star is None or shown is None else star + shown
        return Joined(sources, merged, star)

    def from_item(self, item: Node, left: list[Source], level: Level) -> Joined:
        """One item, which may see those to its `left`.

        Raises:
            Unreadable: an item of an unknown kind, or anything in it.
        """
        kind, fields = kind_of(item)
        self.enter()
        if kind == "RangeVar":
            found = _alone(self._relation(fields, level))
        elif kind == "RangeSubselect":
            found = _alone(self._subquery(fields, left, level))
        elif kind == "JoinExpr":
            found = self._join(fields, left, level)
        elif kind == "RangeFunction":
            found = _alone(self._function(fields, left, level))
        elif kind == "RangeTableSample":
            found = _alone(self._sample(fields, level))
        else:
            raise self.doubt("uncertain.sql_construct", kind, location(fields))
        self.depth -= 1
        return found

    def _relation(self, fields: Node, level: Level) -> Source:
        name = word(fields, "relname")
        cte = None if fields.get("schemaname") else level.ctes.get(name)
        if cte is not None:
            alias, columns = self.alias(fields)
            cte.references += 1
            known = None if cte.columns is None else _visible(list(cte.columns), columns)
            return Source(alias or name, columns=known)
        source = self.source(fields)
        touch(source)
        return source

    def _sample(self, fields: Node, level: Level) -> Source:
        closed("TABLESAMPLE", fields, _SAMPLE)
        if strings(nodes(fields, "method")) not in _METHODS:
            raise self.doubt("uncertain.sql_function", "TABLESAMPLE", location(fields))
        source = self._relation(unwrap(as_node(fields.get("relation")), "RangeVar"), level)
        own = Level(level.parent, level.ctes)
        self.expressions(nodes(fields, "args"), own)
        self.optional(fields, "repeatable", own)
        return source

    def _subquery(self, fields: Node, left: list[Source], level: Level) -> Source:
        closed("RangeSubselect", fields, _SUBQUERY)
        parent = level.parent
        if fields.get("lateral"):
            parent = Level(parent, level.ctes, left)
        query = unwrap(as_node(fields.get("subquery")), "SelectStmt")
        names = self.select(query, level.ctes, parent)
        inner = self.level_sources
        alias, columns = self.alias(fields)
        known = None if names is None else _visible(names, columns)
        return Source(alias, columns=known, inner=inner)

    def _function(self, fields: Node, left: list[Source], level: Level) -> Source:
        """A function on the list of sets or of scalars; it sees what stands to its left."""
        closed("RangeFunction", fields, _FUNCTION)
        seen = Level(level.parent, level.ctes, left)
        items = nodes(fields, "functions")
        pair = nodes(unwrap(items[0], "List"), "items")
        if len(items) != 1 or pair[1]:
            raise self.doubt("uncertain.sql_function_in_from", "ROWS FROM")
        kind, call = kind_of(pair[0])
        if kind != "FuncCall":
            raise self.doubt("uncertain.sql_function_in_from", kind, location(call))
        name = strings(nodes(call, "funcname"))[-1]
        if name not in SETS:
            raise self.doubt("uncertain.sql_function_in_from", name, location(call))
        self.expression(pair[0], seen)
        alias, columns = self.alias(fields)
        defined = [unwrap(item, "ColumnDef") for item in nodes(fields, "coldeflist")]
        for column in defined:
            closed("column", column, _COLUMN)
            self.type_name(column.get("typeName"))
        outputs = [checked_name(word(column, "colname")) for column in defined]
        shown = outputs or list(_OUT_COLUMNS.get(name, (alias or name,)))
        known: Columns | None = _visible([*shown, *_ordinality(fields)], columns)
        if "record" in name and not defined:
            known = None  # the columns of a type
        if name == "unnest" and len(nodes(call, "args")) > 1:
            known = None
        return Source(alias or name, columns=known)

    def _join(self, fields: Node, left: list[Source], level: Level) -> Joined:
        closed("JoinExpr", fields, _JOIN)
        one = self.from_item(as_node(fields.get("larg")), left, level)
        two = self.from_item(as_node(fields.get("rarg")), left + one.sources, level)
        both, merged = one.sources + two.sources, one.merged | two.merged
        using = strings(nodes(fields, "usingClause"))
        if fields.get("isNatural"):
            if one.star is None or two.star is None:
                read_whole(both)  # which columns are common only a catalogue tells
                return Joined(both, merged)
            using = [name for name in one.star if name in two.star]
        for name in using:
            self.merge_column(name, one.sources, one.merged)
            self.merge_column(name, two.sources, two.merged)
        merged |= frozenset(using)
        self.optional(fields, "quals", Level(level.parent, level.ctes, both, merged))
        star = None
        if one.star is not None and two.star is not None:
            rest = [name for name in one.star + two.star if name not in using]
            star = using + rest
        return Joined(both, merged, star)


def _alone(source: Source) -> Joined:
    star = None if source.columns is None else list(source.columns)
    return Joined([source], frozenset(), star)


def _visible(names: list[str], aliases: list[str]) -> Columns:
    """Columns of a query, renamed from the left; they are no table's own."""
    shown = aliases + names[len(aliases) :]
    return dict(zip(shown, shown, strict=True))


def _ordinality(fields: Node) -> list[str]:
    return ["ordinality"] if fields.get("ordinality") else []
