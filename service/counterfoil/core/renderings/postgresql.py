"""`postgresql` permissions → single GRANT and REVOKE statements for one per-job role.

The role's name is the placeholder `"{{name}}"`, as the database engines of OpenBao and
Vault write it. Creating a table is CREATE on the schema: PostgreSQL has no narrower right.

`owner` of a table or view, a sequence or a type (what DROP and ALTER need) no GRANT gives: it
is the transfer of exactly that object to the job's role, in `transfers`, to be made after the
grants. Whoever makes it notes the owner before, and hands the object back when the job ends
(docs/actions/database.md). Never membership in the owner's role, which would hold all that
the owner has, and never REASSIGN OWNED.

Not expressible, so refused: ownership of anything else (who owns a schema may drop all in
it), functions (a path does not name one overload), anything unqualified, and
identifiers that PostgreSQL would cut (over 63 bytes) or that a template engine would fill
in (`{{`). Never ALL, PUBLIC, WITH GRANT OPTION, or a role attribute.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings.contract import (
    OBJECT_MEMBERS,
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

ROLE = '"{{name}}"'
OWNER = "owner"
MAX_IDENTIFIER_BYTES = 63  # NAMEDATALEN - 1; PostgreSQL cuts the rest silently

_TABLE = frozenset({"select", "insert", "update", "delete", "truncate", "references", "trigger"})
_COLUMN = frozenset({"select", "insert", "update", "references"})
# Kind → how many parts its path has, and which privileges exist on it.
_OBJECTS = {
    "database": (1, frozenset({"connect", "create", "temporary"})),
    "schema": (1, frozenset({"usage", "create"})),
    "sequence": (2, frozenset({"usage", "select", "update", OWNER})),
    "table": (2, _TABLE | {OWNER}),
    "type": (2, frozenset({"usage", OWNER})),
}
_PART = re.compile(r'([a-z_][a-z0-9_$]*)|"((?:[^"]|"")+)"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTED = r'"(?:[^"]|"")+"'
_PRIVILEGE = rf"([A-Z]+)(?: \(({_QUOTED}(?:, {_QUOTED})*)\))?"
_STATEMENT = re.compile(
    rf"GRANT (?P<privileges>{_PRIVILEGE}(?:, {_PRIVILEGE})*) "
    rf"ON (?P<object>[A-Z]+) (?P<path>{_QUOTED}(?:\.{_QUOTED})?) TO (?P<role>{_QUOTED})"
)
_TRANSFER = re.compile(
    rf"ALTER (?P<object>TABLE|SEQUENCE|TYPE) (?P<path>{_QUOTED}\.{_QUOTED}) "
    rf"OWNER TO (?P<role>{_QUOTED})"
)


class Right(NamedTuple):
    """One privilege on one thing; `column` is None where it is on the whole."""

    location: str
    object: str
    path: tuple[str, ...]
    column: str | None
    action: str


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: PostgreSQL cannot express it.
    """
    return frozenset(_rights(permission))


