"""Reads queries: SELECT, VALUES, set operations, WITH, joins, with PostgreSQL's own scoping.

WITH: an item sees the items before it, and itself and the later ones under RECURSIVE; a
CTE hides a table only by an unqualified name, and an unqualified name that is no CTE is
`uncertain`. FROM: an item sees its neighbours to the left only under LATERAL; ON sees the
two sides of its own join.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.database.expressions import ExpressionReader, bare_name
from counterfoil.core.actions.database.names import (
    Cte,
    Ctes,
    Level,
    Source,
    read_whole,
    touch,
)
from counterfoil.core.actions.database.outputs import output_name, select_outputs
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
        "withClause",
        "op",
        "all",
        "larg",
        "rarg",
    }
)
_JOIN: Final = frozenset(
    {"jointype", "isNatural", "larg", "rarg", "usingClause", "quals", "rtindex"}
)
_WITH_QUERY: Final = frozenset(
    {"ctename", "aliascolnames", "ctematerialized", "ctequery", "location"}
)
_SUBQUERY: Final = frozenset({"lateral", "subquery", "alias"})
_WITH: Final = frozenset({"ctes", "recursive", "location"})
_TARGET: Final = frozenset({"name", "val", "location"})


class Joined(NamedTuple):
    """The sources of FROM items and the column names that their joins merged."""

    sources: list[Source]
    merged: frozenset[str] = frozenset()


class QueryReader(ExpressionReader):
    """Reads every kind of query expression."""

    @abstractmethod
    def change(self, kind: str, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        """Read a data-changing statement; its RETURNING names where they are known."""

    def select(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        """Read a SelectStmt and return its output names where they are known.

        Raises:
            Unreadable: SELECT INTO, row locks, or anything that is not on the lists.
        """
        if "intoClause" in fields:
            raise self.doubt("uncertain.sql_select_into", "", 0)
        if "lockingClause" in fields:
            raise self.doubt("uncertain.sql_row_lock")
        closed("SelectStmt", fields, _SELECT)
        self.enter()
        ctes, made = self.with_queries(fields, ctes, parent)
        if word(fields, "op") != "SETOP_NONE":
            names = self._set_operation(fields, ctes, parent)
        elif "valuesLists" in fields:
            names = self._values(fields, ctes, parent)
        else:
            names = self._plain(fields, ctes, parent)
        self.check_used(made)
        self.depth -= 1
        return names

    def _plain(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        level = Level(parent, ctes)
        level.sources, level.merged = self.from_items(nodes(fields, "fromClause"), level)
        targets = nodes(fields, "targetList")
        self.targets(targets, level)
        self.optional(fields, "whereClause", level)
        self._arrange(fields, targets, level)
        self.optional(fields, "havingClause", level)
        for window in nodes(fields, "windowClause"):
            self.window(unwrap(window, "WindowDef"), level)
        self._limit(fields, Level(parent, ctes))
        return None if self.depth == 1 else select_outputs(targets)

    def _arrange(self, fields: Node, targets: Sequence[Node], level: Level) -> None:
        """ORDER BY, DISTINCT ON and GROUP BY, where a bare name may mean an output."""
        sort, group = nodes(fields, "sortClause"), nodes(fields, "groupClause")
        distinct = nodes(fields, "distinctClause")
        if not (sort or group or distinct):
            return
        outputs = frozenset(name for target in targets if (name := output_name(target)))
        self.sort(sort, level, outputs)
        self._group(group, level, targets)
        for item in distinct:
            if item and bare_name(item) not in outputs:  # plain DISTINCT is one empty item
                self.expression(item, level)

    def _set_operation(self, fields: Node, ctes: Ctes, parent: Level | None) -> list[str] | None:
        names = self.select(as_node(fields.get("larg")), ctes, parent)
        self.select(as_node(fields.get("rarg")), ctes, parent)
        level = Level(parent, ctes, [Source(None, columns=frozenset(names or ()))])
        if names is None and "sortClause" in fields:
            level.sources = [Source(None)]
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

    def _group(self, items: Sequence[Node], level: Level, targets: Sequence[Node]) -> None:
        """GROUP BY: a bare name is a column first, and an output name only without one."""
        for item in items:
            name = bare_name(item)
            if name is None or not self._output_only(name, level, targets):
                self.expression(item, level)

    def _output_only(self, name: str, level: Level, targets: Sequence[Node]) -> bool:
        """True where `name` is an output of this query and no column, or cannot be told.

        Then the tables that may own such a column are read whole.
        """
        named = [target for target in targets if output_name(target) == name]
        if not named or any(
            bare_name(as_node(unwrap(target, "ResTarget").get("val"))) == name for target in named
        ):
            return False
        if name in level.merged or any(name in (item.columns or ()) for item in level.sources):
            return False
        read_whole(level.sources)
        return True

    def from_items(self, items: Sequence[Node], level: Level) -> Joined:
        """The sources of FROM (or USING of DELETE) and the names merged by its joins."""
        sources: list[Source] = []
        merged: frozenset[str] = frozenset()
        for item in items:
            found, names = self._from_item(item, sources, level)
            sources = sources + found
            merged |= names
        return Joined(sources, merged)

    def _from_item(self, item: Node, left: list[Source], level: Level) -> Joined:
        kind, fields = kind_of(item)
        self.enter()
        if kind == "RangeVar":
            found = Joined([self._relation(fields, level)])
        elif kind == "RangeSubselect":
            found = Joined([self._subquery(fields, left, level)])
        elif kind == "JoinExpr":
            found = self._join(fields, left, level)
        elif kind == "RangeFunction":
            raise self.doubt("uncertain.sql_function_in_from")
        else:
            raise self.doubt("uncertain.sql_construct", kind, location(fields))
        self.depth -= 1
        return found

    def _relation(self, fields: Node, level: Level) -> Source:
        name = word(fields, "relname")
        alias, columns = self.alias(fields)
        cte = None if fields.get("schemaname") else level.ctes.get(name)
        if cte is not None:
            cte.references += 1
            known = None if columns else cte.columns
            return Source(alias or name, columns=known)
        table = self.table(fields)
        source = Source(alias or name, table, bare=alias is None, renamed=bool(columns))
        touch(source)
        return source

    def _subquery(self, fields: Node, left: list[Source], level: Level) -> Source:
        closed("RangeSubselect", fields, _SUBQUERY)
        parent = level.parent
        if fields.get("lateral"):
            parent = Level(parent, level.ctes, left)
        query = unwrap(as_node(fields.get("subquery")), "SelectStmt")
        names = self.select(query, level.ctes, parent)
        alias, columns = self.alias(fields)
        return Source(alias, columns=renamed(names, columns))

    def _join(self, fields: Node, left: list[Source], level: Level) -> Joined:
        closed("JoinExpr", fields, _JOIN)
        one, merged_one = self._from_item(as_node(fields.get("larg")), left, level)
        two, merged_two = self._from_item(as_node(fields.get("rarg")), left + one, level)
        both, merged = one + two, merged_one | merged_two
        if fields.get("isNatural"):
            read_whole(both)  # which columns are common only a catalogue tells
        using = strings(nodes(fields, "usingClause"))
        for name in using:
            self.merge_column(name, one, merged_one)
            self.merge_column(name, two, merged_two)
        merged |= frozenset(using)
        self.optional(fields, "quals", Level(level.parent, level.ctes, both, merged))
        return Joined(both, merged)

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
            cte.references = before  # reading itself does not make it used
            if kind != "SelectStmt":
                cte.references += 1  # it runs whether somebody reads it or not
            scope[name] = cte
        return scope, made

    @staticmethod
    def _declared(item: Node) -> frozenset[str] | None:
        names = strings(nodes(item, "aliascolnames"))
        kind, query = kind_of(as_node(item.get("ctequery")))
        while kind == "SelectStmt" and word(query, "op") != "SETOP_NONE":
            query = as_node(query.get("larg"))
        outputs = select_outputs(nodes(query, "targetList")) if kind == "SelectStmt" else None
        return renamed(outputs, names)

    def check_used(self, made: dict[str, Cte]) -> None:
        """Refuse a WITH query that nothing reads: the server drops it, rights and all.

        Raises:
            Unreadable: what it names would be required, and not be necessary.
        """
        for name, cte in made.items():
            if not cte.references:
                raise self.doubt("uncertain.sql_unused_query", name)


def renamed(names: list[str] | None, aliases: list[str]) -> frozenset[str] | None:
    """The output names after column aliases, which rename from the left."""
    if names is None or not aliases:
        return None if names is None else frozenset(names)
    return frozenset(aliases + names[len(aliases) :])
