"""From a statement's uses to operations, permissions and what everybody has anyway."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions.database.alter import StatementReader
from counterfoil.core.actions.database.names import Table, Use
from counterfoil.core.actions.database.source import quoted, span_at
from counterfoil.core.model import (
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Operation,
    Permission,
)

SESSION: Final[JsonObject] = {
    "search_path": "pg_catalog, pg_temp",  # nothing of anybody else's answers to a bare name
    "standard_conforming_strings": "on",  # off moves the end of a string
    "client_encoding": "UTF8",
}
_VERBS: Final = ("create", "alter", "drop", "references", "insert", "update", "delete", "select")
_OWNERS_ALONE: Final = frozenset({"alter", "drop"})  # no GRANT gives these
_COLUMN_VERBS: Final = frozenset({"references", "insert", "update", "select"})
AMBIENT_SCHEMA: Final = "public"
ASSUMES: Final = ("plain-table",)
"""What is assumed of a table that exists: no trigger, rule, view body, default, row
policy or type of it runs code of its own. Only a catalogue tells."""
ASSUMES_OF_DROP: Final = (*ASSUMES, "no-partitions")
"""DROP TABLE takes a table's partitions with it, whoever owns them (tried on PostgreSQL 18)."""


def answer(reader: StatementReader, location: str, arguments: JsonObject) -> Interpretation:
    """The interpretation of a statement that was read to its end."""
    uses = _ordered(reader)
    operations = tuple(_operation(reader, table, verb, use) for table, verb, use in uses)
    if not operations:
        # A statement that touches no object still runs in the database.
        connect: JsonObject = {"kind": "database", "database": reader.database}
        operations = (Operation(family="database", verb="connect", object=connect, span=None),)
    required, ambient = _permissions(reader, uses, location)
    return Interpretation(
        operations=operations,
        required=required,
        ambient=ambient,
        execute=Execute(arguments=arguments, session=SESSION),
    )


def _ordered(reader: StatementReader) -> list[tuple[Table, str, Use]]:
    """All uses in the order of the text, each verb of each table once."""
    uses = [
        (table, verb, use) for table in reader.tables.values() for verb, use in table.uses.items()
    ]
    if len(uses) > 1:
        uses.sort(key=lambda item: (item[2].location, _VERBS.index(item[1])))
    return uses


def _columns(verb: str, use: Use) -> list[str] | None:
    """The columns that are named, None for the right on the whole table."""
    if use.whole or not use.columns or verb not in _COLUMN_VERBS:
        return None
    return sorted(use.columns)


def _operation(reader: StatementReader, table: Table, verb: str, use: Use) -> Operation:
    columns = _columns(verb, use)
    details: dict[str, JsonValue] = {}
    if columns is None and verb in _COLUMN_VERBS:
        details["coarse"] = True
    if verb != "create":
        details["assumes"] = list(ASSUMES_OF_DROP if verb == "drop" else ASSUMES)
    if verb == "alter":
        details["changes"] = list(reader.changes)
    return Operation(
        family="database",
        verb=verb,
        object={
            "kind": "table",
            "database": reader.database,
            "schema": table.schema,
            "name": table.name,
        },
        columns=None if columns is None else tuple(columns),
        span=span_at(reader.text, use.location),
        details=details,
    )


def _permissions(
    reader: StatementReader, uses: list[tuple[Table, str, Use]], location: str
) -> tuple[tuple[Permission, ...], tuple[Permission, ...]]:
    """Required and ambient. Equal objects and actions are one permission."""
    required: list[Permission] = []
    creates: dict[str, list[int]] = {}
    schemas: dict[str, list[int]] = {}
    for index, (table, verb, use) in enumerate(uses):
        if verb == "create" or (verb == "alter" and reader.uses_schema):
            creates.setdefault(table.schema, []).append(index)
        if verb != "create":
            name = f"{quoted(table.schema)}.{quoted(table.name)}"
            right = "owner" if verb in _OWNERS_ALONE else verb
            columns = _columns(verb, use)
            required.append(
                _permission(location, "table", name, right, operations=[index], columns=columns)
            )
        elif not reader.uses_schema:
            continue  # CREATE TABLE s.t needs no USAGE of s
        schemas.setdefault(table.schema, []).append(index)
    required[:0] = [
        _permission(location, "schema", quoted(name), "create", operations=indexes)
        for name, indexes in creates.items()
    ]
    ambient = [_permission(location, "database", quoted(reader.database), "connect")]
    for name, indexes in schemas.items():
        if name == AMBIENT_SCHEMA:
            ambient.append(_permission(location, "schema", quoted(name), "usage"))
        else:
            required.append(
                _permission(location, "schema", quoted(name), "usage", operations=indexes)
            )
    return tuple(required), tuple(ambient)


def _permission(
    location: str,
    kind: str,
    identifier: str,
    action: str,
    *,
    operations: list[int] | None = None,
    columns: list[str] | None = None,
) -> Permission:
    permission: dict[str, JsonValue] = {
        "type": "postgresql",
        "locations": [location],
        "object": kind,
        "identifier": identifier,
        "actions": [action],
    }
    if columns is not None:
        permission["columns"] = columns
    if operations is not None:
        permission["operations"] = operations
    return permission