def render(permissions: Sequence[Permission]) -> JsonObject:
    """One GRANT for each object and the REVOKE that undoes it; a transfer where one is owned.

    Raises:
        NotRenderable: PostgreSQL cannot express one of them.
    """
    found = sorted(
        {right for item in permissions for right in _rights(item)},
        key=lambda right: (*right[:3], right.column or "", right.action),
    )
    location = only_location({right.location for right in found}, "a role lives in one database")
    granted = [right for right in found if right.action != OWNER]
    grants, revokes = [], []
    for kind, path in dict.fromkeys((right.object, right.path) for right in granted):
        here = [right for right in granted if (right.object, right.path) == (kind, path)]
        what = f"{_privileges(here)} ON {kind.upper()} {_quoted_path(path)}"
        grants.append(f"GRANT {what} TO {ROLE}")
        revokes.append(f"REVOKE {what} FROM {ROLE}")
    rendering: dict[str, JsonValue] = {
        "location": location,
        "grants": grants,
        "revokes": revokes,
    }
    owned = [right for right in found if right.action == OWNER]
    if owned:
        rendering["transfers"] = [
            f"ALTER {right.object.upper()} {_quoted_path(right.path)} OWNER TO {ROLE}"
            for right in owned
        ]
    return rendering


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the rendered statements again, by their own grammar.

    Raises:
        NotRenderable: a statement is none that `render` may write.
    """
    found: set[Hashable] = set()
    location = text(rendering.get("location"))
    for statement in _statements(rendering, "grants"):
        match = _read(_STATEMENT, statement)
        kind, path = match["object"].lower(), _unquoted_path(match["path"])
        for action, columns in re.findall(_PRIVILEGE, match["privileges"]):
            quoted: list[str | None] = list(re.findall(_QUOTED, columns)) or [None]
            found.update(
                Right(location, kind, path, name and _unquote(name), action.lower())
                for name in quoted
            )
    for statement in _statements(rendering, "transfers"):
        match = _read(_TRANSFER, statement)
        kind, path = match["object"].lower(), _unquoted_path(match["path"])
        found.add(Right(location, kind, path, None, OWNER))
    return frozenset(found)


def _statements(rendering: JsonObject, name: str) -> tuple[str, ...]:
    return texts(rendering[name]) if rendering.get(name) else ()


def _read(form: re.Pattern[str], statement: str) -> re.Match[str]:
    match = form.fullmatch(statement)
    if match is None or match["role"] != ROLE:
        raise NotRenderable("a rendered statement does not read back")
    return match


def _rights(permission: Permission) -> set[Right]:
    only_members(permission, OBJECT_MEMBERS)
    location = only_location(texts(permission.get("locations")), "a permission names one database")
    kind = text(permission.get("object"))
    columns: tuple[str | None, ...] = (None,)
    if kind == "column" or "columns" in permission:
        columns = tuple(_checked(name) for name in texts(permission.get("columns")))
        kind = "table" if kind == "column" else kind
    if kind not in _OBJECTS or (columns != (None,) and kind != "table"):
        raise NotRenderable(f"no exact privilege exists on a {kind[:32]}")
    parts, actions = _OBJECTS[kind]
    path = _path(text(permission.get("identifier")))
    if len(path) != parts:
        raise NotRenderable(f"the path of a {kind} has {parts} part(s)")
    wanted = texts(permission.get("actions"))
    if not (_COLUMN if columns != (None,) else actions).issuperset(wanted):
        raise NotRenderable(f"an action is no privilege on a {kind}")
    return {Right(location, kind, path, column, act) for column in columns for act in wanted}


def _path(identifier: str) -> tuple[str, ...]:
    parts, at = [], 0
    while True:
        match = _PART.match(identifier, at)
        if match is None:
            raise NotRenderable("the identifier is not a quoted path")
        parts.append(_checked(match[1] or match[2].replace('""', '"')))
        at = match.end()
        if at == len(identifier):
            return tuple(parts)
        if identifier[at] != ".":
            raise NotRenderable("the identifier is not a quoted path")
        at += 1


def _checked(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > MAX_IDENTIFIER_BYTES:
        raise NotRenderable("an identifier is longer than PostgreSQL keeps")
    if _CONTROL.search(name) or "{{" in name or "}}" in name:
        raise NotRenderable("an identifier holds what a target would read otherwise")
    return name


def _privileges(here: Sequence[Right]) -> str:
    words = []
    for action in dict.fromkeys(right.action for right in here):
        mine = [right for right in here if right.action == action]
        if any(right.column is None for right in mine):
            words.append(action.upper())
        columns = [_quote(right.column) for right in mine if right.column is not None]
        if columns:
            words.append(f"{action.upper()} ({', '.join(columns)})")
    return ", ".join(words)


def _quoted_path(path: Sequence[str]) -> str:
    return ".".join(map(_quote, path))


def _unquoted_path(path: str) -> tuple[str, ...]:
    return tuple(_unquote(part) for part in re.findall(_QUOTED, path))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unquote(quoted: str) -> str:
    return quoted[1:-1].replace('""', '"')
