"""Operations and permissions in words, for people who decide about them.

Every member of an object is said: a word left out would be a power not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.core.model import JsonObject, JsonValue

_DOTTED: Final = ("schema", "table", "name")
_KNOWN: Final = frozenset({*_DOTTED, "database"})


def operation_words(operation: JsonObject) -> str:
    """`create table public.invoices in database orders`."""
    target = dict(_members(operation.get("object")))
    kind = str(target.pop("kind", "object")).replace("_", " ")
    columns = _texts(operation.get("columns"))
    listed = f" (columns {', '.join(columns)})" if columns else ""
    details = _said(_members(operation.get("details")))
    words = f"{operation.get('verb', '')} {kind} {_named(target)}{listed}".strip()
    return f"{words}; {details}" if details else words


def permission_words(permission: JsonObject) -> str:
    """`create on schema public, at postgresql://db.internal:5432/orders`."""
    rest = dict(permission)
    kind, where = rest.pop("type", ""), _texts(rest.pop("locations", ()))
    actions, columns = _texts(rest.pop("actions", ())), _texts(rest.pop("columns", ()))
    what = str(rest.pop("object", kind)).replace("_", " ")
    identifier = rest.pop("identifier", "")
    rest.pop("operations", None)
    words = f"{', '.join(actions) or 'use'} on {what} {identifier}".strip()
    if columns:
        words += f" (columns {', '.join(columns)})"
    if rest:
        words += f"; {_said(rest)}"
    return f"{words}, at {', '.join(where)}" if where else words


def _named(target: Mapping[str, JsonValue]) -> str:
    if target.keys() <= _KNOWN and "name" in target:
        name = ".".join(str(target[part]) for part in _DOTTED if part in target)
        return f"{name} in database {target['database']}" if "database" in target else name
    return _said(target)


def _said(members: Mapping[str, JsonValue]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_word(it)}" for name, it in members.items())


def _word(value: JsonValue) -> str:
    if isinstance(value, Mapping):
        return f"({_said(value)})"
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(map(_word, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _members(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: JsonValue) -> list[str]:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return [str(item) for item in value] if listed and isinstance(value, Sequence) else []
