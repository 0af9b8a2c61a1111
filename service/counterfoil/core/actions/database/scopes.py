"""Query levels: what a name can see, and which item of FROM may own a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from counterfoil.core.actions.database.effects import Thing
from counterfoil.core.actions.database.lists import SYSTEM_COLUMNS
from counterfoil.core.actions.database.source import checked_name

Columns = Mapping[str, str]
"""Visible name → the name in the table; the same name twice is the server's error."""


@dataclass(slots=True, eq=False)
class Source:
    """One item of FROM: a table, or a query whose output columns may be known."""

    alias: str | None
    thing: Thing | None = None
    bare: bool = False  # named by schema.table too: it has no alias
    renamed: bool = False  # column aliases hide the real column names
    columns: Columns | None = None
    inner: list[Source] = field(default_factory=list)  # of a subquery: what a lock reaches


@dataclass(slots=True, eq=False)
class Cte:
    """A WITH query: its output columns where they are known, and whether it is used."""

    columns: tuple[str, ...] | None
    references: int = 0


Ctes = Mapping[str, Cte]


@dataclass(slots=True, eq=False)
class Level:
    """One query level: its FROM items, the columns merged by USING, the query around it.

    `star` is what `*` stands for, in order, None where it is not known.
    """

    parent: Level | None
    ctes: Ctes
    sources: list[Source] = field(default_factory=list)
    merged: frozenset[str] = frozenset()
    star: list[str] | None = None


def touch(source: Source) -> None:
    """Reading from a table at all needs SELECT on some column of it."""
    if source.thing is not None:
        source.thing.use("select")


def read_whole(sources: Iterable[Source]) -> None:
    """All columns, or ones that cannot be attributed: SELECT on each, or on the table."""
    for source in sources:
        if source.thing is None:
            continue
        use = source.thing.use("select")
        if source.columns is None:
            use.whole = True
        else:
            use.columns.update(source.columns.values())


def read_one(source: Source, name: str) -> None:
    """One column of exactly this source."""
    if source.thing is None:
        return
    use = source.thing.use("select")
    if source.columns is not None:
        use.columns.add(source.columns.get(name, name))
    elif source.renamed:
        use.whole = True
    else:
        use.columns.add(checked_name(name))


def answers_to(source: Source, path: list[str]) -> bool:
    """By its alias; by schema and name only a table without one."""
    if len(path) == 1:
        return source.alias == path[0]
    thing = source.thing
    return source.bare and thing is not None and [thing.schema, thing.name] == path


def owners(name: str, level: Level) -> tuple[list[Source], Source | None, bool]:
    """Which sources could own `name`, the one that surely does, and whether the search ended.

    Where a known column is found, unknown tables of the same level cannot own the name too
    (the server would call it ambiguous), but those of the levels inside can.
    """
    candidates: list[Source] = []
    scope: Level | None = level
    while scope is not None:
        sources = scope.sources
        if name in scope.merged:
            return candidates, None, True
        for item in sources:
            if item.columns is not None and name in item.columns:
                return candidates, item, True
        candidates += [item for item in sources if _may_own(item, name)]
        scope = scope.parent
    return candidates, None, False


def _may_own(item: Source, name: str) -> bool:
    return item.columns is None or (item.thing is not None and name in SYSTEM_COLUMNS)


def row_named(name: str, level: Level) -> Source | None:
    """The item of that name, whose whole row a bare name may mean."""
    scope: Level | None = level
    while scope is not None:
        for item in scope.sources:
            if item.alias == name:
                return item
        scope = scope.parent
    return None


def read_any(candidates: list[Source], name: str) -> None:
    """One of several: exact where all are the same table, else each is read whole."""
    first = candidates[0]
    if all(item.thing is first.thing and not item.renamed for item in candidates):
        read_one(first, name)
    else:
        read_whole(candidates)
