"""What a dated snapshot of a database knows, indexed for the reader (docs/actions/database.md).

The snapshot is data of `schemas/catalogue_postgresql.json`; its seal, age and size were
checked before it came here. A relation that is not in it is read as without a catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Name = tuple[str, str]
"""Schema and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its type's schema and name, and where a value comes from unless given.

    `source` is empty, `default`, `sequence`, `identity` or `generated`; `sequence` names
    the sequence whose USAGE a `serial` default needs.
    """

    type: Name
    source: str = ""
    sequence: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger that runs a function: events are `insert`, `update`, `delete`, `truncate`."""

    name: str
    events: frozenset[str]
    function: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key of this relation: its own columns, and those it points to."""

    columns: tuple[str, ...]
    target: Name
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One relation of the snapshot.

    `unique` are the columns of each unique, primary key or exclusion constraint by name;
    `reads` are the relations and columns that a view's query reads.
    """

    kind: str
    owner: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    unique: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[str, ...] = ()
    row_security: bool = False
    partitions: tuple[Name, ...] = ()
    security_invoker: bool = False
    reads: Mapping[Name, tuple[str, ...]] = field(default_factory=dict)
    index_of: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalogue:
    """A snapshot, by name; two are the same only where they are one object.

    `enums` are types whose values are plain labels.
    """

    digest: str
    taken_at: str
    relations: Mapping[Name, Relation]
    referencing: Mapping[Name, tuple[Name, ...]] = field(default_factory=dict)
    enums: frozenset[Name] = frozenset()
