"""`mysql` permissions → single GRANT and REVOKE statements for one per-job user.

The user's name is the placeholder `'{{name}}'@'%'`, as the database engines of OpenBao and
Vault write it. MySQL and MariaDB grant on the server (USAGE alone is ever written), a
database, a table, or columns of a table; a table need not exist for CREATE on it.

In a grant on a whole database `_` and `%` are wildcards, so `_` is escaped there: a grant on
`orders_eu`.* would be one on ordersxeu, too (MySQL 8.4 manual §15.7.1.6).
Never ALL, GRANT OPTION, or a right on `*.*` beside USAGE.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from counterfoil.core.model import JsonObject, Permission
from counterfoil.core.renderings.contract import (
    OBJECT_MEMBERS,
    NotRenderable,
    Right,
    only_location,
    only_members,
    text,
    texts,
)

USER = "'{{name}}'@'%'"
_COLUMN = frozenset({"select", "insert", "update"})
_TABLE = _COLUMN | {"delete", "create", "drop", "alter", "index", "references"}
# Kind → its path, and which privileges are ever written on it.
_NAME = r"[a-z_][a-z0-9_]{0,63}"
_OBJECTS = {
    "global": (re.compile(r"\*"), frozenset({"usage"})),
    "database": (re.compile(_NAME), frozenset({"create view"})),
    "table": (re.compile(rf"{_NAME}\.{_NAME}"), _TABLE),
}
_PRIVILEGE = rf"([A-Z]+(?: VIEW)?)(?: \((`{_NAME}`(?:, `{_NAME}`)*)\))?"
_STATEMENT = re.compile(
    rf"GRANT (?P<privileges>{_PRIVILEGE}(?:, {_PRIVILEGE})*) ON "
    r"(?:(?P<all>\*\.\*)|`(?P<database>(?:[a-z0-9]|\\?_)+)`\."
    rf"(?:(?P<any>\*)|`(?P<table>{_NAME})`)) "
    r"TO '\{\{name\}\}'@'%'"
)


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: MySQL cannot express it.
    """
    return frozenset(_rights(permission))


def render(permissions: Sequence[Permission]) -> JsonObject:
    """One GRANT for each object and the REVOKE that undoes it.

    Raises:
        NotRenderable: MySQL cannot express one of them.
    """
    found = sorted(
        {right for item in permissions for right in _rights(item)},
        key=lambda right: (*right[:3], right.column or "", right.action),
    )
    location = only_location({right.location for right in found}, "a user lives on one server")
    grants, revokes = [], []
    for kind, identifier in dict.fromkeys((right.object, right.identifier) for right in found):
        here = [right for right in found if (right.object, right.identifier) == (kind, identifier)]
        what = f"{_privileges(here)} ON {_place(kind, identifier)}"
        grants.append(f"GRANT {what} TO {USER}")
        if kind != "global":  # USAGE ends with the user
            revokes.append(f"REVOKE {what} FROM {USER}")
    return {"location": location, "grants": grants, "revokes": revokes}


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the rendered statements again, by their own grammar.

    Raises:
        NotRenderable: a statement is none that `render` may write.
    """
    found: set[Hashable] = set()
    location = text(rendering.get("location"))
    for statement in texts(rendering.get("grants")):
        match = _STATEMENT.fullmatch(statement)
        if match is None:
            raise NotRenderable("a rendered statement does not read back")
        kind, identifier = _object(match)
        for action, columns in re.findall(_PRIVILEGE, match["privileges"]):
            names: list[str | None] = list(re.findall(_NAME, columns)) or [None]
            found.update(Right(location, kind, identifier, name, action.lower()) for name in names)
    return frozenset(found)


def _object(match: re.Match[str]) -> tuple[str, str]:
    if match["all"]:
        return "global", "*"
    if match["any"]:
        if re.search(r"(?<!\\)_", match["database"]):
            raise NotRenderable("a database is named with a wildcard")
        return "database", match["database"].replace("\\_", "_")
    if "\\" in match["database"]:
        raise NotRenderable("a rendered statement does not read back")
    return "table", f"{match['database']}.{match['table']}"


def _rights(permission: Permission) -> set[Right]:
    only_members(permission, OBJECT_MEMBERS)
    location = only_location(texts(permission.get("locations")), "a permission names one database")
    kind, identifier = text(permission.get("object")), text(permission.get("identifier"))
    if kind not in _OBJECTS:
        raise NotRenderable(f"no privilege exists on a {kind[:32]}")
    form, actions = _OBJECTS[kind]
    if form.fullmatch(identifier) is None:
        raise NotRenderable(f"the path is none of a {kind}")
    columns: tuple[str | None, ...] = (None,)
    if "columns" in permission:
        columns, actions = (
            texts(permission.get("columns")),
            _COLUMN if kind == "table" else frozenset(),
        )
        if not all(re.fullmatch(_NAME, name or "") for name in columns):
            raise NotRenderable("a column is no plain name")
    wanted = texts(permission.get("actions"))
    if not actions.issuperset(wanted):
        raise NotRenderable(f"an action is no privilege on a {kind}")
    return {Right(location, kind, identifier, name, act) for name in columns for act in wanted}


def _privileges(here: Sequence[Right]) -> str:
    words = []
    for action in dict.fromkeys(right.action for right in here):
        mine = [right for right in here if right.action == action]
        if any(right.column is None for right in mine):
            words.append(action.upper())
        columns = [f"`{right.column}`" for right in mine if right.column is not None]
        if columns:
            words.append(f"{action.upper()} ({', '.join(columns)})")
    return ", ".join(words)


def _place(kind: str, identifier: str) -> str:
    if kind == "global":
        return "*.*"
    if kind == "database":
        return f"`{identifier.replace('_', chr(92) + '_')}`.*"
    database, _, table = identifier.partition(".")
    return f"`{database}`.`{table}`"
