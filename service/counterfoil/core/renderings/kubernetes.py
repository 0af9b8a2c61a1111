"""`kubernetes` permissions → one Role each, with the admission limits that belong to it.

A Role alone would be wider than a permission that limits images and powers: what may be
deployed is decided at admission. So each entry carries both, and an issuer that cannot
make the admission policy (or whose probe shows that it does not bite yet) must refuse.
Entries stay apart: joining two would lend one's images to the other's names.

Discovery (GET on fixed paths, ambient on a default cluster) belongs to no namespace. It
stands apart as `discovery`: a strict cluster's issuer binds it, others have it.

Not expressible, so refused: other cluster-wide rights, `*`, `escalate`, `bind`, `impersonate`,
and `deletecollection` limited to names (the server ignores the names).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings.contract import (
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

API_VERSION = "rbac.authorization.k8s.io/v1"
LIFETIME_FLOOR_SECONDS = 600  # TokenRequest makes none shorter

_MEMBERS = frozenset({"type", "locations", "identifier", "rules", "images", "powers", "operations"})
_RULE_MEMBERS = frozenset({"apiGroups", "resources", "resourceNames", "verbs"})
_VERBS = frozenset(
    {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
)
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)  # RFC 1123 label
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)  # RFC 1123 subdomain
_RESOURCE = re.compile(r"[a-z0-9]+(/[a-z]+)?", re.ASCII)
_WORD = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_IMAGE = re.compile(r"[a-z0-9.:_/*@-]{1,512}", re.ASCII)

DISCOVERY_PATHS = frozenset(
    {"/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/"}
)
"""The paths of the built-in role `system:discovery`; `*` is the role's own."""

Rule = tuple[str, str, str | None, str]
Limit = tuple[str, ...] | None


class Right(NamedTuple):
    """One verb on one resource, under the limits of the permission it comes from."""

    location: str
    namespace: str
    rule: Rule
    images: Limit
    powers: Limit


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: Kubernetes cannot express it.
    """
    only_members(permission, _MEMBERS)
    locations = texts(permission.get("locations"))
    if permission.get("identifier") == "":
        return frozenset(_discovery_right(locations[0], url) for url in _discovery(permission))
    namespace = text(permission.get("identifier"))
    rules = permission.get("rules")
    if len(locations) != 1 or not _NAMESPACE.fullmatch(namespace):
        raise NotRenderable("a Role lives in one namespace of one cluster")
    if not isinstance(rules, (list, tuple)) or not rules:
        raise NotRenderable("a list is missing or empty")
    images = _limit(permission, "images", _IMAGE)
    powers = _limit(permission, "powers", _WORD)
    return frozenset(
        Right(locations[0], namespace, single, images, powers)
        for rule in rules
        for single in _singles(rule)
    )


def render(permissions: Sequence[Permission]) -> JsonObject:
    """One entry for each permission: the Role, and its admission limits where it has any.

    Raises:
        NotRenderable: Kubernetes cannot express one of them.
    """
    entries: dict[bytes, JsonValue] = {}
    discovery: set[str] = set()
    for permission in permissions:
        rights(permission)  # refuses before anything is written
        if permission["identifier"] == "":
            discovery.update(_discovery(permission))
            continue
        entry = _entry(permission)
        entries[canonical_bytes(entry)] = entry
    found = {location for item in permissions for location in texts(item.get("locations"))}
    location = only_location(found, "an account lives in one cluster")
    return {
        "location": location,
        "roles": [entries[key] for key in sorted(entries)],
        "discovery": sorted(discovery),
        "lifetime_floor_seconds": LIFETIME_FLOOR_SECONDS,
        "early_revocation": "delete the Secret that the token is bound to",
    }


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the rendered Roles again, as the server would expand them.

    Raises:
        NotRenderable: an entry is none that `render` may write.
    """
    location = text(rendering.get("location"))
    entries, urls = rendering.get("roles"), rendering.get("discovery")
    if not isinstance(entries, list) or not isinstance(urls, list):
        raise NotRenderable("a rendering does not read back")
    found: set[Hashable] = {_discovery_right(location, text(url)) for url in urls}
    for entry in entries:
        role, admission = entry["role"], entry.get("admission", {})
        if (role["apiVersion"], role["kind"]) != (API_VERSION, "Role"):
            raise NotRenderable("a rendered Role does not read back")
        limits = [tuple(admission[n]) if n in admission else None for n in ("images", "powers")]
        namespace = role["metadata"]["namespace"]
        for rule in role["rules"]:
            names = rule.get("resourceNames", [None])
            found.update(
                Right(location, namespace, (group, resource, name, verb), *limits)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for name in names
                for verb in rule["verbs"]
            )
    return frozenset(found)


