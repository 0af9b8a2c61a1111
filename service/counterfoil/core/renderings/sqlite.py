"""`sqlite` permissions → the list that an authorizer callback lets through.

SQLite has no users and no rights; a program that opens a database may do all to it. What it
has is `sqlite3_set_authorizer`: a callback that is asked, while a statement is prepared, for
each action with up to three names (sqlite.org/c3ref/c_alter_table.html). A rendering is the
list of what that callback may answer SQLITE_OK to: `[action, first, second, database]`, null
for none, `*` for any. All else is SQLITE_DENY. docs/actions/sqlite.md holds a callback.

Changes of the schema also touch the schema's own tables; SQLite lets no statement name those
for writing while `writable_schema` is off, which the answer's session asks for.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Final

from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings.contract import (
    OBJECT_MEMBERS,
    NotRenderable,
    Right,
    only_location,
    only_members,
    text,
    texts,
)

ANY: Final = "*"
_NAME = r"[a-z_][a-z0-9_]{0,63}"
_PATH = re.compile(rf"main\.{_NAME}")
_INDEX_MADE = re.compile(rf"main\.{_NAME}\.{_NAME}")
_ACTIONS: Final = {
    "database": {"query"},
    "function": {"call"},
    "table": {"read", "insert", "update", "delete", "create", "alter", "drop"},
    "view": {"create", "drop"},
    "index": {"create", "drop"},
}
_COLUMN = frozenset({"read", "update"})

Entry = tuple[str, str | None, str | None, str | None]


_SCHEMA_TABLES: Final = (("sqlite_master", "main"), ("sqlite_temp_master", "temp"))
_BOOKS: Final[frozenset[Entry]] = frozenset(
    [
        (action, table, ANY if action in {"SQLITE_READ", "SQLITE_UPDATE"} else None, base)
        for action in ("SQLITE_READ", "SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE")
        for table, base in (*_SCHEMA_TABLES, ("sqlite_sequence", "main"))
    ]
    + [("SQLITE_CREATE_TABLE", "sqlite_sequence", None, "main")]
)
"""What SQLite itself does to its own tables when it changes a schema."""
_ALTER_FUNCTIONS: Final = (
    *("length", "like", "printf", "raise", "substr", "sqlite_add_constraint"),
    *("sqlite_drop_column", "sqlite_drop_constraint", "sqlite_fail", "sqlite_find_constraint"),
    *("sqlite_rename_column", "sqlite_rename_quotefix", "sqlite_rename_table"),
    "sqlite_rename_test",
)


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: no authorizer can express it.
    """
    return frozenset(_rights(permission))


