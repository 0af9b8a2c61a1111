"""`gcp_cab` permissions → a credential access boundary of Google's token service.

Google narrows tokens for Cloud Storage alone, to buckets with uniform access, by predefined
roles, in at most ten rules whose union counts. A permission names one bucket, or what begins
with a prefix in it; a right to one object only cannot be told from a prefix by CEL's
`startsWith`, so that one compares the whole name.

Not expressible, so refused: other services, an eleventh rule, a quote or a backslash in a
name, which CEL would read.
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

MAX_RULES: Final = 10
_PREFIX = "//storage.googleapis.com/projects/_/buckets/"
_MEMBERS = frozenset({"type", "locations", "object", "identifier", "actions", "operations"})
_BUCKET = re.compile(re.escape(_PREFIX) + r"([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])", re.ASCII)
_ROLE = re.compile(r"roles/storage\.[A-Za-z]{1,64}", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f'\"\\]{1,1024}")
_OBJECTS = ("bucket", "prefix", "object")


class Right(NamedTuple):
    """One role on a bucket, a prefix in it or one object."""

    bucket: str
    object: str
    name: str
    role: str


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: a boundary cannot express it.
    """
    only_members(permission, _MEMBERS)
    location = only_location(texts(permission.get("locations")), "a rule is for one bucket")
    kind, roles = text(permission.get("object")), texts(permission.get("actions"))
    if _BUCKET.fullmatch(location) is None or kind not in _OBJECTS:
        raise NotRenderable("a boundary is about buckets of Cloud Storage alone")
    name = permission.get("identifier", "")
    if (name == "") != (kind == "bucket") or not isinstance(name, str):
        raise NotRenderable("a bucket has no further name, a prefix or an object has one")
    if name and not _NAME.fullmatch(name):
        raise NotRenderable("a condition would read the name as something else")
    if not all(_ROLE.fullmatch(role) for role in roles):
        raise NotRenderable("a boundary takes predefined roles of Cloud Storage")
    return frozenset(Right(location, kind, name, role) for role in roles)


def render(permissions: Sequence[Permission]) -> JsonObject:
    """The `options` parameter of the exchange at https://sts.googleapis.com/v1/token.

    Raises:
        NotRenderable: too many rules, or not expressible.
    """
    found: dict[tuple[str, str, str], set[str]] = {}
    for permission in permissions:
        for right in rights(permission):
            assert isinstance(right, Right)  # noqa: S101 -- what `rights` makes
            found.setdefault(right[:3], set()).add(right.role)
    if len(found) > MAX_RULES:
        raise NotRenderable("a boundary has at most ten rules")
    rules: list[JsonValue] = [_rule(*key, sorted(roles)) for key, roles in sorted(found.items())]
    return {"accessBoundary": {"accessBoundaryRules": rules}}


def _rule(bucket: str, kind: str, name: str, roles: Sequence[str]) -> JsonObject:
    rule: dict[str, JsonValue] = {
        "availableResource": bucket,
        "availablePermissions": [f"inRole:{role}" for role in roles],
    }
    if kind != "bucket":
        whole = f"{bucket.removeprefix('//storage.googleapis.com/')}/objects/{name}"
        expression = (
            f"resource.name == '{whole}'"
            if kind == "object"
            else f"resource.name.startsWith('{whole}')"
        )
        rule["availabilityCondition"] = {"expression": expression}
    return rule


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the boundary again, as Google would.

    Raises:
        NotRenderable: there is something that it does not read as `render` meant it.
    """
    boundary = only_members(rendering.get("accessBoundary"), frozenset({"accessBoundaryRules"}))
    rules = boundary.get("accessBoundaryRules")
    if not isinstance(rules, list):
        raise NotRenderable("there are no rules")
    singles: set[Hashable] = set()
    for item in rules:
        allowed = frozenset({"availableResource", "availablePermissions", "availabilityCondition"})
        rule = only_members(item, allowed)
        bucket = text(rule.get("availableResource"))
        kind, name = _condition(bucket, rule.get("availabilityCondition"))
        for given in texts(rule.get("availablePermissions")):
            singles.add(Right(bucket, kind, name, given.removeprefix("inRole:")))
    return frozenset(singles)


def _condition(bucket: str, value: JsonValue) -> tuple[str, str]:
    if value is None:
        return "bucket", ""
    expression = text(only_members(value, frozenset({"expression"})).get("expression"))
    whole = re.fullmatch(r"resource\.name(?: == '([^']*)'|\.startsWith\('([^']*)'\))", expression)
    start = f"{bucket.removeprefix('//storage.googleapis.com/')}/objects/"
    named = None if whole is None else whole[1] if whole[2] is None else whole[2]
    if whole is None or named is None or not named.startswith(start):
        raise NotRenderable("a condition does not read back")
    return "object" if whole[2] is None else "prefix", named.removeprefix(start)