def _entry(permission: Permission) -> dict[str, JsonValue]:
    rules = permission["rules"]
    role: JsonObject = {
        "apiVersion": API_VERSION,
        "kind": "Role",
        "metadata": {"namespace": permission["identifier"]},
        "rules": [
            {name: sorted(set(values)) for name, values in rule.items()}
            for rule in (rules if isinstance(rules, (list, tuple)) else ())
            if isinstance(rule, dict)
        ],
    }
    limits: dict[str, JsonValue] = {
        name: list(texts(permission[name])) if permission[name] else []
        for name in ("images", "powers")
        if name in permission
    }
    return {"role": role, "admission": limits} if limits else {"role": role}


def _discovery(permission: Permission) -> tuple[str, ...]:
    rules = permission.get("rules")
    if not isinstance(rules, (list, tuple)) or permission.get("powers") or "images" in permission:
        raise NotRenderable("discovery is nothing but GET on fixed paths")
    urls: set[str] = set()
    for value in rules:
        rule = only_members(value, frozenset({"nonResourceURLs", "verbs"}))
        if texts(rule.get("verbs")) != ("get",):
            raise NotRenderable("discovery is nothing but GET on fixed paths")
        urls.update(texts(rule.get("nonResourceURLs")))
    if not DISCOVERY_PATHS.issuperset(urls):
        raise NotRenderable("a path is not one of discovery")
    return tuple(sorted(urls))


def _discovery_right(location: str, url: str) -> Right:
    return Right(location, "", ("", url, None, "get"), None, None)


def _singles(value: JsonValue) -> list[Rule]:
    rule = only_members(value, _RULE_MEMBERS)
    names: tuple[str | None, ...] = (None,)
    if "resourceNames" in rule:
        names = tuple(_matching(name, _NAME) for name in texts(rule["resourceNames"]))
    verbs = texts(rule.get("verbs"))
    if not _VERBS.issuperset(verbs):
        raise NotRenderable("a verb is not one that a job may have")
    if names != (None,) and "deletecollection" in verbs:
        raise NotRenderable("deletecollection cannot be limited to names")
    return [
        (group, resource, name, verb)
        for group in _groups(rule.get("apiGroups"))
        for resource in (_matching(item, _RESOURCE) for item in texts(rule.get("resources")))
        for name in names
        for verb in verbs
    ]


def _groups(value: JsonValue) -> tuple[str, ...]:
    # The core group is the empty name, so this list has its own reader.
    if not isinstance(value, (list, tuple)) or not value:
        raise NotRenderable("a list is missing or empty")
    groups = {item for item in value if isinstance(item, str)}
    if len(groups) != len(value) or not all(not item or _NAME.fullmatch(item) for item in groups):
        raise NotRenderable("an API group is malformed")
    return tuple(sorted(groups))


def _limit(permission: Permission, name: str, form: re.Pattern[str]) -> Limit:
    # An empty list is a limit too: nothing at all.
    if name not in permission:
        return None
    value = permission[name]
    return tuple(_matching(item, form) for item in texts(value)) if value else ()


def _matching(value: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(value):
        raise NotRenderable("a name is not one that the target can hold")
    return value
