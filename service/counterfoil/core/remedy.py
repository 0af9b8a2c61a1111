"""Changes that might make an action allowed, narrowest first: supposed here, tried elsewhere.

A change of data gives no more than the operations need: one name, the rows and the key that
the text itself has, to a role that person and agent hold already, or to a new one that holds
nothing else. Where a limit of a right stands in the way (closed columns, keys, rows) data is
not the remedy: the command is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.model import Actor, Caller, JsonObject, JsonValue, Operation

NEW_ROLE: Final = "new-role"
"""The name of a role that does not exist yet; its author will know a better one."""
_KEYED: Final = frozenset({"update", "delete"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of the policy's data, by its path."""

    path: tuple[str, ...]
    value: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One supposed change: of the command, of data, or none but a person's answer.

    `size` orders changes of one kind: characters of a command, values of data.
    """

    kind: str
    title: str
    size: int = 0
    arguments: JsonObject | None = None
    settings: tuple[Setting, ...] = ()


def with_settings(document: JsonValue, settings: Iterable[Setting]) -> JsonValue:
    """The document with each value set; objects on the way are made."""
    whole: dict[str, JsonValue] = dict(document) if isinstance(document, Mapping) else {}
    for setting in settings:
        first, rest = setting.path[0], setting.path[1:]
        whole[first] = (
            with_settings(whole.get(first), [Setting(rest, setting.value)])
            if rest
            else setting.value
        )
    return whole


def narrower(found: Sequence[Operation], asked: Sequence[Operation]) -> bool:
    """Whether each operation is one that was asked for already, on no further column.

    Whoever changes rows may look at them to say which: a condition narrows the change.
    """
    return all(any(_within(item, other) for other in asked) for item in found)


def _within(item: Operation, other: Operation) -> bool:
    if (item.verb, item.object) == ("select", other.object) and other.verb in _KEYED:
        return item.columns is not None
    if (item.family, item.verb, item.object) != (other.family, other.verb, other.object):
        return False
    if item.columns is None or other.columns is None:
        return other.columns is None
    return set(item.columns) <= set(other.columns)


def policy_changes(
    operations: Sequence[Operation], uncovered: Collection[int], caller: Caller, data: JsonObject
) -> Iterator[Change]:
    """Data that would cover the operations `uncovered`; none where a limit stands in the way.

    Args:
        operations: all of the action's.
        uncovered: indexes of those that no role covers.
        caller: whose roles count.
        data: the policy's base data.
    """
    access = object_at(data, "data", "access", caller.tenant)
    holders = _roles(access, caller)
    paths = [_path(operations[i]) for i in uncovered]
    known = [path for path in paths if path is not None]
    if not paths or len(known) != len(paths) or not holders:
        return
    base = ("data", "access", caller.tenant)
    needed = [(operations[i], path) for i, path in zip(uncovered, known, strict=True)]
    if any(_limited(object_at(access, *path), operation) for operation, path in needed):
        return
    for roles, about in holders:
        added = _added(roles, needed, access)
        if added is not None:
            whole = (*about, *(Setting((*base, *item.path), item.value) for item in added))
            title = _title(roles, new=bool(about))
            yield Change(kind="policy", title=title, size=len(whole), settings=whole)


def _limited(rights: Mapping[str, JsonValue], operation: Operation) -> bool:
    """Whether somebody's right reaches the object within limits: another role is no way round."""
    name = operation.object.get("name")
    for right in rights.values():
        limits = right if isinstance(right, Mapping) else {}
        names = limits.get("names", {name: True})
        reached = isinstance(names, Mapping) and name in names
        if reached and limits.keys() - {"effect", "names"}:
            return True
    return False


def _added(
    roles: Sequence[str],
    needed: Sequence[tuple[Operation, tuple[str, ...]]],
    access: Mapping[str, JsonValue],
) -> list[Setting] | None:
    """Rights of these roles that cover all that is needed; None where a limit stands in the way."""
    found: list[Setting] = []
    for operation, path in needed:
        for role in roles:
            widened = _widened(object_at(access, *path).get(role), operation)
            if widened is None:
                return None
            settings = [Setting((*path, role, *item.path), item.value) for item in widened]
            access = _mapping(with_settings(access, settings))  # the next may need the same right
            found += settings
    return found