def render(permissions: Sequence[Permission]) -> JsonObject:
    """What an authorizer may let through.

    Raises:
        NotRenderable: no authorizer can express one of them.
    """
    found = {right for item in permissions for right in _rights(item)}
    location = only_location({right.location for right in found}, "a connection has one database")
    entries = {entry for right in found for entry in (_entry(right), *_beside(right))}
    ordered = sorted(entries, key=lambda entry: [part or "" for part in entry])
    return {
        "location": location,
        "authorizer": [list[JsonValue](entry) for entry in ordered],
    }


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the list again: each right by its own entry, and nothing that no right explains.

    Raises:
        NotRenderable: an entry is none that `render` may write.
    """
    location = text(rendering.get("location"))
    listed = rendering.get("authorizer")
    entries = {_read_entry(item) for item in listed} if isinstance(listed, list) else set()
    own = {right for entry in entries if (right := _right(location, entry)) is not None}
    explained = {entry for right in own for entry in (_entry(right), *_beside(right))}
    # What one right brings along may look like another's own entry: that other is no right.
    brought = {entry for right in own for entry in _beside(right)}
    if not entries or entries != explained:
        raise NotRenderable("the authorizer's list does not read back")
    return frozenset(right for right in own if _entry(right) not in brought)


def _read_entry(item: JsonValue) -> Entry:
    if not isinstance(item, list) or len(item) != 4:  # noqa: PLR2004 -- an action and three names
        raise NotRenderable("an entry of the authorizer's list is none")
    action, *names = (part if part is None else text(part) if part else "" for part in item)
    return (text(action), names[0], names[1], names[2])


def _entry(right: Right) -> Entry:
    """The one entry that stands for the right."""
    name = right.identifier.rpartition(".")[2]
    if right.object == "database":
        return ("SQLITE_SELECT", None, None, None)
    if right.object == "function":
        return ("SQLITE_FUNCTION", None, name, None)
    if right.action in _COLUMN:
        return (f"SQLITE_{right.action.upper()}", name, right.column or ANY, "main")
    if right.action == "alter":
        return ("SQLITE_ALTER_TABLE", "main", name, ANY)
    if right.action in {"insert", "delete"}:
        return (f"SQLITE_{right.action.upper()}", name, None, "main")
    second: str | None = None
    if right.object == "index":
        second = right.identifier.split(".")[1] if right.action == "create" else ANY
    return (f"SQLITE_{right.action.upper()}_{right.object.upper()}", name, second, "main")


def _beside(right: Right) -> set[Entry]:
    """What SQLite asks for as well, whenever it does what the right is for."""
    name = right.identifier.rpartition(".")[2]
    if right.object == "database":
        return {("SQLITE_RECURSIVE", None, None, None)}
    if right.action == "read":
        return {("SQLITE_READ", name, "", ANY)}  # that there is such a table
    if right.action not in {"create", "drop", "alter"}:
        return set()
    beside = set(_BOOKS)
    if right.object == "table":
        beside |= {("SQLITE_READ", name, ANY, "main"), ("SQLITE_READ", name, "", ANY)}
    if (right.object, right.action) == ("table", "create"):
        beside.add(("SQLITE_CREATE_INDEX", ANY, name, "main"))  # of its keys
    if right.action == "drop" and right.object != "index":
        beside.add(("SQLITE_DELETE", name, None, "main"))
    if (right.object, right.action) == ("index", "create"):
        beside.add(("SQLITE_REINDEX", name, None, "main"))
    if right.action == "alter":
        beside |= {("SQLITE_FUNCTION", None, function, None) for function in _ALTER_FUNCTIONS}
    return beside


def _right(location: str, entry: Entry) -> Right | None:
    """The right that an entry stands for; None where it is only ever beside one."""
    action, first, second, base = entry
    verb, _, kind = action.removeprefix("SQLITE_").lower().partition("_")
    if action == "SQLITE_SELECT":
        return Right(location, "database", "main", None, "query")
    if action == "SQLITE_FUNCTION" and second is not None:
        return Right(location, "function", second, None, "call")
    if verb == "alter":
        return Right(location, "table", f"main.{second}", None, "alter")
    if base != "main" or first is None or first.startswith("sqlite_") or first == ANY:
        return None
    if not kind:
        if verb in _COLUMN and second:
            column = None if second == ANY else second
            return Right(location, "table", f"main.{first}", column, verb)
        return (
            Right(location, "table", f"main.{first}", None, verb)
            if verb in {"insert", "delete"}
            else None
        )
    middle = f"{second}." if (kind, verb) == ("index", "create") else ""
    return Right(location, kind, f"main.{middle}{first}", None, verb)


def _rights(permission: Permission) -> set[Right]:
    only_members(permission, OBJECT_MEMBERS)
    location = only_location(texts(permission.get("locations")), "a permission names one database")
    kind, identifier = text(permission.get("object")), text(permission.get("identifier"))
    wanted = texts(permission.get("actions"))
    if not _ACTIONS.get(kind, set()).issuperset(wanted):
        raise NotRenderable(f"no authorizer knows this of a {kind[:32]}")
    if not _well_named(kind, identifier, wanted):
        raise NotRenderable(f"the path is none of a {kind}")
    columns: tuple[str | None, ...] = (None,)
    if "columns" in permission:
        columns = texts(permission.get("columns"))
        if kind != "table" or not _COLUMN.issuperset(wanted):
            raise NotRenderable("an action is none on columns")
        if not all(re.fullmatch(_NAME, name or "") for name in columns):
            raise NotRenderable("a column is no plain name")
    return {Right(location, kind, identifier, name, act) for name in columns for act in wanted}


def _well_named(kind: str, identifier: str, wanted: Sequence[str]) -> bool:
    if kind == "database":
        return identifier == "main"
    if kind == "function":
        return re.fullmatch(rf"{_NAME}|->>?", identifier) is not None
    own = identifier.removeprefix("main.").startswith("sqlite_")
    form = _INDEX_MADE if (kind, *wanted) == ("index", "create") else _PATH
    return form.fullmatch(identifier) is not None and not own
