"""Permissions as sets: when two lists of them mean exactly the same rights (RFC 9396 §2).

Array order and repetition mean nothing inside the members named here, and nothing in the
list itself. Everything else is compared exactly, so an unknown member never matches by
accident and `1` is not `true`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from counterfoil.core.canonical import NotCanonical, canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue

SET_MEMBERS = frozenset(
    {
        "actions",
        "columns",
        "datatypes",
        "images",
        "locations",
        "operations",
        "powers",
        "privileges",
        "rules",
    }
)
"""Members of a permission whose arrays are sets."""
RULE_SET_MEMBERS = frozenset({"apiGroups", "resources", "resourceNames", "verbs"})
"""Members of a Kubernetes rule (an item of `rules`) whose arrays are sets."""


def canonical_permission(permission: JsonObject) -> dict[str, JsonValue]:
    """Return the permission with its set-like arrays sorted and without repetitions.

    Raises:
        NotCanonical: a number with a fraction, or text with a lone surrogate.
    """
    return {
        name: _sorted_set(name, value) if name in SET_MEMBERS else value
        for name, value in permission.items()
    }


def permission_key(permission: JsonObject) -> bytes:
    """Bytes that are equal exactly where two permissions are.

    Raises:
        NotCanonical: see `canonical_permission`.
    """
    return canonical_bytes(canonical_permission(permission))


def permissions_match(permissions: Iterable[JsonValue], required: Iterable[JsonObject]) -> bool:
    """True where both hold the same rights, no fewer and no more.

    `permissions` come from policy and may be anything; what cannot be compared does not
    match.
    """
    try:
        wanted = {permission_key(item) for item in required}
        found = set()
        for item in permissions:
            if not isinstance(item, Mapping):
                return False
            found.add(permission_key(item))
    except NotCanonical:
        return False
    return found == wanted


def _sorted_set(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, (list, tuple)):
        return value
    items = [_canonical_rule(item) for item in value] if name == "rules" else value
    if len(items) < 2:  # noqa: PLR2004 -- nothing to sort: the usual case, on the hot path
        return list(items)
    by_key = {canonical_bytes(item): item for item in items}
    return [by_key[key] for key in sorted(by_key)]


def _canonical_rule(rule: JsonValue) -> JsonValue:
    if not isinstance(rule, Mapping):
        return rule
    return {
        name: _sorted_set(name, value) if name in RULE_SET_MEMBERS else value
        for name, value in rule.items()
    }
