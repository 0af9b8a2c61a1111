"""Reads MERGE, and what the changing statements have in common: targets and assignments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.effects import Thing, Use
from counterfoil.core.actions.database.queries import QueryReader
from counterfoil.core.actions.database.scopes import Level, Source
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    location,
    nodes,
    unwrap,
    word,
)

_MERGE: Final = frozenset(
    {
        "relation",
        "sourceRelation",
        "joinCondition",
        "mergeWhenClauses",
        "returningList",
        "withClause",
    }
)
_WHEN: Final = frozenset(
    {"matchKind", "commandType", "override", "condition", "targetList", "values"}
)
_COLUMN: Final = frozenset({"name", "location"})
_ASSIGNMENT: Final = frozenset({"name", "val", "location"})
_MULTIPLE: Final = frozenset({"source", "colno", "ncolumns"})


class MergeReader(QueryReader):
    """Reads MERGE."""

    def target(self, fields: Node) -> tuple[Source, Thing]:
        """The table that is changed. It is never a CTE, and reading it is not implied."""
        relation = as_node(fields.get("relation"))
        source = self.source(relation)
        if source.thing is None:  # cannot be: `source` made it
            raise self.doubt("uncertain.sql_construct", "target")
        return source, source.thing

    def written(self, items: Sequence[Node], use: Use, target: Source, width: int | None) -> None:
        """The columns of an INSERT: those listed, else the first `width` of the table.

        `width` is None where it is not known, 0 for DEFAULT VALUES, which need any one.
        """
        for item in items:
            column = unwrap(item, "ResTarget")
            closed("column", column, _COLUMN)  # `c[1]`, `c.f`: parts of a column
            use.columns.add(checked_name(word(column, "name")))
        if items or not width:
            use.whole = use.whole or (not items and width is None)
            return
        known = None if target.thing is None else self.relation(target.thing)
        if known is None:
            use.whole = True  # only a catalogue tells
        else:
            use.columns.update(list(known.columns)[:width])

    def assign(self, items: Sequence[Node], use: Use, level: Level) -> None:
        """SET: the columns written, and what their values read."""
        for item in items:
            assignment = unwrap(item, "ResTarget")
            closed("SET", assignment, _ASSIGNMENT)
            use.columns.add(checked_name(word(assignment, "name")))
            value = as_node(assignment.get("val"))
            multiple = value.get("MultiAssignRef")
            if isinstance(multiple, dict):
                closed("MultiAssignRef", multiple, _MULTIPLE)
                if multiple.get("colno") == 1:  # the parser repeats the source for each
                    self.optional(multiple, "source", level)
            else:
                self.expression(value, level)

    def merge(self, fields: Node, level: Level) -> None:
        """Read a MergeStmt; RETURNING is read by the caller.

        Raises:
            Unreadable: anything that is not on the lists.
        """
        closed("MergeStmt", fields, _MERGE)
        target, thing = self.target(fields)
        at = location(as_node(fields.get("relation")))
        found, level.merged, star = self.from_items([as_node(fields.get("sourceRelation"))], level)
        # In RETURNING, `*` shows the source first.
        level.sources = [target, *found]
        if star is not None and target.columns is not None:
            level.star = [*star, *target.columns]
        self.optional(fields, "joinCondition", level)
        for item in nodes(fields, "mergeWhenClauses"):
            clause = unwrap(item, "MergeWhenClause")
            closed("WHEN", clause, _WHEN)
            seen = _seen(word(clause, "matchKind"), level)
            self.optional(clause, "condition", seen)
            self._action(clause, thing, target, seen, at)

    def _action(self, clause: Node, thing: Thing, target: Source, seen: Level, at: int) -> None:
        command = word(clause, "commandType")
        items = nodes(clause, "targetList")
        if command == "CMD_UPDATE":
            self.assign(items, thing.use("update", at), seen)
        elif command == "CMD_INSERT":
            values = nodes(clause, "values")
            self.written(items, thing.use("insert", at), target, len(values))
            self.expressions(values, seen)
        elif command == "CMD_DELETE":
            thing.use("delete", at).whole = True
        elif command != "CMD_NOTHING":
            raise self.doubt("uncertain.sql_construct", command, at)


def _seen(kind: str, level: Level) -> Level:
    """What a WHEN clause sees: both sides, or the one that has a row."""
    if kind == "MERGE_WHEN_MATCHED":
        return level
    only = level.sources[1:] if kind.endswith("BY_TARGET") else level.sources[:1]
    return Level(level.parent, level.ctes, only, level.merged)
