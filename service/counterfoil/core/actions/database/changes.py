"""Reads INSERT, UPDATE and DELETE, at the top or inside WITH, with their exact rights.

INSERT, UPDATE: the columns written; DELETE: the table. SELECT only on what is read, so
`UPDATE t SET a = 1` needs none, and `DELETE … WHERE id = 7` needs it on `id`.
"""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.names import Ctes, Level, Source, Use
from counterfoil.core.actions.database.outputs import select_outputs
from counterfoil.core.actions.database.queries import QueryReader
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

_INSERT: Final = frozenset(
    {
        "relation",
        "cols",
        "selectStmt",
        "onConflictClause",
        "returningList",
        "withClause",
        "override",
    }
)
_UPDATE: Final = frozenset(
    {"relation", "targetList", "whereClause", "fromClause", "returningList", "withClause"}
)
_DELETE: Final = frozenset(
    {"relation", "usingClause", "whereClause", "returningList", "withClause"}
)
_COLUMN: Final = frozenset({"name", "location"})
_ASSIGNMENT: Final = frozenset({"name", "val", "location"})
_MULTIPLE: Final = frozenset({"source", "colno", "ncolumns"})
_CONFLICT: Final = frozenset({"action", "infer", "targetList", "whereClause", "location"})
_INFER: Final = frozenset({"indexElems", "whereClause", "conname", "location"})
_INDEX_ITEM: Final = frozenset({"name", "ordering", "nulls_ordering"})


class ChangeReader(QueryReader):
    """Reads data-changing statements."""

    def change(self, kind: str, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        """Read one and return its RETURNING names where they are known.

        Raises:
            Unreadable: another kind of statement, or anything not on the lists.
        """
        self.enter()
        ctes, made = self.with_queries(fields, ctes, parent)
        level = Level(parent, ctes)
        if kind == "InsertStmt":
            self._insert(fields, level)
        elif kind == "UpdateStmt":
            self._update(fields, level)
        elif kind == "DeleteStmt":
            self._delete(fields, level)
        else:
            raise self.doubt("uncertain.sql_statement_kind", kind)
        returning = nodes(fields, "returningList")
        self.targets(returning, level)
        self.check_used(made)
        self.depth -= 1
        return select_outputs(returning)

    def _target(self, fields: Node) -> Source:
        """The table that is changed. It is never a CTE, and reading it is not implied."""
        relation = as_node(fields.get("relation"))
        table = self.table(relation)
        alias, columns = self.alias(relation)
        return Source(alias or table.name, table, bare=alias is None, renamed=bool(columns))

    def _use(self, target: Source, verb: str, fields: Node) -> Use:
        if target.table is None:  # cannot be: `_target` made it
            raise self.doubt("uncertain.sql_construct", verb)
        return target.table.use(verb, location(as_node(fields.get("relation"))))

    def _insert(self, fields: Node, level: Level) -> None:
        closed("InsertStmt", fields, _INSERT)
        target = self._target(fields)
        use = self._use(target, "insert", fields)
        # Without a list: the first n columns, or any one. Only a catalogue tells, so the table.
        for item in nodes(fields, "cols"):
            column = unwrap(item, "ResTarget")
            closed("column", column, _COLUMN)  # `c[1]`, `c.f`: parts of a column
            use.columns.add(checked_name(word(column, "name")))
        query = fields.get("selectStmt")
        if query is not None:
            self.select(unwrap(as_node(query), "SelectStmt"), level.ctes, level.parent)
        level.sources = [target]
        conflict = fields.get("onConflictClause")
        if conflict is not None:
            self._conflict(as_node(conflict), fields, target, level)

    def _conflict(self, fields: Node, insert: Node, target: Source, level: Level) -> None:
        """ON CONFLICT: SELECT on the arbiter columns; DO UPDATE as an UPDATE."""
        closed("OnConflictClause", fields, _CONFLICT)
        infer = fields.get("infer")
        if infer is not None:
            self._arbiter(as_node(infer), target, level)
        if word(fields, "action") != "ONCONFLICT_UPDATE":
            return
        # EXCLUDED is the proposed row: reading its column needs SELECT on the table's.
        excluded = Source("excluded", target.table)
        both = Level(level.parent, level.ctes, [target, excluded])
        self._assign(fields, self._use(target, "update", insert), both)
        self.optional(fields, "whereClause", both)

    def _arbiter(self, infer: Node, target: Source, level: Level) -> None:
        closed("InferClause", infer, _INFER)
        if infer.get("conname") and target.table is not None:
            target.table.use("select").whole = True  # its columns only a catalogue tells
        for item in nodes(infer, "indexElems"):
            column = unwrap(item, "IndexElem")
            closed("IndexElem", column, _INDEX_ITEM)
            self.column(word(column, "name"), level, -1)
        self.optional(infer, "whereClause", level)

    def _update(self, fields: Node, level: Level) -> None:
        closed("UpdateStmt", fields, _UPDATE)
        target = self._target(fields)
        use = self._use(target, "update", fields)
        sources, level.merged = self.from_items(nodes(fields, "fromClause"), level)
        level.sources = [target, *sources]
        self._assign(fields, use, level)
        self.optional(fields, "whereClause", level)

    def _assign(self, fields: Node, use: Use, level: Level) -> None:
        """SET: the columns written, and what their values read."""
        for item in nodes(fields, "targetList"):
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

    def _delete(self, fields: Node, level: Level) -> None:
        closed("DeleteStmt", fields, _DELETE)
        target = self._target(fields)
        self._use(target, "delete", fields).whole = True
        sources, level.merged = self.from_items(nodes(fields, "usingClause"), level)
        level.sources = [target, *sources]
        self.optional(fields, "whereClause", level)
