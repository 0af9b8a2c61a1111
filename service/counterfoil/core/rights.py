"""What policy's data lets a person's groups and an agent reach, at most (`data.access`).

A right is found under `data.access.<tenant>.<family>.…` at the end of a path of names whose
last value maps roles to what they may: `"allow"`, the name of approval terms, or an object
with an `effect` and limits. Any family is read so, a customer's own too, because what marks
the end is the roles. Rules that deny, and a tenant's own packages, are not data: what is
listed here is the most that data gives, never a promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.remedy import object_at

ALLOW = "allow"
_NOT_FAMILIES = frozenset({"roles", "approvals", "tasks"})
_EFFECTS = ("effect", "otherwise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One thing within reach: where, with which effect, by which role of each.

    `effect` is `allow` or the name of approval terms. `limits` are those of the two rights,
    the person's first; both hold.
    """

    family: str
    path: tuple[str, ...]
    effect: str
    role: str
    ceiling: str
    limits: tuple[JsonObject, ...] = ()


def groups_of(access: Mapping[str, JsonValue]) -> list[str]:
    """All groups that hold any role."""
    roles = object_at(access, "roles")
    return sorted({name for role in roles for name in _given(object_at(roles, role, "groups"))})


def agents_of(access: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    """All agents that hold any role, by issuer and name."""
    roles = object_at(access, "roles")
    found = {
        (issuer, name)
        for role in roles
        for issuer in object_at(roles, role, "agents")
        for name in _given(object_at(roles, role, "agents", issuer))
    }
    return sorted(found)


def roles_of_person(access: Mapping[str, JsonValue], groups: Iterable[str]) -> frozenset[str]:
    """The roles that these groups hold together."""
    roles, held = object_at(access, "roles"), set(groups)
    return frozenset(
        role for role in roles if held.intersection(_given(object_at(roles, role, "groups")))
    )


def roles_of_agent(access: Mapping[str, JsonValue], agent: tuple[str, str]) -> frozenset[str]:
    """The roles that an agent may use; its registered ceiling may be lower."""
    roles, (issuer, name) = object_at(access, "roles"), agent
    return frozenset(
        role for role in roles if name in _given(object_at(roles, role, "agents", issuer))
    )


def roles_of_agents_named(
    access: Mapping[str, JsonValue], name: str, issuer: str | None = None
) -> frozenset[str]:
    """The roles of an agent that is asked about by its name, of one issuer or of any."""
    agents = [one for one in agents_of(access) if one[1] == name and issuer in {None, one[0]}]
    return frozenset[str]().union(*(roles_of_agent(access, one) for one in agents))


def effect_in_words(one: Reach, access: Mapping[str, JsonValue]) -> str:
    """`allow`, or who must approve; without the limits."""
    if one.effect == ALLOW:
        return ALLOW
    terms = object_at(access, "approvals", one.effect)
    approvers = terms.get("approvers")
    names = ", ".join(map(str, approvers)) if isinstance(approvers, list) else "nobody known"
    return f"needs approval by {terms.get('quorum', 1)} of {names}"


def reach(
    access: Mapping[str, JsonValue], person: frozenset[str], agent: frozenset[str]
) -> list[Reach]:
    """What both roles of the person and roles of the agent cover, widest first for each path."""
    names = frozenset(object_at(access, "roles"))
    found: dict[tuple[str, ...], list[Reach]] = {}
    for path, rights in _rights(access, names):
        for role in sorted(person & rights.keys()):
            for ceiling in sorted(agent & rights.keys()):
                found.setdefault(path, []).extend(_pair(path, rights, role, ceiling))
    return [one for path in sorted(found) for one in _distinct(found[path])]


def _pair(
    path: tuple[str, ...], rights: Mapping[str, JsonValue], role: str, ceiling: str
) -> Iterator[Reach]:
    for one, limited in _effects(rights[role]):
        for other, held in _effects(rights[ceiling]):
            effects = {one, other} - {ALLOW}
            if len(effects) > 1:  # two kinds of approval for one operation: policy denies that
                continue
            limits = [item for item in (limited, held) if item]
            yield Reach(
                family=path[0],
                path=path[1:],
                effect=effects.pop() if effects else ALLOW,
                role=role,
                ceiling=ceiling,
                limits=tuple(limits[:1] if limits[:1] == limits[1:] else limits),
            )


def _effects(right: JsonValue) -> Iterator[tuple[str, JsonObject]]:
    """The effects that a right may have, each with what must be met for it."""
    if isinstance(right, str):
        yield right, {}
        return
    if isinstance(right, dict):
        limits = {name: value for name, value in right.items() if name not in _EFFECTS}
        if isinstance(effect := right.get("effect"), str):
            yield effect, limits
        if isinstance(otherwise := right.get("otherwise"), str):
            yield otherwise, {}


def _distinct(found: Iterable[Reach]) -> list[Reach]:
    """Each effect and limits once; an allow before what asks people, fewer limits before more."""
    ordered = sorted(found, key=lambda one: (one.effect != ALLOW, len(one.limits), one.effect))
    seen: dict[tuple[str, bytes], Reach] = {}
    for one in ordered:
        seen.setdefault((one.effect, canonical_bytes(list(one.limits))), one)
    return list(seen.values())


def _rights(
    access: Mapping[str, JsonValue], roles: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], Mapping[str, JsonValue]]]:
    """Each path below a family that ends in rights of roles. Depth is that of the data."""
    waiting: list[tuple[tuple[str, ...], JsonValue]] = [
        ((family,), tree) for family, tree in access.items() if family not in _NOT_FAMILIES
    ]
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, dict) or not value:
            continue
        if roles.issuperset(value) and all(_is_right(right) for right in value.values()):
            yield path, value
        else:
            waiting += [((*path, name), below) for name, below in value.items()]


def _is_right(value: JsonValue) -> bool:
    return isinstance(value, str) or (isinstance(value, dict) and "effect" in value)


def _given(value: Mapping[str, JsonValue]) -> set[str]:
    """A set is written as an object of trues."""
    return {name for name, held in value.items() if held is True}
