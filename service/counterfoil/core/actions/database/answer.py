"""From a text's effects to operations, permissions and what everybody has anyway."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from counterfoil.core.actions.database.effects import OWNER, Effect
from counterfoil.core.actions.database.source import quoted
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
    "transform_null_equals": "off",  # on makes `x = NULL` find rows
    "array_nulls": "on",
    "datestyle": "ISO, MDY",  # else '01/02/2026' is another day
    "intervalstyle": "postgres",
    "default_text_search_config": "pg_catalog.english",  # of nobody's own making
    "default_table_access_method": "heap",
    "row_security": "on",
}
AMBIENT_SCHEMA: Final = "public"
_AMBIENT: Final = frozenset({("database", "connect"), ("database", "temporary"), ("type", "usage")})
_RANKS: Final = {"database": 0, "schema": 1}


def answer(
    effects: Sequence[Effect], database: str, location: str, arguments: JsonObject
) -> Interpretation:
    """The interpretation of a text that was read to its end."""
    operations = [_operation(effect, database) for effect in effects]
    required, ambient = _permissions(effects, database, location)
    return Interpretation(
        operations=tuple(operations),
        required=tuple(required),
        ambient=tuple(ambient),
        execute=Execute(arguments=arguments, session=SESSION),
    )


def _operation(effect: Effect, database: str) -> Operation:
    thing = effect.thing
    target: dict[str, JsonValue] = {"kind": thing.kind, "database": database}
    if thing.schema:
        target["schema"] = thing.schema
    if thing.name:
        target["name"] = thing.name
    if thing.identity is not None:
        target.update(thing.identity)
    return Operation(
        family="database",
        verb=effect.verb,
        object=target,
        columns=effect.columns,
        span=effect.span,
        details=effect.details,
    )


class _Right:
    """One privilege on one object over all operations that need it."""

    __slots__ = ("columns", "operations")

    def __init__(self) -> None:
        self.columns: set[str] | None = set()
        self.operations: list[int] = []

    def add(self, columns: frozenset[str] | None, index: int) -> None:
        if columns is None or self.columns is None:
            self.columns = None
        else:
            self.columns |= columns
        if not self.operations or self.operations[-1] != index:
            self.operations.append(index)


Key = tuple[str, tuple[str, ...], str]


def _permissions(
    effects: Sequence[Effect], database: str, location: str
) -> tuple[list[Permission], list[Permission]]:
    """Required and ambient; each privilege on each object is one permission."""
    rights: dict[Key, _Right] = {("database", (database,), "connect"): _Right()}
    owners = False
    for index, effect in enumerate(effects):
        for kind, path, action, columns in effect.needs:
            owners = owners or action == OWNER
            key = (kind, path, action)
            found = rights.get(key)
            if found is None:
                found = rights[key] = _Right()
            found.add(columns, index)
    if owners:
        _owners_need_no_more(rights)
    required: list[tuple[int, Permission]] = []
    ambient: list[Permission] = []
    for key, right in rights.items():
        if _is_ambient(key):
            ambient.append(_permission(location, key, right, ambient=True))
        else:
            required.append((_rank(key), _permission(location, key, right)))
    if len(required) > 1:
        required.sort(key=lambda item: item[0])
    return [permission for _, permission in required], ambient


def _owners_need_no_more(rights: dict[Key, _Right]) -> None:
    """Who owns an object needs no grant on it: other rights on it are the owner's already."""
    for kind, path, action in [key for key in rights if key[2] == OWNER]:
        owner = rights[kind, path, action]
        for key in [key for key in rights if key[:2] == (kind, path) and key[2] != OWNER]:
            if key[0] == "schema":
                continue  # the owner of a schema may have lost them
            owner.operations = sorted({*owner.operations, *rights.pop(key).operations})


def _is_ambient(key: Key) -> bool:
    kind, path, action = key
    return (kind, action) in _AMBIENT or (kind, path, action) == (
        "schema",
        (AMBIENT_SCHEMA,),
        "usage",
    )


def _rank(key: Key) -> int:
    """What makes something comes first, then things, then the schemas that they are found in."""
    kind, _, action = key
    if kind == "schema" and action == "usage":
        return 3
    return _RANKS.get(kind, 2)


@lru_cache(maxsize=1024)
def _identifier(path: tuple[str, ...]) -> str:
    return ".".join(map(quoted, path))


def _permission(
    location: str, key: Key, right: _Right, *, ambient: bool = False
) -> dict[str, JsonValue]:
    kind, path, action = key
    permission: dict[str, JsonValue] = {
        "type": "postgresql",
        "locations": [location],
        "object": kind,
        "identifier": _identifier(path),
        "actions": [action],
    }
    if right.columns:
        permission["columns"] = sorted(right.columns)
    if not ambient:
        permission["operations"] = right.operations
    return permission
