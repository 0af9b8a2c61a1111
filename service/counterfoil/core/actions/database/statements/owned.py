"""What only an object's owner may do: its things, its needs, its places in the text.

No GRANT gives these, so each needs the permission `owner` on exactly that object, and USAGE
of its schema, always (tried on PostgreSQL 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.actions.database.changes import ChangeReader
from counterfoil.core.actions.database.effects import (
    OWNER,
    RELATION,
    SCHEMA,
    TYPE,
    Need,
    Span,
    Thing,
    Use,
)
from counterfoil.core.actions.database.lexer import Path, places
from counterfoil.core.actions.database.names import DEFAULT_SCHEMA
from counterfoil.core.actions.database.source import checked_name, quoted
from counterfoil.core.actions.database.tree import Node, location

KINDS: Final = {
    "OBJECT_TABLE": "table",
    "OBJECT_FOREIGN_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized_view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_INDEX": "index",
    "OBJECT_TYPE": "type",
    "OBJECT_DOMAIN": "domain",
    "OBJECT_SCHEMA": "schema",
}
_GRANTED: Final = {"sequence": "sequence", "type": "type", "domain": "type", "schema": "schema"}
"""What GRANT and the permission call a kind; the others are tables to it."""
_MAX_PATH: Final = 3  # database.schema.name


def owner_need(kind: str, path: tuple[str, ...]) -> Need:
    """Ownership of an object of this kind."""
    return Need(_GRANTED.get(kind, "table"), path, OWNER)


def owned(reader: ChangeReader, relation: Node, kind: str, verb: str) -> tuple[Thing, Use]:
    """A relation that a RangeVar names, and the use of it that only its owner may make.

    Raises:
        Unreadable: see `NameReader.table`; an index whose table nobody knows.
    """
    thing = reader.table(relation)
    return thing, owned_use(reader, thing, kind, verb, location(relation))


def owned_use(reader: ChangeReader, thing: Thing, kind: str, verb: str, at: int) -> Use:
    """The use of `thing`, which is of `kind`, that only its owner may make.

    Raises:
        Unreadable: an index whose table nobody knows: its owner is the table's.
    """
    thing.kind = kind
    use = thing.use(verb, at)
    use.whole = True
    path = thing.path
    if kind == "index" and not thing.own:
        known = reader.relation(thing)
        if known is None or known.belongs_to is None:
            raise reader.doubt("uncertain.sql_index_owner", thing.name, at)
        path = known.belongs_to
        thing.identity = {"table": path[1]}
    if kind == "sequence":
        known = reader.relation(thing)
        if known is not None and known.belongs_to is not None:
            kind, path = "table", known.belongs_to  # its owner is the table's, always
    use.needs = [owner_need(kind, path), Need("schema", (thing.schema,), "usage")]
    return use


def cascades(reader: ChangeReader, thing: Thing, column: str | None, at: int) -> bool:
    """Read CASCADE of a relation, or of one column, where the catalogue shows what it reaches.

    Foreign keys that point to it are dropped from their tables: each is an `alter` of its
    table, which the server asks no right for. False where nobody knows what else is reached.
    """
    known = reader.relation(thing)
    if known is None:
        return thing.own
    if (column in known.dependents) if column is not None else known.dependents:
        return False
    for key in known.referenced_by:
        if column is not None and column not in key.target_columns:
            continue
        if key.source == (thing.schema, thing.name):
            continue
        other = reader.things.get(key.source) or reader.thing(*key.source, thing.location)
        use = other.use("alter", at)
        use.whole, use.needs = True, use.needs or []
        use.note(through="cascade", changes=[{"form": "drop_constraint"}])
    return True


def named(
    reader: ChangeReader, paths: Sequence[Sequence[str]], span: Span, kind: str
) -> list[Thing]:
    """Things that the statement in `span` names by lists without places, in their order.

    Raises:
        Unreadable: a bare name whose place is not sure, another database, or too long a path.
    """
    found = places(reader.text, *span, paths)
    return [
        _named(reader, list(path), place, span, kind)
        for path, place in zip(paths, found, strict=True)
    ]


def _named(
    reader: ChangeReader, path: list[str], place: Path | None, span: Span, kind: str
) -> Thing:
    shown = (place.start, place.end) if place is not None else span
    if len(path) == _MAX_PATH:
        if path[0] != reader.database:
            raise reader.refusal("uncertain.sql_other_database", path[0], shown)
        path = path[1:]
    if len(path) > _MAX_PATH:
        raise reader.refusal("uncertain.sql_unknown_name", ".".join(path), shown)
    space = TYPE if kind in {"type", "domain"} else RELATION
    if len(path) == 1:
        if place is None:
            raise reader.refusal("uncertain.sql_unqualified_name", path[0], shown)
        if space == RELATION:
            path = [reader.qualified_at(path[0], place.start, shown), path[0]]
        else:
            reader.batch.insertions.append((place.start, place.start, f"{quoted(DEFAULT_SCHEMA)}."))
            path = [DEFAULT_SCHEMA, path[0]]
    schema, name = path
    reader.enter()
    reader.depth -= 1
    key: tuple[str, ...] = (schema, name) if space == RELATION else (TYPE, schema, name)
    thing = reader.things.get(key)
    if thing is None:
        if space == RELATION:
            thing = reader.thing(schema, name, -1)
        else:
            own = (TYPE, schema, name) in reader.batch.own
            reader.check_schema(schema, shown)
            thing = Thing(kind, checked_name(schema), checked_name(name), own=own)
            reader.things[key] = thing
    thing.span = thing.span or shown
    return thing


def schema_use(reader: ChangeReader, name: str, verb: str, span: Span) -> Use:
    """The use of a schema, named without a place, that only its owner may make.

    Raises:
        Unreadable: a system schema, or one whose name was moved.
    """
    (place,) = places(reader.text, *span, [[name]])
    shown = span if place is None else (place.start, place.end)
    reader.check_schema(name, shown)
    key = (SCHEMA, name, "")
    own = key in reader.batch.own
    thing = reader.things[key] = Thing("schema", checked_name(name), "", span=shown, own=own)
    use = thing.use(verb)
    use.whole = True
    use.needs = [Need("schema", (name,), OWNER)]
    return use
