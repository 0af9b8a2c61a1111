"""The rights that each use needs, as the target knows them.

MySQL: its grants on the database, a table, or columns of one. Proved on MariaDB 10.11; where
MySQL's manual (8.4 §15.1.9, §15.2.7.2) asks for another set, the location's scheme decides.
SQLite has no rights: these are entries of the list that its authorizer callback lets through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from counterfoil.core.actions.dialects.found import Found, Use
from counterfoil.core.actions.dialects.lexer import MYSQL, listed

MARIADB: Final = "mariadb"


class Right(NamedTuple):
    """One right on one object; columns None is the whole of it."""

    object: str
    identifier: str
    action: str
    columns: frozenset[str] | None = None


def mysql_rights(use: Use, found: Found, server: str) -> Iterator[Right]:
    """What GRANT must have given for one use."""
    table = f"{found.home}.{use.name}"
    columns = None if use.whole or not use.columns else frozenset(use.columns)
    if use.kind == "index":
        yield Right("table", f"{found.home}.{use.table}", "index")
    elif use.kind == "view" and use.verb == "create":
        # No grant on one view exists before the view does.
        yield Right("database", found.home, "create view")
    elif use.verb in {"select", "insert", "update"}:
        yield Right("table", table, use.verb, columns)
        if server == MARIADB and use.details.get("on_conflict") == "update":
            # MariaDB looks for UPDATE on the columns inserted, too.
            yield Right("table", table, "update", columns)
    elif use.verb == "alter":
        yield from _altered(table, use, server)
    elif use.verb == "create" and ("table", use.name) in renamed(found):
        yield Right("table", table, "create")
        yield Right("table", table, "insert")
    else:
        verb = "drop" if use.verb == "truncate" else use.verb
        yield Right("table", table, verb)


def _altered(table: str, use: Use, server: str) -> Iterator[Right]:
    yield Right("table", table, "alter")
    if "renamed_to" in use.details:
        yield Right("table", table, "drop")
    if server != MARIADB:
        yield Right("table", table, "create")
        yield Right("table", table, "insert")


def renamed(found: Found) -> set[tuple[str, str]]:
    """The new names that tables are given."""
    return {
        ("table", str(use.details["renamed_to"]))
        for use in found.uses.values()
        if "renamed_to" in use.details
    }


_SQLITE_VERBS: Final = {"select": "read"}


def sqlite_rights(use: Use, found: Found) -> Iterator[Right]:
    """What the authorizer must let through for one use."""
    if (use.kind, use.name) in renamed(found):
        return  # renaming is one action of the old name
    identifier = f"{found.home}.{use.name}"
    if use.kind == "index" and use.verb == "create":
        identifier = f"{found.home}.{use.table}.{use.name}"
    columns = None
    if use.verb in {"select", "update"} and not use.whole and use.columns:
        columns = frozenset(use.columns)
    yield Right(use.kind, identifier, _SQLITE_VERBS.get(use.verb, use.verb), columns)


_STRINGS: Final = re.compile(r"'(?:[^']|'')*'|`[^`]*`")
_CALL: Final = re.compile(r"\b([A-Z_][A-Z0-9_]*)\(")
_BARE: Final = re.compile(r"\b(CURRENT_(?:DATE|TIME|TIMESTAMP)|LIKE|GLOB)\b")
_ARROW: Final = re.compile(r"->>?")
_NO_FUNCTIONS: Final = listed(
    "ALL AND AS BETWEEN BY CASE CAST CHECK CONFLICT DECIMAL DISTINCT ELSE EXISTS FILTER FROM IN "
    "INTO IS JOIN KEY LIMIT NOT NULL NUMERIC OFFSET ON OR OVER REAL SELECT SET TEXT THEN UNION "
    "UNIQUE USING VALUES VARCHAR WHEN WHERE CHAR INTEGER INT BLOB NCHAR NVARCHAR"
)


def functions_of(canonical: str) -> list[str]:
    """The names of the functions that a canonical text of SQLite calls; all are on the list."""
    bare = _STRINGS.sub("", canonical)
    names = {name for name in _CALL.findall(bare) if name not in _NO_FUNCTIONS}
    names |= {*_BARE.findall(bare), *_ARROW.findall(bare)}
    return sorted(name.lower() for name in names)


def merged(rights: Iterable[tuple[int, Right]]) -> dict[Right, list[int]]:
    """Each right once, with the operations that need it; columns are joined."""
    columns: dict[Right, frozenset[str] | None] = {}
    operations: dict[Right, list[int]] = {}
    for index, right in rights:
        key = right._replace(columns=None)
        if key in columns:
            before = columns[key]
            both = None if before is None or right.columns is None else before | right.columns
            columns[key] = both
        else:
            columns[key] = right.columns
        if index not in operations.setdefault(key, []):
            operations[key].append(index)
    return {key._replace(columns=columns[key]): found for key, found in operations.items()}


__all__ = ["MARIADB", "MYSQL", "Right", "functions_of", "merged", "mysql_rights", "sqlite_rights"]
