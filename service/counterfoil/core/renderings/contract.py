"""What renderers share: the one refusal, and readers of untrusted permission members."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from counterfoil.core.model import JsonObject, JsonValue


class NotRenderable(ValueError):
    """The target cannot express the permission exactly (`grant.permission_not_renderable`)."""


OBJECT_MEMBERS: Final = frozenset(
    {"type", "locations", "object", "identifier", "columns", "actions", "operations"}
)
"""All members of a permission on one object of a database."""


class Right(NamedTuple):
    """One right on one thing of a database; `column` is None where it is on the whole."""

    location: str
    object: str
    identifier: str
    column: str | None
    action: str


def only_location(locations: Collection[str], otherwise: str) -> str:
    """The one place that a rendering is for.

    Raises:
        NotRenderable: there is none, or several: `otherwise` says why that cannot be.
    """
    distinct = set(locations)
    if len(distinct) != 1:
        raise NotRenderable(otherwise)
    return distinct.pop()


def text(value: JsonValue) -> str:
    """Return `value` if it is text that is not empty.

    Raises:
        NotRenderable: it is not.
    """
    if not isinstance(value, str) or not value:
        raise NotRenderable("a member is missing or not text")
    return value


def texts(value: JsonValue) -> tuple[str, ...]:
    """Return the distinct members of a list of text that is not empty, sorted.

    Raises:
        NotRenderable: it is not one.
    """
    if not isinstance(value, (list, tuple)) or not value:
        raise NotRenderable("a list is missing or empty")
    return tuple(sorted({text(item) for item in value}))


def only_members(value: JsonValue, allowed: frozenset[str]) -> JsonObject:
    """Return the object if it has no member whose meaning a renderer would drop.

    Raises:
        NotRenderable: it has one, or is no object.
    """
    if not isinstance(value, dict) or not allowed.issuperset(value):
        raise NotRenderable("a member has no meaning for the target")
    return value
