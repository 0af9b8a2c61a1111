"""MySQL and SQLite: the dialects of the `database` family that sqlglot reads.

    1. every character, every word               lexer.py
    2. one statement, every node on a list       grammar.py, nodes.py
    3. names to objects and columns              queries.py, changes.py, definitions.py
    4. the text that runs, read again            grammar.py; both readings are the same
    5. operations and rights                     rights.py, here

PostgreSQL has its own reader (`database`): its own grammar can be had. The resource's type
says which is meant. What is not on a list is `uncertain` (docs/actions/mysql.md, sqlite.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlglot import exp

from counterfoil.core.actions import database
from counterfoil.core.actions.contract import Limits, Unreadable, check_size, command_text
from counterfoil.core.actions.dialects.changes import delete, insert, update
from counterfoil.core.actions.dialects.definitions import alter, create, drop, truncate
from counterfoil.core.actions.dialects.found import Found, Use
from counterfoil.core.actions.dialects.grammar import canonical, parse
from counterfoil.core.actions.dialects.lexer import MYSQL, SQLITE
from counterfoil.core.actions.dialects.queries import QUERIES, Reader
from counterfoil.core.actions.dialects.rights import (
    Right,
    functions_of,
    merged,
    mysql_rights,
    sqlite_rights,
)
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Operation,
    Permission,
)

_MYSQL: Final = re.compile(
    r"(mysql|mariadb)://[A-Za-z0-9._~:@\[\]-]+/([a-z_][a-z0-9_]{0,63})", re.ASCII
)
_SQLITE: Final = re.compile(r"sqlite:/[A-Za-z0-9._~/-]+", re.ASCII)
_SESSIONS: Final[Mapping[str, JsonObject]] = {
    MYSQL: {
        "sql_mode": "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES",
        "character_set": "utf8mb4",  # in some others the second byte of a letter is a quote
    },
    SQLITE: {
        "authorizer": "required",  # SQLite knows no rights
        "load_extension": "off",
        "trusted_schema": "off",
        "writable_schema": "off",
    },
}
_READERS: Final[dict[type[exp.Expr], Callable[[Found, Any], None]]] = {
    exp.Insert: insert,
    exp.Update: update,
    exp.Delete: delete,
    exp.Create: create,
    exp.Drop: drop,
    exp.Alter: alter,
    exp.TruncateTable: truncate,
}


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read a command for a database of any kind, by the type of the resource.

    Raises:
        Unreadable: anything in it, or in the resource, is not known.
        RecursionError: nested deeper than a parser's tree goes.
    """
    resource = command.resource
    if resource is None or resource.type not in {MYSQL, SQLITE}:
        return database.interpret(command, limits)
    text = command_text(command)
    check_size(text, limits.sql_bytes)
    if resource.type == MYSQL:
        place = _MYSQL.fullmatch(resource.location)
        home, server, name = (place[2], place[1], place[2]) if place else ("", "", "")
    else:
        place = _SQLITE.fullmatch(resource.location)
        home, server, name = "main", SQLITE, resource.id
    if place is None:
        raise Unreadable("uncertain.resource_location", "no database is named")
    runs, found = _understood(text, resource.type, home)
    arguments = command.arguments
    if runs != text:
        arguments = {**arguments, command.command_argument or "": runs}
    uses = list(found.uses.values())
    required, ambient = _permissions(uses, found, server, resource.location, runs)
    return Interpretation(
        operations=tuple(_operation(use, found, name) for use in uses),
        required=tuple(required),
        ambient=tuple(ambient),
        execute=Execute(arguments=arguments, session=_SESSIONS[resource.type]),
    )


@lru_cache(maxsize=256)
def _understood(text: str, dialect: str, home: str) -> tuple[str, Found]:
    """The text that runs, and what it does: read from what was sent and from what runs alike."""
    tree = parse(text, dialect)
    first = _read(tree, dialect, home)
    runs, again = canonical(tree, dialect)
    second = _read(again, dialect, home)
    if [use.meaning for use in first.uses.values()] != [
        use.meaning for use in second.uses.values()
    ]:
        raise Unreadable("uncertain.sql_construct", "what runs is read in another way")
    return runs, first


def _read(tree: exp.Expr, dialect: str, home: str) -> Found:
    found = Found(dialect, home)
    reader = _READERS.get(type(tree))
    if reader is not None:
        reader(found, tree)
    elif isinstance(tree, (*QUERIES, exp.Values)):
        Reader(found).query(tree, None, {})
    else:
        raise Unreadable("uncertain.sql_statement_kind", type(tree).__name__)
    for use in found.uses.values():
        if use.verb == "select" and (use.whole or not use.columns):
            use.whole = True
            use.details["coarse"] = True
    if not found.uses:  # what touches no object still runs in the database
        found.use("connect", "", tree, kind="database")
    return found


def _operation(use: Use, found: Found, database_name: str) -> Operation:
    target: dict[str, JsonValue] = {"kind": use.kind, "database": database_name}
    if use.kind != "database":
        target |= {"schema": found.home, "name": use.name}
    if use.table:
        target["table"] = use.table
    details = dict(use.details)
    if use.verb in {"select", "insert", "update", "delete"}:
        # What only a catalogue would tell, and none is taken of these targets.
        details["assumes"] = ["plain-table", "no-cascades"]
    columns = None if use.whole or not use.columns else tuple(sorted(use.columns))
    return Operation(
        family="database",
        verb=use.verb,
        object=target,
        columns=columns,
        span=use.span,
        details=details,
    )


def _permissions(
    uses: list[Use], found: Found, server: str, location: str, runs: str
) -> tuple[list[Permission], list[Permission]]:
    rights: list[tuple[int, Right]] = []
    for index, use in enumerate(uses):
        if use.needs and use.kind != "database":
            mine = (
                mysql_rights(use, found, server)
                if found.dialect == MYSQL
                else sqlite_rights(use, found)
            )
            rights += [(index, right) for right in mine]
    required = [
        _permission(found.dialect, location, right, operations)
        for right, operations in merged(rights).items()
    ]
    if found.dialect == MYSQL:
        ambient = [Right("global", "*", "usage")]
    else:
        ambient = [Right("database", found.home, "query")]
        ambient += [Right("function", name, "call") for name in functions_of(runs)]
    return required, [_permission(found.dialect, location, right) for right in ambient]


def _permission(
    dialect: str, location: str, right: Right, operations: list[int] | None = None
) -> Permission:
    permission: dict[str, JsonValue] = {
        "type": dialect,
        "locations": [location],
        "object": right.object,
        "identifier": right.identifier,
        "actions": [right.action],
    }
    if right.columns is not None:
        permission["columns"] = sorted(right.columns)
    if operations is not None:
        permission["operations"] = list[JsonValue](operations)
    return permission
