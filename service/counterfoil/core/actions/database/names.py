"""Whose column is it? Tables, aliases, CTEs and scopes, as PostgreSQL resolves them.

There is no catalogue, so which columns a table has is unknown. A column is attributed
only where exactly one table can own it; otherwise every table that could is read whole,
and the answer says `coarse`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.lists import ROW_FUNCTIONS
from counterfoil.core.actions.database.source import checked_name, span_at
from counterfoil.core.actions.database.tree import Node, closed, location, strings, unwrap, word

MAX_NODES = 4_000  # an ordinary report has under 500; bounds our own walk to some 10 ms
MAX_DEPTH = 100  # levels of expressions and queries; the parser's own tree ends near 490

_RANGE_VAR = frozenset(
    {"catalogname", "schemaname", "relname", "inh", "relpersistence", "alias", "location"}
)
_ALIAS = frozenset({"aliasname", "colnames"})
_SYSTEM_SCHEMAS = ("pg_", "information_schema")


@dataclass(slots=True, eq=False)
class Use:
    """What one verb does to one table: named columns, or all where none is or `whole`."""

    location: int
    columns: set[str] = field(default_factory=set)
    whole: bool = False


@dataclass(slots=True, eq=False)
class Table:
    """One table of the statement, however often it is named."""

    schema: str
    name: str
    uses: dict[str, Use] = field(default_factory=dict)
    location: int = -1

    def use(self, verb: str, at: int | None = None) -> Use:
        """Record that `verb` is needed on this table."""
        found = self.uses.get(verb)
        if found is None:
            found = self.uses[verb] = Use(self.location if at is None else at)
        return found


@dataclass(slots=True, eq=False)
class Source:
    """One item of FROM: a table, or a query whose output columns may be known."""

    alias: str | None
    table: Table | None = None
    bare: bool = False  # named by schema.table too: it has no alias
    renamed: bool = False  # column aliases hide the real column names
    columns: frozenset[str] | None = None


@dataclass(slots=True, eq=False)
class Cte:
    """A WITH query: its output columns where they are known, and whether it is used."""

    columns: frozenset[str] | None
    references: int = 0


Ctes = Mapping[str, Cte]


@dataclass(slots=True, eq=False)
class Level:
    """One query level: its FROM items, the columns merged by USING, the query around it."""

    parent: Level | None
    ctes: Ctes
    sources: list[Source] = field(default_factory=list)
    merged: frozenset[str] = frozenset()


def touch(source: Source) -> None:
    """Reading from a table at all needs SELECT on some column of it."""
    if source.table is not None:
        source.table.use("select")


def read_whole(sources: Iterable[Source]) -> None:
    """All columns, or ones that cannot be attributed: SELECT on the table."""
    for source in sources:
        if source.table is not None:
            source.table.use("select").whole = True


def read_one(source: Source, name: str) -> None:
    """One column of exactly this source."""
    if source.table is not None:
        use = source.table.use("select")
        if source.renamed:
            use.whole = True
        else:
            use.columns.add(checked_name(name))


class NameReader:
    """Holds one statement's tables and resolves names against its scopes."""

    def __init__(self, text: str, database: str) -> None:
        self.text = text
        self.database = database
        self.tables: dict[tuple[str, str], Table] = {}
        self.nodes = 0
        self.depth = 0

    def doubt(self, code: str, detail: str = "", at: int = -1) -> Unreadable:
        """A reason for doubt at a place of the text."""
        return Unreadable(code, detail, span_at(self.text, at))

    def enter(self) -> None:
        """Count a node and a level. The caller takes 1 off `depth` when it leaves.

        Raises:
            Unreadable: too many, or too deep.
        """
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise Unreadable("uncertain.too_deep")

    def table(self, relation: Node) -> Table:
        """The table that a RangeVar names with its schema.

        Raises:
            Unreadable: no schema, a system schema, another database, or a temporary table.
        """
        closed("RangeVar", relation, _RANGE_VAR)
        at = location(relation)
        schema, name = word(relation, "schemaname"), word(relation, "relname")
        if word(relation, "relpersistence") != "p":
            raise self.doubt("uncertain.sql_temporary", "", at)
        if not schema:
            raise self.doubt("uncertain.sql_unqualified_name", name, at)
        if schema.startswith(_SYSTEM_SCHEMAS):
            raise self.doubt("uncertain.sql_system_schema", schema, at)
        catalog = word(relation, "catalogname")
        if catalog and catalog != self.database:
            raise self.doubt("uncertain.sql_other_database", catalog, at)
        key = (schema, name)
        found = self.tables.get(key)
        if found is None:
            table = Table(checked_name(schema), checked_name(name), location=at)
            found = self.tables[key] = table
        return found

    def alias(self, fields: Node) -> tuple[str | None, list[str]]:
        """The alias of a FROM item and its column aliases.

        Raises:
            Unreadable: a name that servers may read differently.
        """
        alias = fields.get("alias")
        if not isinstance(alias, dict):
            return None, []
        closed("Alias", alias, _ALIAS)
        columns = alias.get("colnames")
        names = strings(columns) if isinstance(columns, list) else []
        return checked_name(word(alias, "aliasname")), names

    def column(self, name: str, level: Level, at: int) -> None:
        """Attribute an unqualified column name, innermost level first (colNameToVar).

        Raises:
            Unreadable: nothing in scope can own it.
        """
        candidates, owned = _candidates(name, level)
        row = None if owned else _row(name, level)
        if row is not None:
            # Without such a column anywhere the name means this item's whole row.
            read_whole((*candidates, row))
        elif owned:
            read_whole(candidates)
        elif candidates:
            _read_any(candidates, name)
        else:
            raise self.doubt("uncertain.sql_unknown_name", name, at)

    def merge_column(self, name: str, sources: Sequence[Source], merged: frozenset[str]) -> None:
        """One side of `USING (name)`: a column of that side."""
        if name in merged:
            return
        side = Level(None, {}, list(sources))
        candidates, owned = _candidates(name, side)
        if candidates and not owned:
            _read_any(candidates, name)

    def qualified(self, fields: Sequence[Node], level: Level, at: int) -> None:
        """Attribute `alias.column`, `schema.table.column` or `….*`.

        Raises:
            Unreadable: no such item in scope, or `alias.function` notation.
        """
        source = self._named(strings(fields[:-1]), level, at)
        last = fields[-1]
        if "A_Star" in last:
            read_whole((source,))
            return
        name = word(unwrap(last, "String"), "sval")
        if name in ROW_FUNCTIONS:
            raise self.doubt("uncertain.sql_row_function", name, at)
        read_one(source, name)

    def _named(self, path: list[str], level: Level, at: int) -> Source:
        if len(path) == 3 and path[0] == self.database:  # noqa: PLR2004 -- database.schema.table
            path = path[1:]
        scope: Level | None = level
        while scope is not None:
            for source in scope.sources:
                if _answers_to(source, path):
                    return source
            scope = scope.parent
        raise self.doubt("uncertain.sql_unknown_name", ".".join(path), at)


