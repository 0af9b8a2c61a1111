"""Reads MERGE, and what the changing statements have in common: targets and assignments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.catalogue import Relation
from counterfoil.core.actions.database.effects import Thing, Use
from counterfoil.core.actions.database.queries import QueryReader
from counterfoil.core.actions.database.scopes import Level, Source
from counterfoil.core.actions.database.sequences import sequence_default
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

    def written(
        self, items: Sequence[Node], use: Use, target: Source, width: int | None
    ) -> list[str]:
        """The columns of an INSERT: those listed, else the first `width` of the table.

        `width` is None where it is not known, 0 for DEFAULT VALUES, which need any one.
        """
        known = None if target.thing is None else self.relation(target.thing)
        listed = [column_name(item) for item in items]
        if known is not None:
            if not listed and width is not None:
                listed = list(known.columns)[:width]
            self.check_columns(listed, known, use.location)
            self.defaults(listed, known, use.location)
        elif not listed and width != 0:
            use.whole = True  # only a catalogue tells
        use.columns.update(listed)
        return listed

    def check_columns(self, names: Sequence[str], known: Relation, at: int) -> None:
        """Refuse a column that the relation does not have.

        Raises:
            Unreadable: it has none of that name.
        """
        for name in names:
            if name not in known.columns:
                raise self.doubt("uncertain.sql_unknown_name", name, at)

    def defaults(self, given: Sequence[str], known: Relation, at: int) -> None:
        """The sequences of columns that get their default."""
        for name, column in known.columns.items():
            if column.sequence is not None and name not in given:
                sequence_default(self, *column.sequence, at)

    def assign(self, items: Sequence[Node], use: Use, level: Level) -> None:
        """SET: the columns written, and what their values read."""
        for item in items:
            assignment = unwrap(item, "ResTarget")
            closed("SET", assignment, _ASSIGNMENT)
            name = checked_name(word(assignment, "name"))
            use.columns.add(name)
            value = as_node(assignment.get("val"))
            self._assigned(name, value, level, use.location)
            multiple = value.get("MultiAssignRef")
            if isinstance(multiple, dict):
                closed("MultiAssignRef", multiple, _MULTIPLE)
                if multiple.get("colno") == 1:  # the parser repeats the source for each
                    self.optional(multiple, "source", level)
            else:
                self.expression(value, level)

    def _assigned(self, name: str, value: Node, level: Level, at: int) -> None:
        """What the catalogue shows of one column that SET writes."""
        thing = level.sources[0].thing
        known = None if thing is None else self.relation(thing)
        if known is None:
            return
        self.check_columns([name], known, at)
        if "SetToDefault" in value:
            others = [column for column in known.columns if column != name]
            self.defaults(others, known, at)

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
            self.assign(items, thing.use("update", at), _led_by(target, seen))
        elif command == "CMD_INSERT":
            values = nodes(clause, "values")
            self.written(items, thing.use("insert", at), target, len(values))
            self.expressions(values, seen)
        elif command == "CMD_DELETE":
            thing.use("delete", at).whole = True
        elif command != "CMD_NOTHING":
            raise self.doubt("uncertain.sql_construct", command, at)


def column_name(item: Node) -> str:
    """The column that an item of an INSERT's list writes to.

    Raises:
        Unreadable: a part of a column (`c[1]`, `c.f`), or a name that servers read differently.
    """
    column = unwrap(item, "ResTarget")
    closed("column", column, _COLUMN)
    return checked_name(word(column, "name"))


def _led_by(target: Source, level: Level) -> Level:
    """The level with the target first, as SET expects it."""
    others = [source for source in level.sources if source is not target]
    return Level(level.parent, level.ctes, [target, *others], level.merged, level.star)


def _seen(kind: str, level: Level) -> Level:
    """What a WHEN clause sees: both sides, or the one that has a row."""
    if kind == "MERGE_WHEN_MATCHED":
        return level
    only = level.sources[1:] if kind.endswith("BY_TARGET") else level.sources[:1]
    return Level(level.parent, level.ctes, only, level.merged)
