"""What a dated snapshot of a database knows, indexed for the reader (docs/actions/database.md).

The snapshot is data of `schemas/catalogue_postgresql.json`; its seal, age and size were
checked before it came here. A relation that is not in it is read as without a catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from counterfoil.core.model import Snapshot

Name = tuple[str, str]
"""Schema and name."""
_SEQUENCE: Final = ("last_value", "log_cnt", "is_called")
_PLAIN_TYPES: Final = frozenset({"enum"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, and where a value comes from unless one is given.

    `source` is empty, `default`, `sequence`, `identity` or `generated`; `sequence` names
    the sequence whose USAGE such a default needs.
    """

    source: str = ""
    sequence: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger that runs a function: events are `insert`, `update`, `delete`, `truncate`."""

    name: str
    events: frozenset[str]
    function: Name
    definer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key of another relation that points to this one."""

    source: Name
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One relation of the snapshot.

    `unique` are the columns of each unique, primary key or exclusion constraint by name;
    `reads` are the relations and columns that a view's query reads; `code` names what of it
    runs somebody's own function; `dependents` are the columns (`*`: the whole) that something
    outside of it depends on beside foreign keys; `belongs_to` is the table of an index or of a
    sequence.
    """

    kind: str
    owner: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    unique: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    referenced_by: tuple[Reference, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rules: tuple[str, ...] = ()
    row_security: bool = False
    children: tuple[Name, ...] = ()
    partitioned: bool = False
    security_invoker: bool = False
    reads: Mapping[Name, tuple[str, ...]] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    dependents: frozenset[str] = frozenset()
    belongs_to: Name | None = None


class Relations(Mapping[Name, Relation]):
    """Relations by name, built when they are first looked up."""

    def __init__(self, raw: list[dict[str, Any]]) -> None:
        self._raw = {(item["schema"], item["name"]): item for item in raw}
        self._built: dict[Name, Relation] = {}
        self._references: dict[Name, list[Reference]] = {}
        for item in raw:
            for key in item.get("references", ()):
                self._references.setdefault((key["target"][0], key["target"][1]), []).append(
                    Reference(
                        source=(item["schema"], item["name"]),
                        columns=tuple(key["columns"]),
                        target_columns=tuple(key["target_columns"]),
                        on_delete=key["on_delete"],
                        on_update=key["on_update"],
                    )
                )

    def __getitem__(self, name: Name) -> Relation:
        found = self._built.get(name)
        if found is None:
            found = self._built[name] = self._relation(name, self._raw[name])
        return found

    def __iter__(self) -> Iterator[Name]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def _relation(self, name: Name, raw: dict[str, Any]) -> Relation:
        columns = {item["name"]: _column(item) for item in raw["columns"]}
        if raw["kind"] == "sequence":
            columns = dict.fromkeys(_SEQUENCE, Column())
        return Relation(
            kind=raw["kind"],
            owner=raw["owner"],
            columns=columns,
            key=tuple(raw.get("key", ())),
            unique={item["name"]: tuple(item["columns"]) for item in raw.get("unique", ())},
            referenced_by=tuple(self._references.get(name, ())),
            triggers=tuple(_trigger(item) for item in raw.get("triggers", ())),
            rules=tuple(raw.get("rules", ())),
            row_security=raw.get("row_security", False),
            children=tuple((schema, child) for schema, child in raw.get("children", ())),
            partitioned=raw.get("partitioned", False),
            security_invoker=raw.get("security_invoker", False),
            reads={
                (item["relation"][0], item["relation"][1]): tuple(item["columns"])
                for item in raw.get("reads", ())
            },
            code=tuple(raw.get("code", ())),
            dependents=frozenset(raw.get("dependents", ())),
            belongs_to=_name(raw.get("belongs_to")),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalogue:
    """A snapshot, by name; two are the same only where they are one object.

    `enums` are types whose values are plain labels.
    """

    digest: str
    taken_at: str
    relations: Relations
    enums: frozenset[Name] = frozenset()


@lru_cache(maxsize=4)  # a large one takes 40 MB of the child's 512
def _indexed(digest: str, taken_at: str, body: bytes) -> Catalogue:
    raw = json.loads(body)
    return Catalogue(
        digest=digest,
        taken_at=taken_at,
        relations=Relations(raw["relations"]),
        enums=frozenset(
            (item["schema"], item["name"]) for item in raw["types"] if item["kind"] in _PLAIN_TYPES
        ),
    )


def catalogue_of(snapshot: Snapshot | None) -> Catalogue | None:
    """The snapshot, indexed; the same object for the same snapshot.

    Raises:
        ValueError, KeyError: it is not of its schema, which its maker holds it to.
    """
    if snapshot is None:
        return None
    return _indexed(snapshot.digest, snapshot.taken_at, snapshot.body)


def _column(raw: dict[str, Any]) -> Column:
    return Column(source=raw.get("source", ""), sequence=_name(raw.get("sequence")))


def _trigger(raw: dict[str, Any]) -> Trigger:
    schema, name = raw["function"]
    return Trigger(
        name=raw["name"],
        events=frozenset(raw["events"]),
        function=(schema, name),
        definer=raw.get("definer", False),
    )


def _name(raw: list[str] | None) -> Name | None:
    return None if raw is None else (raw[0], raw[1])