def _title(roles: Sequence[str], *, new: bool) -> str:
    names = " and ".join(roles)
    return f"a new role for this group and agent ({names})" if new else f"a right for role {names}"


def _path(operation: Operation) -> tuple[str, ...] | None:
    """Where the rights to an operation stand below a tenant's access data."""
    target = operation.object
    if operation.family == "database":
        # what stands in no schema has its rights under the empty name
        parts = [target.get("database"), target.get("schema", ""), target.get("kind")]
        texts = [part for part in parts if isinstance(part, str)]
        whole = len(texts) == len(parts)
        return ("database", *texts, operation.verb) if whole else None
    name = target.get("name")
    if operation.family == "tool" and isinstance(name, str):
        return ("tool", name)
    if operation.family == "handoff" and isinstance(name, str):
        return ("handoff", name)
    return None


def _widened(right: JsonValue, operation: Operation) -> list[Setting] | None:
    """What to set of one role's right; None where only a limit stands in the way."""
    name = operation.object.get("name")
    if right is None:
        return [Setting((), _narrow(operation))]
    if right == "allow":
        return []
    if isinstance(right, Mapping) and isinstance(name, str):
        names = right.get("names")
        if isinstance(names, Mapping) and name not in names and right.keys() <= {"effect", "names"}:
            return [Setting(("names", name), True)]  # noqa: FBT003 -- a value of data
    return None


def _narrow(operation: Operation) -> JsonValue:
    """The right to just this operation, as narrow as rights can be written."""
    name, details = operation.object.get("name"), operation.details
    if operation.family != "database" or not isinstance(name, str):
        return "allow"
    right: dict[str, JsonValue] = {"effect": "allow", "names": {name: True}}
    equal, limit = details.get("equal"), details.get("limit")
    if operation.verb in _KEYED and isinstance(equal, Sequence) and equal:
        right["keys"] = {name: [list(equal)]}
    if isinstance(limit, int):
        right["max_rows"] = limit
    return right


def _roles(
    access: Mapping[str, JsonValue], caller: Caller
) -> list[tuple[tuple[str, ...], tuple[Setting, ...]]]:
    """Roles to give rights to, best first: one that both hold, one of each, a new one."""
    actor = caller.actor
    if actor is None or not caller.subject.groups:
        return []
    roles = object_at(access, "roles")
    groups = set(caller.subject.groups)
    persons = [name for name in sorted(roles) if groups & _given(object_at(roles, name, "groups"))]
    agents = [name for name in sorted(roles) if _holds(object_at(roles, name, "agents"), actor)]
    if actor.ceiling is not None:
        agents = [name for name in agents if name in actor.ceiling]
    both = [name for name in persons if name in agents]
    if both:
        return [((name,), ()) for name in sorted(both, key=lambda name: _reach(access, name))]
    if persons and agents:
        return [((persons[0], agents[0]), ())]
    if actor.ceiling is not None:  # its registration would have to name the role too
        return []
    agents_of = dict.fromkeys((actor.sub, *actor.via), True)
    base = ("data", "access", caller.tenant, "roles", NEW_ROLE)
    group = min(groups)
    value: JsonObject = {"groups": {group: True}, "agents": {actor.issuer: agents_of}}
    return [((NEW_ROLE,), (Setting(base, value),))]


def _reach(access: Mapping[str, JsonValue], role: str) -> tuple[bool, int, str]:
    """Orders roles: those that databases know already, then those that fewest hold."""
    agents = object_at(access, "roles", role, "agents")
    holders = len(object_at(access, "roles", role, "groups")) + sum(
        len(_mapping(names)) for names in agents.values()
    )
    return not _mentions(object_at(access, "database"), role), holders, role


def _mentions(value: JsonValue, name: str) -> bool:
    return isinstance(value, Mapping) and (
        name in value or any(_mentions(item, name) for item in value.values())
    )


def _holds(agents: Mapping[str, JsonValue], actor: Actor) -> bool:
    known = _given(object_at(agents, actor.issuer))
    return {actor.sub, *actor.via} <= known


def _given(value: Mapping[str, JsonValue]) -> set[str]:
    return {name for name, held in value.items() if held is True}


def object_at(value: JsonValue, *path: str) -> Mapping[str, JsonValue]:
    """The object at a path; an empty one where there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return _mapping(value)


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}
