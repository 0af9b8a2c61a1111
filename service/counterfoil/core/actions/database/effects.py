"""What a text does, as it is read: things, what is done to them, and the rights that needs.

A `Thing` is one object of the database, a `Use` one verb on it, a `Need` one privilege as
GRANT knows it. A `Batch` holds what the statements of one text have in common: what an
earlier one made belongs to the job, and its owner needs no grant on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from counterfoil.core.model import JsonValue

Span = tuple[int, int]
Key = tuple[str, str, str]
"""Name space (`relation`, `type`, `schema`, `function`), schema, name."""

RELATION = "relation"
TYPE = "type"
SCHEMA = "schema"
FUNCTION = "function"
TEMPORARY = "pg_temp"
OWNER = "owner"


class Need(NamedTuple):
    """One privilege on one object; `columns` None is the right on the whole of it."""

    kind: str
    path: tuple[str, ...]
    action: str
    columns: frozenset[str] | None = None


@dataclass(slots=True, eq=False)
class Use:
    """What one verb does to one thing: named columns, or all where none is or `whole`.

    `needs` None stands for the privilege of the verb's own name and USAGE of the schema.
    """

    location: int
    columns: set[str] = field(default_factory=set)
    whole: bool = False
    span: Span | None = None
    details: dict[str, JsonValue] | None = None
    needs: list[Need] | None = None

    def note(self, **details: JsonValue) -> None:
        """Add what policy and people should know of it."""
        self.details = {**(self.details or {}), **details}


@dataclass(slots=True, eq=False)
class Thing:
    """One object of the statement, however often it is named.

    `own` is true where an earlier statement of the same text made it, `only` where it is
    never named without ONLY. `identity` is what names it beside kind, schema and name.
    """

    kind: str
    schema: str
    name: str
    location: int = -1
    uses: dict[str, Use] = field(default_factory=dict)
    own: bool = False
    only: bool = False
    system: bool = False  # of the server's own catalogues
    identity: dict[str, JsonValue] | None = None
    span: Span | None = None

    def use(self, verb: str, at: int | None = None) -> Use:
        """Record that `verb` is done to it."""
        found = self.uses.get(verb)
        if found is None:
            found = self.uses[verb] = Use(self.location if at is None else at, span=self.span)
        return found

    @property
    def path(self) -> tuple[str, ...]:
        """Its path as GRANT names it."""
        return (self.schema, self.name)


class Effect(NamedTuple):
    """One operation and the rights that it needs; `columns` None where it names none."""

    thing: Thing
    verb: str
    columns: tuple[str, ...] | None
    span: Span
    details: dict[str, JsonValue]
    needs: Sequence[Need]


@dataclass(slots=True, eq=False)
class Batch:
    """What the statements of one text share."""

    own: set[Key] = field(default_factory=set)
    maybe: set[Key] = field(default_factory=set)  # made unless it was there
    gone: set[Key] = field(default_factory=set)  # dropped or renamed: the name means nothing now
    altered: set[tuple[str, str]] = field(default_factory=set)  # the catalogue is late for these
    moved: bool = False  # whether any of the three holds anything
    alone: bool = True  # whether the text holds one statement
    nodes: int = 0
    insertions: list[tuple[int, int, str]] = field(default_factory=list)  # start, end, text

    def made(self, keys: Iterable[Key], *, surely: bool) -> None:
        """These exist from here on, and are the job's where it `surely` made them."""
        self.moved = True
        for key in keys:
            self.gone.discard(key)
            (self.own if surely else self.maybe).add(key)

    def ended(self, keys: Iterable[Key]) -> None:
        """These names mean nothing from here on."""
        self.moved = True
        for key in keys:
            self.own.discard(key)
            self.maybe.discard(key)
            self.gone.add(key)
