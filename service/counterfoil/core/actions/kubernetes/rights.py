"""What a Role hands out: each right an operation of its own, which policy must allow.

The API server lets nobody make a role with rights that he does not hold (`escalate` and `bind`
would switch that off, and are never asked for). So a job that makes one needs every right in
it, and so does one that binds it, where the manifest itself shows the role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.kubernetes.objects import Object
from counterfoil.core.kubernetes_api.kinds import RESOURCES
from counterfoil.core.model import JsonObject, JsonValue

MAX_RIGHTS: Final = 128
"""Groups, resources and names multiply: 300 words of a manifest could be a million rights."""

Right = tuple[str, str, str | None, tuple[str, ...]]
"""API group, resource, name or None for any, verbs."""


def rules_of(item: Object, beside: Sequence[Object]) -> tuple[JsonObject, ...]:
    """The rules that making this object hands out; none of what is no Role and binds none.

    Args:
        item: one object of a manifest.
        beside: all objects of it: a binding's role may stand there.

    Raises:
        Unreadable: a rule is none of a Role.
    """
    if item.kind.kind == "RoleBinding":
        reference = item.value.get("roleRef")
        for other in beside:
            shown = {"apiGroup": other.kind.group, "kind": "Role", "name": other.name}
            if other.namespace == item.namespace and reference == shown:
                return rules_of(other, ())
        return ()
    if item.kind.kind != "Role":
        return ()
    rules = cast("list[dict[str, object]]", item.value.get("rules", []))
    found = tuple(_rule(rule, f"/rules/{i}") for i, rule in enumerate(rules))
    if len(list(zip(rights_in(found), range(MAX_RIGHTS + 1), strict=False))) > MAX_RIGHTS:
        raise Unreadable("uncertain.too_deep", f"more than {MAX_RIGHTS} rights")
    return found


def rights_in(rules: Sequence[JsonObject]) -> Iterator[Right]:
    """The rights of rules, each on one resource."""
    for rule in rules:
        verbs = tuple(cast("list[str]", rule["verbs"]))
        for group in cast("list[str]", rule["apiGroups"]):
            for resource in cast("list[str]", rule["resources"]):
                for name in cast("list[str]", rule.get("resourceNames", [None])):
                    yield group, resource, name, verbs


def handed_out(right: Right) -> tuple[dict[str, JsonValue], list[str]]:
    """A right as an operation's object, and as the fields that policy must name."""
    group, resource, name, verbs = right
    base, slash, part = resource.partition("/")
    kind = RESOURCES.get((group, base))
    target: dict[str, JsonValue] = {
        "kind": f"{kind.kind if kind else base}{slash}{part}",
        "api_group": group,
    }
    if name is not None:
        target["name"] = name
    return target, [f"/verbs/{verb}" for verb in verbs]


def _rule(value: Mapping[str, object], pointer: str) -> JsonObject:
    if value.get("nonResourceURLs"):
        raise Unreadable("uncertain.manifest_value", pointer)  # a Role has no paths
    rule: dict[str, JsonValue] = {}
    for member in ("apiGroups", "resources", "resourceNames", "verbs"):
        # Lists of text: the object was walked by the published types.
        words = cast("list[str]", value.get(member, []))
        if words:
            rule[member] = sorted(set(words))
        elif member != "resourceNames":
            raise Unreadable("uncertain.manifest_value", f"{pointer}/{member}")
    return rule
