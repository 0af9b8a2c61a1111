"""What renderers share: the one refusal, and readers of untrusted permission members."""

from __future__ import annotations

from counterfoil.core.model import JsonObject, JsonValue


class NotRenderable(ValueError):
    """The target cannot express the permission exactly (`grant.permission_not_renderable`)."""


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
