"""What a role owns in this database, and which of it the decision named.

`pg_shdepend` lists every object that a role owns, of every kind there is or will be: what is
not known here is not decided, and is dropped. Indexes, row types and toast follow their table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil_issuers.postgresql.server import Database

_OWNED: Final = """
    SELECT s.classid::int8, s.objid::int8, i.type, i.schema, i.name, i.identity
    FROM pg_shdepend s, LATERAL pg_identify_object(s.classid, s.objid, 0) i
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %s AND s.deptype = 'o'
      AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY i.type, i.identity"""
_FOLLOWED: Final = """
    SELECT d.refobjid::int8 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
      AND d.objid = %s AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"""
# Code of somebody's own behind a default, a check, a generated column, an index, a domain: the
# interpreters read no statement that has any, so what has some is not what was decided.
_CALLS: Final = """
    WITH part (class, id) AS (
      SELECT %(class)s::oid, %(id)s::oid
      UNION SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = %(id)s
      UNION SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
            WHERE conrelid = %(id)s OR contypid = %(id)s
      UNION SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE ev_class = %(id)s
      UNION SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = %(id)s)
    SELECT DISTINCT d.refobjid::regprocedure::text FROM pg_depend d JOIN part
      ON d.classid = part.class AND d.objid = part.id
    JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE d.refclassid = 'pg_proc'::regclass AND n.nspname <> 'pg_catalog'"""
_READS: Final = """
    SELECT DISTINCT n.nspname, c.relname, a.attname
    FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
    WHERE r.ev_class = %(id)s AND c.oid <> r.ev_class AND n.nspname <> 'pg_catalog'"""
# What the interpreter calls it → what pg_identify_object does, and ALTER … OWNER TO.
WORDS: Final = {
    "table": "TABLE",
    "view": "VIEW",
    "materialized view": "MATERIALIZED VIEW",
    "sequence": "SEQUENCE",
    "type": "TYPE",
    "schema": "SCHEMA",
    "statistics object": "STATISTICS",
}
_KINDS: Final = {
    "table": "table",
    "view": "view",
    "materialized_view": "materialized view",
    "sequence": "sequence",
    "type": "type",
    "domain": "type",
    "schema": "schema",
    "statistics": "statistics object",
}


@dataclass(frozen=True, slots=True)
class Owned:
    """One object, as `pg_identify_object` names it; `path` is schema and name, or one of them."""

    class_id: int
    object_id: int
    kind: str
    path: tuple[str, ...]
    identity: str

    @property
    def code(self) -> str:
        """Its kind as part of a finding's code."""
        return self.kind.replace(" ", "_")


def owned_by(connection: Database, role_id: int) -> list[Owned]:
    """Everything that the role owns here, but for what follows another object of its."""
    found = []
    for class_id, object_id, kind, schema, name, identity in connection.execute(
        _OWNED, (role_id,)
    ).fetchall():
        path = tuple(part for part in (_plain(schema), _plain(name)) if part is not None)
        found.append(Owned(class_id, object_id, kind, path, identity))
    ids = {one.object_id for one in found}
    return [one for one in found if not _follows(connection, one, ids)]


def decided(operations: Sequence[JsonObject]) -> dict[tuple[str, tuple[str, ...]], JsonObject]:
    """The objects that the decision's operations make, by kind and final path."""
    found: dict[tuple[str, tuple[str, ...]], JsonObject] = {}
    for operation in operations:
        if operation.get("verb") != "create":
            continue
        thing = cast("JsonObject", operation.get("object", {}))
        kind = _KINDS.get(str(thing.get("kind")))
        if kind is not None:
            found[kind, moved(_path(thing), operations)] = operation
    return found


def moved(path: tuple[str, ...], operations: Sequence[JsonObject]) -> tuple[str, ...]:
    """Where an object is after all renames of the decision."""
    for operation in operations:
        thing = cast("JsonObject", operation.get("object", {}))
        if operation.get("verb") != "alter" or _path(thing) != path:
            continue
        for change in changes(operation):
            if change.get("form") == "rename":
                path = (*path[:-1], str(change.get("to")))
            elif change.get("form") == "set_schema":
                path = (str(change.get("to")), *path[1:])
    return path


def changes(operation: JsonObject) -> Sequence[JsonObject]:
    """The changes of an `alter`."""
    details = cast("JsonObject", operation.get("details", {}))
    return cast("Sequence[JsonObject]", details.get("changes", ()))


def about(path: tuple[str, ...], operations: Sequence[JsonObject]) -> list[JsonObject]:
    """The operations on the object that was at `path` before."""
    return [one for one in operations if _path(cast("JsonObject", one.get("object", {}))) == path]


def foreign_calls(connection: Database, thing: Owned) -> list[str]:
    """The functions of somebody's own that run when the object is used."""
    values = {"class": thing.class_id, "id": thing.object_id}
    return [str(row[0]) for row in connection.execute(_CALLS, values)]


def undecided_reads(
    connection: Database, thing: Owned, operations: Sequence[JsonObject]
) -> list[str]:
    """What a view's query reads, with its owner's rights, and no operation reads through it."""
    allowed = {
        _path(cast("JsonObject", one.get("object", {}))): one.get("columns")
        for one in operations
        if one.get("verb") == "select"
    }
    found = []
    for schema, name, column in connection.execute(_READS, {"id": thing.object_id}):
        columns: JsonValue = allowed.get((schema, name), ())
        whole = (schema, name) in allowed and columns is None
        named = isinstance(columns, (list, tuple)) and column in columns
        if not whole and not named and not (column is None and (schema, name) in allowed):
            found.append(f"{schema}.{name}" + (f".{column}" if column else ""))
    return found


def _path(thing: JsonObject) -> tuple[str, ...]:
    names: list[Any] = [thing.get("schema"), thing.get("name")]
    return tuple(str(name) for name in names if name is not None)


def _plain(name: str | None) -> str | None:
    if name is not None and name.startswith('"'):
        return name[1:-1].replace('""', '"')
    return name


def _follows(connection: Database, thing: Owned, ids: set[int]) -> bool:
    if thing.kind != "sequence":
        return False
    found = connection.execute(_FOLLOWED, (thing.object_id,)).fetchall()
    return any(table in ids for (table,) in found)
