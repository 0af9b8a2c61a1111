"""`aws_sts` permissions → the inline session policy of an AssumeRole.

A session may do what its role may *and* its session policy says, so the policy written here is
the most that the credential can do. AWS knows no life shorter than 900 seconds: whoever makes
the credential adds `DateLessThan aws:CurrentTime` to each statement, and room for that is kept.

Not expressible, so refused: a pattern (`*`, `?`, `${`) inside a name, which IAM would widen; a
policy of over 2,048 characters (STS AssumeRole, "Policy"). `*` alone stands where IAM knows no
resource for an action, as the permission itself says.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings.contract import (
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

LIFETIME_FLOOR_SECONDS: Final = 900
MAX_POLICY_CHARACTERS: Final = 2_048
DEADLINE_ROOM: Final = len(
    '"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-11-24T00:00:00Z"}},'
)
VERSION: Final = "2012-10-17"
ANY: Final = "*"

_MEMBERS = frozenset({"type", "locations", "identifier", "actions", "operations"})
_ACTION = re.compile(r"[a-z0-9-]{1,64}:[A-Za-z0-9]{1,64}", re.ASCII)
_ACCOUNT = re.compile(r"arn:(aws(?:-cn|-us-gov)?):account:[a-z0-9-]+:([0-9]{12}):account", re.ASCII)
# STS takes U+0020 to U+00FF; what IAM reads as a pattern or a variable is none of a name.
_ARN = re.compile(
    r"arn:([a-z-]+):[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:[!-#%-)+->@-\[\]-~\u00a1-\u00ff ]+"
)


class Right(NamedTuple):
    """One IAM action on one resource of one account."""

    location: str
    resource: str
    action: str


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission.

    Raises:
        NotRenderable: a session policy cannot express it.
    """
    only_members(permission, _MEMBERS)
    location = only_location(texts(permission.get("locations")), "a session is of one account")
    resource, actions = text(permission.get("identifier")), texts(permission.get("actions"))
    account = _ACCOUNT.fullmatch(location)
    if account is None:
        raise NotRenderable("the location is no account")
    if not all(_ACTION.fullmatch(action) for action in actions):
        raise NotRenderable("an IAM action is a service and a name, without a pattern")
    if resource != ANY:
        arn = _ARN.fullmatch(resource)
        if arn is None:
            raise NotRenderable("IAM would read a pattern or a variable in the resource's name")
        if arn[1] != account[1] or arn[2] not in {None, account[2]}:
            raise NotRenderable("the resource is of another account")
    return frozenset(Right(location, resource, action) for action in actions)


def render(permissions: Sequence[Permission]) -> JsonObject:
    """The session policy without white space, one statement a resource, sorted.

    Raises:
        NotRenderable: of several accounts, too long, or not expressible.
    """
    found: dict[str, set[str]] = {}
    for permission in permissions:
        for right in rights(permission):
            assert isinstance(right, Right)  # noqa: S101 -- what `rights` makes
            found.setdefault(right.resource, set()).add(right.action)
    locations = {one for item in permissions for one in texts(item.get("locations"))}
    location = only_location(locations, "a session is of one account")
    policy = session_policy(found)
    if len(policy) + DEADLINE_ROOM * len(found) > MAX_POLICY_CHARACTERS:
        raise NotRenderable("a session policy has at most 2,048 characters")
    return {
        "location": location,
        "policy": policy,
        "lifetime_floor_seconds": LIFETIME_FLOOR_SECONDS,
        "early_revocation": "add DateLessThan aws:CurrentTime to each statement",
    }


def session_policy(
    actions: Mapping[str, set[str]], *, condition: Mapping[str, JsonValue] | None = None
) -> str:
    """The policy's JSON: resource to actions, with the same condition in each statement."""
    further = {} if condition is None else {"Condition": condition}
    statements = [
        {"Effect": "Allow", "Action": sorted(actions[resource]), "Resource": [resource], **further}
        for resource in sorted(actions)
    ]
    return orjson.dumps({"Version": VERSION, "Statement": statements}).decode()


def with_deadline(policy: str, deadline: str) -> str:
    """The same policy, of no use from `deadline` (RFC 3339 in UTC) on.

    Raises:
        NotRenderable: it is not a policy of `render`, or became too long.
    """
    rights_of = _statements(policy)
    limited = session_policy(rights_of, condition={"DateLessThan": {"aws:CurrentTime": deadline}})
    if len(limited) > MAX_POLICY_CHARACTERS:
        raise NotRenderable("a session policy has at most 2,048 characters")
    return limited


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the policy again, as IAM would.

    Raises:
        NotRenderable: there is something that IAM does not read as `render` meant it.
    """
    location = text(rendering.get("location"))
    singles: set[Hashable] = set()
    for resource, actions in _statements(text(rendering.get("policy"))).items():
        if resource != ANY and re.search(r"[*?]|\$\{", resource):
            raise NotRenderable("a resource reads back as a pattern")
        singles.update(Right(location, resource, action) for action in actions)
    return frozenset(singles)


def _statements(policy: str) -> dict[str, set[str]]:
    """Resource to actions. Each statement allows, names one resource, and nothing else."""
    value = only_members(orjson.loads(policy), frozenset({"Version", "Statement"}))
    found: dict[str, set[str]] = {}
    statements = value.get("Statement")
    if value.get("Version") != VERSION or not isinstance(statements, list):
        raise NotRenderable("it is no policy")
    for item in statements:
        statement = only_members(item, frozenset({"Effect", "Action", "Resource"}))
        if statement.get("Effect") != "Allow":
            raise NotRenderable("a statement does not allow")
        resource = only_location(texts(statement.get("Resource")), "a statement has one resource")
        found.setdefault(resource, set()).update(texts(statement.get("Action")))
    return found
