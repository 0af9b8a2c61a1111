"""Whose column is it? Tables, aliases, CTEs and scopes, as PostgreSQL resolves them.

Without a catalogue nobody knows which columns a table has. A column is then attributed only
where exactly one table can own it; otherwise every table that could is read whole, and the
answer says `coarse`. With one, each column is attributed as the server would do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.database.catalogue import Catalogue, Relation
from counterfoil.core.actions.database.effects import (
    RELATION,
    SCHEMA,
    TEMPORARY,
    Batch,
    Span,
    Thing,
)
from counterfoil.core.actions.database.lists import ROW_FUNCTIONS, SYSTEM_COLUMNS
from counterfoil.core.actions.database.scopes import (
    Columns,
    Level,
    Source,
    answers_to,
    owners,
    read_any,
    read_one,
    read_whole,
    row_named,
)
from counterfoil.core.actions.database.source import (
    character,
    checked_name,
    quoted,
    span_at,
)
from counterfoil.core.actions.database.system import CATALOG, readable
from counterfoil.core.actions.database.tree import Node, closed, location, strings, unwrap, word

MAX_NODES: Final = 4_000  # an ordinary report has under 500; bounds our own walk to some 10 ms
MAX_DEPTH: Final = 100  # levels of expressions and queries; the parser's own tree ends near 490
_FREE_SOURCES: Final = 4  # a name among 16 tables costs as much as a node
DEFAULT_SCHEMA: Final = "public"

_RANGE_VAR: Final = frozenset(
    {"catalogname", "schemaname", "relname", "inh", "relpersistence", "alias", "location"}
)
_ALIAS: Final = frozenset({"aliasname", "colnames"})
_SYSTEM_SCHEMAS: Final = ("pg_", "information_schema")


class NameReader:
    """Holds one statement's things and resolves names against its scopes."""

    def __init__(
        self, text: str, database: str, batch: Batch, catalogue: Catalogue | None = None
    ) -> None:
        self.text = text
        self.database = database
        self.batch = batch
        self.catalogue = catalogue
        self.things: dict[tuple[str, ...], Thing] = {}
        self.altered: set[tuple[str, str]] = set()
        self.depth = 0
        self.queries = 0

    def doubt(self, code: str, detail: str = "", at: int = -1) -> Unreadable:
        """A reason for doubt at a place of the text."""
        return Unreadable(code, detail, span_at(self.text, at))

    def refusal(self, code: str, detail: str, span: tuple[int, int]) -> Unreadable:
        """A reason for doubt at a part of the text."""
        return Unreadable(code, detail, span)

    def enter(self) -> None:
        """Count a node and a level. The caller takes 1 off `depth` when it leaves.

        Raises:
            Unreadable: too many, or too deep.
        """
        self.batch.nodes += 1
        self.depth += 1
        if self.batch.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise Unreadable("uncertain.too_deep")

    def table(self, relation: Node, *, new: bool = False) -> Thing:
        """The relation that a RangeVar names; a bare name is one of the default schema.

        With `new` it is about to be made: of any persistence, and the name may have been
        dropped before.

        Raises:
            Unreadable: a system schema, another database, or a name that means nothing or
                not surely one thing by now.
        """
        closed("RangeVar", relation, _RANGE_VAR)
        at = location(relation)
        schema, name = word(relation, "schemaname"), word(relation, "relname")
        if relation.get("relpersistence") != "p" and not new:
            raise self.doubt("uncertain.sql_temporary", "", at)
        if "catalogname" in relation and relation["catalogname"] != self.database:
            raise self.doubt("uncertain.sql_other_database", word(relation, "catalogname"), at)
        if not schema:
            schema = self.schema_of(name, at)
        if new and self.batch.moved:
            self.batch.gone.discard((RELATION, schema, name))
        found = self.things.get((schema, name))
        if found is None:
            found = self.thing(schema, name, at)
            found.only = "inh" not in relation
        elif "inh" in relation:
            found.only = False
        return found

    def schema_of(self, name: str, at: int) -> str:
        """The schema of a bare name, which is written into what runs.

        Raises:
            Unreadable: the name may be a system catalogue's.
        """
        start = character(self.text, at)
        return self.qualified_at(name, start, span_at(self.text, at) or (start, start))

    def qualified_at(self, name: str, start: int, span: Span) -> str:
        """The schema of the bare name at a character of the text, written in front of it.

        Raises:
            Unreadable: the name may be a system catalogue's.
        """
        schema = self.bare_schema(name, span)
        self.batch.insertions.append((start, start, f"{quoted(schema)}."))
        return schema

    def bare_schema(self, name: str, span: Span) -> str:
        """The schema that a bare name of a relation stands for.

        Raises:
            Unreadable: the name may be a system catalogue's.
        """
        if name.startswith("pg_"):
            if readable(CATALOG, name):
                return CATALOG
            raise self.refusal("uncertain.sql_system_schema", name, span)
        here = (RELATION, TEMPORARY, name) in self.batch.own
        return TEMPORARY if here else DEFAULT_SCHEMA

    def thing(self, schema: str, name: str, at: int) -> Thing:
        """The relation of that name, which the statement has not named before.

        Raises:
            Unreadable: a system schema, or a name that means nothing, or not surely one
                thing, by now.
        """
        own = False
        if self.batch.moved:
            key = (RELATION, schema, name)
            own = key in self.batch.own
            if key in self.batch.gone or key in self.batch.maybe:
                raise self.doubt("uncertain.sql_moved_name", f"{schema}.{name}", at)
        system = readable(schema, name)
        if not system and (schema != TEMPORARY or not own):
            self.check_schema(schema, at)
        made = Thing("table", checked_name(schema), checked_name(name), at, own=own)
        made.system = system
        self.things[schema, name] = made
        return made

    def catalogue_use(self, name: str, at: int) -> None:
        """Something reads that relation of the server's own catalogues."""
        thing = self.things.get((CATALOG, name)) or self.thing(CATALOG, name, at)
        thing.use("select", at)

    def check_schema(self, schema: str, place: Span | int) -> None:
        """Refuse the system's schemas, and one that may or may not be the job's own.

        Raises:
            Unreadable: it is one of them.
        """
        code = "uncertain.sql_system_schema" if schema.startswith(_SYSTEM_SCHEMAS) else ""
        if not code and self.batch.moved:
            key = (SCHEMA, schema, "")
            if key in self.batch.maybe or key in self.batch.gone:
                code = "uncertain.sql_moved_name"
        if code:
            span = span_at(self.text, place) if isinstance(place, int) else place
            raise Unreadable(code, schema, span)

    def relation(self, thing: Thing) -> Relation | None:
        """What the catalogue knows of a relation; nothing of one that the text made."""
        return None if thing.own else self.known(thing.schema, thing.name)

    def known(self, schema: str, name: str) -> Relation | None:
        """What the catalogue knows of the relation of that name."""
        if self.catalogue is None or (schema, name) in self.batch.altered:
            return None
        return self.catalogue.relations.get((schema, name))

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

    def source(self, fields: Node) -> Source:
        """A RangeVar as an item of FROM, or as the table that a statement changes."""
        thing = self.table(fields)
        alias, names = self.alias(fields)
        columns = self.table_columns(thing, names)
        return Source(alias or thing.name, thing, alias is None, bool(names), columns)

    def table_columns(self, thing: Thing, names: Sequence[str] = ()) -> Columns | None:
        """Visible and real column names in order, where the catalogue knows them."""
        known = self.relation(thing)
        if known is None:
            return None
        real = list(known.columns)
        if len(names) > len(real):
            raise self.doubt("uncertain.sql_unknown_name", names[-1], thing.location)
        return dict(zip([*names, *real[len(names) :]], real, strict=True))

    def _search(self, level: Level) -> None:
        """Count what a search through many items of FROM costs.

        Raises:
            Unreadable: too many names over too many tables.
        """
        self.batch.nodes += len(level.sources) >> _FREE_SOURCES
        if self.batch.nodes > MAX_NODES:
            raise Unreadable("uncertain.too_deep")

    def column(self, name: str, level: Level, at: int) -> None:
        """Attribute an unqualified column name, innermost level first (colNameToVar).

        Raises:
            Unreadable: nothing in scope can own it.
        """
        self._search(level)
        candidates, owner, found = owners(name, level)
        if found:
            read_whole(candidates)
            if owner is not None:
                read_one(owner, name)
            return
        row = row_named(name, level)
        if row is not None:
            # Without such a column anywhere the name means this item's whole row.
            read_whole((*candidates, row))
        elif candidates:
            read_any(candidates, name)
        else:
            raise self.doubt("uncertain.sql_unknown_name", name, at)

    def merge_column(self, name: str, sources: Sequence[Source], merged: frozenset[str]) -> None:
        """One side of `USING (name)`: a column of that side."""
        if name in merged:
            return
        side = Level(None, {}, list(sources))
        candidates, owner, _ = owners(name, side)
        if owner is not None:
            read_one(owner, name)
        elif candidates:
            read_any(candidates, name)

    def qualified(self, fields: Sequence[Node], level: Level, at: int) -> None:
        """Attribute `alias.column`, `schema.table.column` or `….*`.

        Raises:
            Unreadable: no such item in scope, or `alias.function` notation.
        """
        source = self.named(strings(fields[:-1]), level, at)
        last = fields[-1]
        if "A_Star" in last:
            read_whole((source,))
            return
        name = word(unwrap(last, "String"), "sval")
        if source.columns is not None:
            # Where no such column is, the server looks for a function of the row.
            if name not in source.columns and not (source.thing and name in SYSTEM_COLUMNS):
                raise self.doubt("uncertain.sql_row_function", name, at)
        elif name in ROW_FUNCTIONS:
            raise self.doubt("uncertain.sql_row_function", name, at)
        read_one(source, name)

    def named(self, path: list[str], level: Level, at: int) -> Source:
        """The item of FROM that `alias` or `schema.table` names.

        Raises:
            Unreadable: there is none.
        """
        self._search(level)
        if len(path) == 3 and path[0] == self.database:  # noqa: PLR2004 -- database.schema.table
            path = path[1:]
        scope: Level | None = level
        while scope is not None:
            for source in scope.sources:
                if answers_to(source, path):
                    return source
            scope = scope.parent
        raise self.doubt("uncertain.sql_unknown_name", ".".join(path), at)
