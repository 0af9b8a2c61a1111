"""`oci_registry` permissions → scopes of the token that a registry's own realm issues.

`GET {realm}?service={service}&scope=repository:{name}:{actions}`; the token then holds
`"access":[{"type":"repository","name":…,"actions":[…]}]` (distribution, "Token scope").
No registry limits a token to a tag. Not expressible, so refused: `*`, a catalogue, a name
that holds a separator of the scope grammar.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from counterfoil.core.model import JsonObject, Permission
from counterfoil.core.renderings.contract import (
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

_MEMBERS = frozenset({"type", "locations", "identifier", "actions", "operations"})
_ACTIONS = frozenset({"pull", "push", "delete"})
_LOCATION = re.compile(r"https?://([A-Za-z0-9._~:\[\]-]+)/?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?=.{{1,255}}\Z){_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)


class Right(NamedTuple):
    """One action on one repository."""

    location: str
    name: str
    action: str


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: a scope cannot express it.
    """
    only_members(permission, _MEMBERS)
    name, actions = text(permission.get("identifier")), texts(permission.get("actions"))
    location = only_location(texts(permission.get("locations")), "a token is for one registry")
    if not _NAME.fullmatch(name) or not _ACTIONS.issuperset(actions):
        raise NotRenderable("a scope names one repository and what is done to it")
    return frozenset(Right(location, name, action) for action in actions)


def render(permissions: Sequence[Permission]) -> JsonObject:
    """Service and scopes, one a repository, sorted.

    Raises:
        NotRenderable: they are of two registries, or a scope cannot express one.
    """
    found: dict[str, set[str]] = {}
    for permission in permissions:
        for right in rights(permission):
            assert isinstance(right, Right)  # noqa: S101 -- what `rights` makes
            found.setdefault(right.name, set()).add(right.action)
    locations = {one for item in permissions for one in texts(item.get("locations"))}
    location = only_location(locations, "a token is for one registry")
    host = _LOCATION.fullmatch(location)
    if host is None:
        raise NotRenderable("the registry's location is no origin")
    scopes = [f"repository:{name}:{','.join(sorted(found[name]))}" for name in sorted(found)]
    return {"location": location, "service": host[1], "scope": " ".join(scopes)}


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the scopes again, as a registry would.

    Raises:
        NotRenderable: there is something that no registry reads as `render` meant it.
    """
    location = text(rendering.get("location"))
    singles: set[Hashable] = set()
    for scope in text(rendering.get("scope")).split(" "):
        kind, name, actions = [*scope.split(":"), "", "", ""][:3]
        if kind != "repository" or scope.count(":") != 2 or not name or not actions:  # noqa: PLR2004
            raise NotRenderable("a scope does not read back")
        singles.update(Right(location, name, action) for action in actions.split(","))
    return frozenset(singles)
