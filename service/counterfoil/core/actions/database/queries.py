"""Reads queries: SELECT, VALUES, set operations, WITH, locking, with PostgreSQL's own scoping.

WITH: an item sees the items before it, and itself and the later ones under RECURSIVE; a
CTE hides a table only by an unqualified name. FROM is read in from_items.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from counterfoil.core.actions.database.expressions import HANDLERS, Handler, bare_name
from counterfoil.core.actions.database.from_items import FromReader
from counterfoil.core.actions.database.json_nodes import JSON_HANDLERS
from counterfoil.core.actions.database.outputs import output_name, select_outputs
from counterfoil.core.actions.database.scopes import Cte, Ctes, Level, Source, read_whole
from counterfoil.core.actions.database.source import checked_name
from counterfoil.core.actions.database.tree import (
    Node,
    as_node,
    closed,
    kind_of,
    nodes,
    strings,
    unwrap,
    word,
)

_SELECT: Final = frozenset(
    {
        "distinctClause",
        "targetList",
        "fromClause",
        "whereClause",
        "groupClause",
        "groupDistinct",
        "havingClause",
        "windowClause",
        "valuesLists",
        "sortClause",
        "limitOffset",
        "limitCount",
        "limitOption",
        "lockingClause",
        "withClause",
        "op",
        "all",
        "larg",
        "rarg",
    }
)
_WITH_QUERY: Final = frozenset(
    {
        "ctename",
        "aliascolnames",
        "ctematerialized",
        "ctequery",
        "search_clause",
        "cycle_clause",
        "location",
    }
)
_SEARCH: Final = frozenset(
    {"search_col_list", "search_breadth_first", "search_seq_column", "location"}
)
_CYCLE: Final = frozenset(
    {
        "cycle_col_list",
        "cycle_mark_column",
        "cycle_mark_value",
        "cycle_mark_default",
        "cycle_path_column",
        "location",
    }
)
_WITH: Final = frozenset({"ctes", "recursive", "location"})
_TARGET: Final = frozenset({"name", "val", "location"})
_LOCKING: Final = frozenset({"lockedRels", "strength", "waitPolicy"})


class QueryReader(FromReader):
    """Reads every kind of query expression."""

    handlers: ClassVar[Mapping[str, Handler]] = {**HANDLERS, **JSON_HANDLERS}

    @abstractmethod
    def change(self, kind: str, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        """Read a data-changing statement; its RETURNING names where they are known."""

    def select(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        """Read a SelectStmt and return its output names where they are known.

        Raises:
            Unreadable: SELECT INTO inside of something, or anything not on the lists.
        """
        if "intoClause" in fields:
            raise self.doubt("uncertain.sql_select_into", "", 0)
        closed("SelectStmt", fields, _SELECT)
        self.queries += 1
        self.enter()
        ctes, made = self.with_queries(fields, ctes, parent)
        if word(fields, "op") != "SETOP_NONE":
            names = self._set_operation(fields, ctes, parent)
            self.level_sources = []
        elif "valuesLists" in fields:
            names = self._values(fields, ctes, parent)
            self.level_sources = []
        else:
            names = self._plain(fields, ctes, parent)
        self.check_used(made)
        self.depth -= 1
        return names

    def _plain(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        level = Level(parent, ctes)
        level.sources, level.merged, level.star = self.from_items(
            nodes(fields, "fromClause"), level
        )
        targets = nodes(fields, "targetList")
        self.targets(targets, level)
        self.optional(fields, "whereClause", level)
        self._arrange(fields, targets, level)
        self.optional(fields, "havingClause", level)
        for window in nodes(fields, "windowClause"):
            self.window(unwrap(window, "WindowDef"), level)
        self._limit(fields, Level(parent, ctes))
        for clause in nodes(fields, "lockingClause"):
            self._lock(unwrap(clause, "LockingClause"), level)
        self.level_sources = level.sources
        return None if self.depth == 1 else select_outputs(targets, level)

    def _lock(self, fields: Node, level: Level) -> None:
        """FOR UPDATE, FOR SHARE …: UPDATE on some column of each table locked."""
        closed("FOR UPDATE", fields, _LOCKING)
        strength = word(fields, "strength").removeprefix("LCS_").lower()
        named = [unwrap(item, "RangeVar") for item in nodes(fields, "lockedRels")]
        locked = level.sources
        if named:
            wanted = [word(item, "relname") for item in named]
            locked = [source for source in level.sources if source.alias in wanted]
            if len(locked) != len(set(wanted)):
                raise self.doubt("uncertain.sql_unknown_name", ", ".join(wanted))
        pending = list(locked)
        while pending:
            source = pending.pop()
            pending += source.inner
            if source.thing is not None:
                source.thing.use("lock").note(strength=strength)

    def _arrange(self, fields: Node, targets: Sequence[Node], level: Level) -> None:
        """ORDER BY, DISTINCT ON and GROUP BY, where a bare name may mean an output."""
        sort, group = nodes(fields, "sortClause"), nodes(fields, "groupClause")
        distinct = nodes(fields, "distinctClause")
        if not (sort or group or distinct):
            return
        outputs, columns = _outputs(targets)
        computed = outputs - columns
        self.sort(sort, level, outputs)
        for item in group:
            name = bare_name(item)
            if name is None or not self._output_only(name, level, computed):
                self.expression(item, level)
        for item in distinct:
            if item and bare_name(item) not in outputs:  # plain DISTINCT is one empty item
                self.expression(item, level)

    def _set_operation(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        names = self.select(as_node(fields.get("larg")), ctes, parent)
        self.select(as_node(fields.get("rarg")), ctes, parent)
        if "lockingClause" in fields:
            raise self.doubt("uncertain.sql_construct", "FOR UPDATE of a set operation")
        known = None if names is None else dict(zip(names, names, strict=True))
        level = Level(parent, ctes, [Source(None, columns=known)])
        self.sort(nodes(fields, "sortClause"), level)
        self._limit(fields, Level(parent, ctes))
        return names

    def _values(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str]:
        level = Level(parent, ctes)
        rows = nodes(fields, "valuesLists")
        self.expressions(rows, level)
        width = len(nodes(unwrap(rows[0], "List"), "items")) if rows else 0
        names = [f"column{number}" for number in range(1, width + 1)]
        self.sort(nodes(fields, "sortClause"), level, frozenset(names))
        self._limit(fields, level)
        return names

    def _limit(self, fields: Node, level: Level) -> None:
        self.optional(fields, "limitCount", level)
        self.optional(fields, "limitOffset", level)

    def targets(self, targets: Sequence[Node], level: Level) -> None:
        """A target list or RETURNING, `*` included."""
        for target in targets:
            fields = unwrap(target, "ResTarget")
            closed("ResTarget", fields, _TARGET)
            value = as_node(fields.get("val"))
            reference = value.get("ColumnRef")
            if isinstance(reference, dict) and nodes(reference, "fields") == [{"A_Star": {}}]:
                read_whole(level.sources)
            else:
                self.expression(value, level)

    def _output_only(self, name: str, level: Level, outputs: frozenset[str]) -> bool:
        """GROUP BY: a bare name is a column first, and an output name only without one.

        True where `name` is an output of this query and no column, or cannot be told. Then
        the tables that may own such a column are read whole.
        """
        if name not in outputs:
            return False
        if name in level.merged or any(name in (item.columns or ()) for item in level.sources):
            return False
        read_whole(item for item in level.sources if item.columns is None)
        return True

    def with_queries(
        self, fields: Node, ctes: Ctes, parent: Level | None
    ) -> tuple[Ctes, dict[str, Cte]]:
        """Read WITH; return what is in scope afterwards, and the queries it made."""
        clause = fields.get("withClause")
        if clause is None:
            return ctes, {}
        clause = as_node(clause)
        closed("WithClause", clause, _WITH)
        scope, made = dict(ctes), dict[str, Cte]()
        items = [unwrap(item, "CommonTableExpr") for item in nodes(clause, "ctes")]
        if clause.get("recursive"):
            # Each sees all. Columns that are not known yet make the reading coarser.
            made = {word(item, "ctename"): Cte(self._declared(item)) for item in items}
            scope.update(made)
        for item in items:
            self._with_query(item, scope, made, parent)
        return scope, made

    def _with_query(
        self, item: Node, scope: dict[str, Cte], made: dict[str, Cte], parent: Level | None
    ) -> None:
        closed("CommonTableExpr", item, _WITH_QUERY)
        name = checked_name(word(item, "ctename"))
        before = made[name].references if name in made else 0
        kind, query = kind_of(as_node(item.get("ctequery")))
        if kind == "SelectStmt":
            names = self.select(query, dict(scope), parent)
        else:
            names = self.change(kind, query, dict(scope), parent)
        cte = made.setdefault(name, Cte(None))
        cte.columns = renamed(names, strings(nodes(item, "aliascolnames")))
        if cte.columns is not None:
            cte.columns += self._traversal(item)
        cte.references = before  # reading itself does not make it used
        if kind != "SelectStmt":
            cte.references += 1  # it runs whether somebody reads it or not
        scope[name] = cte

    @staticmethod
    def _traversal(item: Node) -> tuple[str, ...]:
        """The columns that SEARCH and CYCLE add."""
        added: list[str] = []
        search, cycle = item.get("search_clause"), item.get("cycle_clause")
        if isinstance(search, dict):
            closed("SEARCH", search, _SEARCH)
            added.append(word(search, "search_seq_column"))
        if isinstance(cycle, dict):
            closed("CYCLE", cycle, _CYCLE)
            for name in ("cycle_mark_value", "cycle_mark_default"):
                kind_of(as_node(cycle.get(name)))
                unwrap(as_node(cycle.get(name)), "A_Const")
            added += [word(cycle, "cycle_mark_column"), word(cycle, "cycle_path_column")]
        return tuple(added)

    @staticmethod
    def _declared(item: Node) -> tuple[str, ...] | None:
        names = strings(nodes(item, "aliascolnames"))
        kind, query = kind_of(as_node(item.get("ctequery")))
        while kind == "SelectStmt" and word(query, "op") != "SETOP_NONE":
            query = as_node(query.get("larg"))
        outputs = select_outputs(nodes(query, "targetList")) if kind == "SelectStmt" else None
        known = renamed(outputs, names)
        return None if known is None else known + QueryReader._traversal(item)

    def check_used(self, made: dict[str, Cte]) -> None:
        """Refuse a WITH query that nothing reads: the server drops it, rights and all.

        Raises:
            Unreadable: what it names would be required, and not be necessary.
        """
        for name, cte in made.items():
            if not cte.references:
                raise self.doubt("uncertain.sql_unused_query", name)


def _outputs(targets: Sequence[Node]) -> tuple[frozenset[str], frozenset[str]]:
    """The output names of a query, and those that are just a column of that name.

    Once a query: looked up for each item of GROUP BY, 12 kB of text took the reader 2.4 s.
    """
    outputs, columns = set[str](), set[str]()
    for target in targets:
        name = output_name(target)
        if name:
            outputs.add(name)
            if bare_name(as_node(unwrap(target, "ResTarget").get("val"))) == name:
                columns.add(name)
    return frozenset(outputs), frozenset(columns)


def renamed(names: list[str] | None, aliases: list[str]) -> tuple[str, ...] | None:
    """The output names after column aliases, which rename from the left."""
    if names is None or not aliases:
        return None if names is None else tuple(names)
    return tuple(aliases + names[len(aliases) :])
