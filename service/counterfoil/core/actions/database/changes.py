"""Reads INSERT, UPDATE, DELETE and MERGE, at the top or inside WITH, with their exact rights.

INSERT, UPDATE: the columns written; DELETE: the table. SELECT only on what is read, so
`UPDATE t SET a = 1` needs none, and `DELETE … WHERE id = 7` needs it on `id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.effects import Thing, Use
from counterfoil.core.actions.database.filters import note_rows
from counterfoil.core.actions.database.merge import MergeReader
from counterfoil.core.actions.database.outputs import select_outputs
from counterfoil.core.actions.database.scopes import Ctes, Level, Source
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
_CONFLICT: Final = frozenset({"action", "infer", "targetList", "whereClause", "location"})
_INFER: Final = frozenset({"indexElems", "whereClause", "conname", "location"})
_INDEX_ITEM: Final = frozenset({"name", "expr", "ordering", "nulls_ordering"})


class ChangeReader(MergeReader):
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
        elif kind == "MergeStmt":
            self.merge(fields, level)
        else:
            raise self.doubt("uncertain.sql_statement_kind", kind)
        returning = nodes(fields, "returningList")
        self.targets(returning, level)
        self.check_used(made)
        self.depth -= 1
        return select_outputs(returning, level)

    def _insert(self, fields: Node, level: Level) -> None:
        closed("InsertStmt", fields, _INSERT)
        target, thing = self.target(fields)
        use = thing.use("insert", location(as_node(fields.get("relation"))))
        query = fields.get("selectStmt")
        outputs: list[str] | None = []
        width: int | None = 0
        if query is not None:
            select = unwrap(as_node(query), "SelectStmt")
            outputs = self.select(select, level.ctes, level.parent)
            width = None if outputs is None else len(outputs)
        listed = self.written(nodes(fields, "cols"), use, target, width)
        if query is not None:
            rows = nodes(unwrap(as_node(query), "SelectStmt"), "valuesLists")
            self._value_defaults(rows, listed, use, target)
        level.sources = [target]
        level.star = None if target.columns is None else list(target.columns)
        conflict = fields.get("onConflictClause")
        if conflict is not None:
            self._conflict(as_node(conflict), fields, target, thing, level)

    def _value_defaults(
        self, rows: Sequence[Node], listed: Sequence[str], use: Use, target: Source
    ) -> None:
        """`DEFAULT` among the VALUES: that column gets its default too."""
        known = None if target.thing is None else self.relation(target.thing)
        if known is None:
            return
        defaulted = {
            name
            for row in rows
            for name, item in zip(listed, nodes(unwrap(row, "List"), "items"), strict=False)
            if "SetToDefault" in item
        }
        if defaulted:
            given = [name for name in known.columns if name not in defaulted]
            self.defaults(given, known, use.location)

    def _conflict(
        self, fields: Node, insert: Node, target: Source, thing: Thing, level: Level
    ) -> None:
        """ON CONFLICT: SELECT on the arbiter columns; DO UPDATE as an UPDATE."""
        closed("OnConflictClause", fields, _CONFLICT)
        infer = fields.get("infer")
        if infer is not None:
            self._arbiter(as_node(infer), thing, level)
        if word(fields, "action") != "ONCONFLICT_UPDATE":
            return
        # EXCLUDED is the proposed row: reading its column needs SELECT on the table's.
        excluded = Source("excluded", thing, columns=target.columns)
        both = Level(level.parent, level.ctes, [target, excluded])
        use = thing.use("update", location(as_node(insert.get("relation"))))
        self.assign(nodes(fields, "targetList"), use, both)
        self.optional(fields, "whereClause", both)

    def _arbiter(self, infer: Node, thing: Thing, level: Level) -> None:
        closed("InferClause", infer, _INFER)
        name = word(infer, "conname")
        if name:
            use = thing.use("select")
            known = self.relation(thing)
            if known is None:
                use.whole = True  # its columns only a catalogue tells
            elif name in known.unique:
                use.columns.update(known.unique[name])
            else:
                raise self.doubt("uncertain.sql_unknown_name", name)
        for item in nodes(infer, "indexElems"):
            column = unwrap(item, "IndexElem")
            closed("IndexElem", column, _INDEX_ITEM)
            if "expr" in column:
                self.expression(column["expr"], level)
            else:
                self.column(word(column, "name"), level, -1)
        self.optional(infer, "whereClause", level)

    def _update(self, fields: Node, level: Level) -> None:
        closed("UpdateStmt", fields, _UPDATE)
        target, thing = self.target(fields)
        use = thing.use("update", location(as_node(fields.get("relation"))))
        self._beside(nodes(fields, "fromClause"), target, level)
        self.assign(nodes(fields, "targetList"), use, level)
        self._where(fields, use, level)

    def _delete(self, fields: Node, level: Level) -> None:
        closed("DeleteStmt", fields, _DELETE)
        target, thing = self.target(fields)
        use = thing.use("delete", location(as_node(fields.get("relation"))))
        use.whole = True
        self._beside(nodes(fields, "usingClause"), target, level)
        self._where(fields, use, level)

    def _beside(self, items: Sequence[Node], target: Source, level: Level) -> None:
        """FROM of UPDATE and USING of DELETE: beside the target, which they do not see."""
        sources, level.merged, star = self.from_items(items, level)
        level.sources = [target, *sources]
        if star is not None and target.columns is not None:
            level.star = [*target.columns, *star]

    def _where(self, fields: Node, use: Use, level: Level) -> None:
        self.optional(fields, "whereClause", level)
        thing = level.sources[0].thing
        known = None if thing is None else self.relation(thing)
        note_rows(use, fields.get("whereClause"), level, known)
