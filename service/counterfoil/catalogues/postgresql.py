"""Takes the snapshot of a PostgreSQL database, with nothing but the right to connect.

Everything is in `pg_catalog`, which every role may read. One read-only transaction, so that
the parts belong together; the result is of `schemas/catalogue_postgresql.json`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from counterfoil.catalogues.queries import QUERIES

Row = list[Any]
Run = Callable[[str], list[Row]]
"""Runs one query and returns its rows."""

FORMAT: Final = "postgresql/1"
_KINDS: Final = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized_view",
    "f": "foreign_table",
    "S": "sequence",
    "i": "index",
    "I": "index",
    "c": "composite",
}
_ACTIONS: Final = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}
_EVENTS: Final = ((4, "insert"), (8, "delete"), (16, "update"), (32, "truncate"))
_TYPES: Final = {"e": "enum", "d": "domain", "c": "composite", "r": "range", "m": "multirange"}


def snapshot(run: Run) -> dict[str, Any]:
    """The catalogue of the connected database."""
    run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        # Nobody's function or operator answers to a name of these queries.
        run("SET LOCAL search_path = pg_catalog, pg_temp")
        rows = {name: run(query) for name, query in QUERIES.items()}
    finally:
        run("ROLLBACK")
    ((version, database),) = rows["server"]
    relations = {oid: _relation(row) for oid, *row in rows["relations"]}
    _columns(relations, rows)
    _constraints(relations, rows["constraints"])
    _behaviour(relations, rows)
    return {
        "format": FORMAT,
        "server_version": version,
        "database": database,
        "relations": list(relations.values()),
        "types": [
            {"schema": schema, "name": name, "kind": _TYPES.get(kind, "base")}
            for schema, name, kind in rows["types"]
        ],
    }


def _relation(row: Row) -> dict[str, Any]:
    schema, name, kind, owner, row_security, options = row
    made: dict[str, Any] = {
        "schema": schema,
        "name": name,
        "kind": _KINDS[kind],
        "owner": owner,
        "columns": [],
    }
    if kind == "p":
        made["partitioned"] = True
    if row_security:
        made["row_security"] = True
    if any(option in {"security_invoker=true", "security_invoker=on"} for option in options or ()):
        made["security_invoker"] = True
    return made


def _columns(relations: dict[int, dict[str, Any]], rows: dict[str, list[Row]]) -> None:
    sequences = {
        (table, column): [schema, name] for table, column, schema, name in rows["sequences"]
    }
    for table, number, name, has_default, identity, generated in rows["columns"]:
        if table not in relations:
            continue
        column: dict[str, Any] = {"name": name}
        if identity:
            column["source"] = "identity"
        elif generated:
            column["source"] = "generated"
        elif (table, number) in sequences:
            column["source"] = "sequence"
            column["sequence"] = sequences[table, number]
        elif has_default:
            column["source"] = "default"
        relations[table]["columns"].append(column)


def _constraints(relations: dict[int, dict[str, Any]], rows: Iterable[Row]) -> None:
    for table, name, kind, columns, target, target_columns, on_delete, on_update in rows:
        relation = relations.get(table)
        if relation is None:
            continue
        if kind == "f":
            other = relations.get(target)
            if other is not None:
                relation.setdefault("references", []).append(
                    {
                        "columns": columns,
                        "target": [other["schema"], other["name"]],
                        "target_columns": target_columns,
                        "on_delete": _ACTIONS[on_delete],
                        "on_update": _ACTIONS[on_update],
                    }
                )
            continue
        relation.setdefault("unique", []).append({"name": name, "columns": columns})
        if kind == "p":
            relation["key"] = columns


def _behaviour(relations: dict[int, dict[str, Any]], rows: dict[str, list[Row]]) -> None:
    """Triggers, rules, children, what views read, what runs somebody's own function."""
    for table, name, bits, schema, function, definer in rows["triggers"]:
        if table in relations:
            trigger: dict[str, Any] = {
                "name": name,
                "events": [event for bit, event in _EVENTS if bits & bit],
                "function": [schema, function],
            }
            if definer:
                trigger["definer"] = True
            relations[table].setdefault("triggers", []).append(trigger)
    for table, name in rows["rules"]:
        if table in relations:
            relations[table].setdefault("rules", []).append(name)
    for parent, child in rows["children"]:
        if parent in relations and child in relations:
            other = relations[child]
            relations[parent].setdefault("children", []).append([other["schema"], other["name"]])
    for table, belongs_to in rows["belongings"]:
        if table in relations and belongs_to in relations:
            other = relations[belongs_to]
            relations[table]["belongs_to"] = [other["schema"], other["name"]]
    for table, what in rows["code"]:
        if table in relations:
            relations[table].setdefault("code", []).append(what)
    for table, column in rows["dependents"]:
        if table in relations:
            relations[table].setdefault("dependents", []).append(column)
    _reads(relations, rows["reads"])


def _reads(relations: dict[int, dict[str, Any]], rows: Iterable[Row]) -> None:
    found: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for view, table, column in rows:
        if view in relations and table in relations:
            columns = found[view][table]
            if column is not None:
                columns.append(column)
    for view, tables in found.items():
        relations[view]["reads"] = [
            {
                "relation": [relations[table]["schema"], relations[table]["name"]],
                "columns": columns or [item["name"] for item in relations[table]["columns"]],
            }
            for table, columns in tables.items()
        ]