def _answers_to(source: Source, path: list[str]) -> bool:
    """By its alias; by schema and name only a table without one."""
    if len(path) == 1:
        return source.alias == path[0]
    table = source.table
    return source.bare and table is not None and [table.schema, table.name] == path


def _candidates(name: str, level: Level) -> tuple[list[Source], bool]:
    """Which sources could own `name`, and whether a known column ends the search outwards.

    Where a known column is found, tables of the same level cannot own the name too (the
    server would call it ambiguous), but those of the levels inside can.
    """
    candidates: list[Source] = []
    scope: Level | None = level
    while scope is not None:
        sources = scope.sources
        if name in scope.merged or any(
            item.columns is not None and name in item.columns for item in sources
        ):
            return candidates, True
        candidates += [item for item in sources if item.columns is None]
        scope = scope.parent
    return candidates, False


def _row(name: str, level: Level) -> Source | None:
    scope: Level | None = level
    while scope is not None:
        for item in scope.sources:
            if item.alias == name:
                return item
        scope = scope.parent
    return None


def _read_any(candidates: list[Source], name: str) -> None:
    """One of several: exact where all are the same table, else each is read whole."""
    first = candidates[0]
    if all(item.table is first.table and not item.renamed for item in candidates):
        read_one(first, name)
    else:
        read_whole(candidates)
