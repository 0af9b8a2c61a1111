"""`github_app` permissions → the body of `POST /app/installations/{id}/access_tokens`.

An installation token is for named repositories and named permissions. Both members always
stand in the body, because GitHub reads a missing one as everything that the installation has.
A permission is for a repository as a whole: GitHub knows no token for one branch or one file,
so an installation token of several repositories has each permission in all of them.

Not expressible, so refused: repositories with different permissions, of different owners, or
more than 500 of them.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from counterfoil.core.model import JsonObject, Permission
from counterfoil.core.renderings.contract import (
    NotRenderable,
    only_location,
    only_members,
    text,
    texts,
)

LIFETIME_FLOOR_SECONDS: Final = 3_600
MAX_REPOSITORIES: Final = 500
_MEMBERS = frozenset({"type", "locations", "identifier", "actions", "operations"})
_OWNER = re.compile(r"https://[a-z0-9.-]+(?::[1-9][0-9]{0,4})?/[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
_REPOSITORY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}", re.ASCII)
_ACTION = re.compile(r"([a-z_]{1,64}):(read|write|admin)", re.ASCII)


class Right(NamedTuple):
    """One permission at one level in one repository of one owner."""

    owner: str
    repository: str
    permission: str
    level: str


def rights(permission: Permission) -> frozenset[Hashable]:
    """The single rights of a permission; its location is the owner's page.

    Raises:
        NotRenderable: an installation token cannot express it.
    """
    only_members(permission, _MEMBERS)
    owner = only_location(texts(permission.get("locations")), "an installation has one owner")
    name, actions = text(permission.get("identifier")), texts(permission.get("actions"))
    if not _OWNER.fullmatch(owner) or not _REPOSITORY.fullmatch(name):
        raise NotRenderable("it is no repository of an owner")
    read = [_ACTION.fullmatch(action) for action in actions]
    singles = frozenset(Right(owner, name, one[1], one[2]) for one in read if one is not None)
    if len(singles) != len(actions) or len({one.permission for one in singles}) != len(singles):
        raise NotRenderable("a permission has one of GitHub's levels, and one only")
    return singles


def render(permissions: Sequence[Permission]) -> JsonObject:
    """Repositories and permissions, both always there.

    Raises:
        NotRenderable: the token would hold more than was asked for.
    """
    found: dict[str, set[tuple[str, str]]] = {}
    owners: set[str] = set()
    for permission in permissions:
        for right in rights(permission):
            assert isinstance(right, Right)  # noqa: S101 -- what `rights` makes
            owners.add(right.owner)
            found.setdefault(right.repository, set()).add((right.permission, right.level))
    owner = only_location(owners, "an installation has one owner")
    given = next(iter(found.values()))
    if any(other != given for other in found.values()):
        raise NotRenderable("the token would give each repository the permissions of the others")
    if len(dict(given)) != len(given) or len(found) > MAX_REPOSITORIES:
        raise NotRenderable("one level for each permission, and at most 500 repositories")
    return {
        "location": owner,
        "request": {"repositories": sorted(found), "permissions": dict(sorted(given))},
        "lifetime_floor_seconds": LIFETIME_FLOOR_SECONDS,
        "early_revocation": "DELETE /installation/token",
    }


def parse_back(rendering: JsonObject) -> frozenset[Hashable]:
    """Read the request again, as GitHub would.

    Raises:
        NotRenderable: a member is missing, which GitHub would read as everything.
    """
    owner = text(rendering.get("location"))
    request = only_members(rendering.get("request"), frozenset({"repositories", "permissions"}))
    permissions = request.get("permissions")
    if not isinstance(permissions, dict) or not permissions:
        raise NotRenderable("without permissions a token has all of the installation's")
    return frozenset(
        Right(owner, repository, name, text(level))
        for repository in texts(request.get("repositories"))
        for name, level in permissions.items()
    )
