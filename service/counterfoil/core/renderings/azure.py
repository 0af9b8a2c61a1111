"""`azure` permissions → role assignments of Azure's resource manager, one each.

Azure narrows no token. What can be made for one job is an assignment of one role at one scope
to the job's own service principal, `PUT {scope}/providers/Microsoft.Authorization/
roleAssignments/{name}?api-version=2022-04-01`, and the DELETE of the same. Which principal,
and the assignment's name, are the issuer's.

Not expressible, so refused: a scope above a resource group (a subscription, a management
group), which no single action needs; a role that could give rights on.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings.contract import (
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

API_VERSION: Final = "2022-04-01"
_MEMBERS = frozenset({"type", "locations", "identifier", "actions", "operations"})
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SUBSCRIPTION = re.compile(rf"/subscriptions/{_GUID}", re.ASCII)
_SCOPE = re.compile(
    rf"/subscriptions/{_GUID}/resourceGroups/[A-Za-z0-9_().-]{{1,89}}[A-Za-z0-9_()-]"
    r"(?:/providers/[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+/[A-Za-z0-9_().-]{1,260})+)?",
    re.ASCII,
)
_ROLE = re.compile(_GUID, re.ASCII)
GIVES_RIGHTS_ON: Final = frozenset(
    {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",  # User Access Administrator
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",  # Role Based Access Control Administrator
    }
)
_PREFIX = "/providers/Microsoft.Authorization/roleDefinitions/"


class Right(NamedTuple):
    """One role at one scope of one subscription."""

    subscription: str
    scope: str
    role: str


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission; its actions are ids of role definitions.

    Raises:
        NotRenderable: an assignment cannot express it, or would be wider.
    """
    only_members(permission, _MEMBERS)
    location = only_location(texts(permission.get("locations")), "one subscription")
    scope, roles = text(permission.get("identifier")), texts(permission.get("actions"))
    if not _SUBSCRIPTION.fullmatch(location) or not scope.startswith(f"{location}/"):
        raise NotRenderable("the scope is not in the subscription")
    if not _SCOPE.fullmatch(scope) or "/.." in scope or "/./" in scope:
        raise NotRenderable("a scope is a resource group, or one resource in it")
    if not all(_ROLE.fullmatch(role) for role in roles):
        raise NotRenderable("a role is named by the id of its definition")
    if GIVES_RIGHTS_ON.intersection(roles):
        raise NotRenderable("a role that can give rights on has no bounds")
    return frozenset(Right(location, scope, role) for role in roles)


def render(permissions: Sequence[Permission]) -> JsonObject:
    """One assignment for each role and scope, sorted.

    Raises:
        NotRenderable: of several subscriptions, or not expressible.
    """
    singles = {right for permission in permissions for right in rights(permission)}
    found = sorted(right for right in singles if isinstance(right, Right))
    location = only_location({right.subscription for right in found}, "one subscription")
    assignments: list[JsonValue] = [
        {
            "scope": right.scope,
            "properties": {
                "roleDefinitionId": f"{right.subscription}{_PREFIX}{right.role}",
                "principalType": "ServicePrincipal",
            },
        }
        for right in found
    ]
    return {"location": location, "api_version": API_VERSION, "assignments": assignments}


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the assignments again, as the resource manager would.

    Raises:
        NotRenderable: there is something that it does not read as `render` meant it.
    """
    location, found = text(rendering.get("location")), rendering.get("assignments")
    if not isinstance(found, list):
        raise NotRenderable("there are no assignments")
    singles: set[Hashable] = set()
    for item in found:
        assignment = only_members(item, frozenset({"scope", "properties"}))
        allowed = frozenset({"roleDefinitionId", "principalType"})
        properties = only_members(assignment.get("properties"), allowed)
        role = text(properties.get("roleDefinitionId"))
        if not role.startswith(f"{location}{_PREFIX}"):
            raise NotRenderable("a role is defined elsewhere")
        scope = text(assignment.get("scope"))
        singles.add(Right(location, scope, role.removeprefix(f"{location}{_PREFIX}")))
    return frozenset(singles)
