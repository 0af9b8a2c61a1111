"""What a registry's client asks its realm for (distribution, "Token Scope Documentation").

`type[(class)]:name:action[,action]`, several in one parameter or in several. Read to find what
of it was decided: what is asked beyond that is left out, as the protocol wants it, and the
registry refuses the act.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

MAX_SCOPE_CHARACTERS: Final = 4_096
MAX_SCOPES: Final = 32  # docker asks for two: its own and the one that it mounts from
_SCOPE: Final = re.compile(
    r"(?P<type>[a-z0-9]+(?:\([a-z0-9]+\))?):(?P<name>[!-9;-~][!-~]{0,511}):(?P<actions>[a-z*]+(?:,[a-z*]+)*)",
    re.ASCII,
)

Rights = Mapping[str, frozenset[str]]
"""Actions by repository."""


class BadScope(ValueError):
    """It is not the grammar's."""


def granted(asked: Sequence[str], decided: Rights) -> dict[str, frozenset[str]]:
    """What of the asked was decided. Names are compared as they stand; `*` is no action.

    Args:
        asked: the parameters `scope`, each of one or several scopes.
        decided: what the credential is for.

    Raises:
        BadScope: a scope is not the grammar's, or there are too many.
    """
    scopes = [scope for text in asked for scope in text.split(" ") if scope]
    if len(scopes) > MAX_SCOPES or sum(map(len, asked)) > MAX_SCOPE_CHARACTERS:
        raise BadScope("too many scopes")
    found: dict[str, frozenset[str]] = {}
    for scope in scopes:
        read = _SCOPE.fullmatch(scope)
        if read is None:
            raise BadScope("a scope is type:name:action,action")
        name = read["name"]
        actions = frozenset(read["actions"].split(",")) & decided.get(name, frozenset())
        if read["type"] == "repository" and actions:
            found[name] = found.get(name, frozenset()) | actions
    return found


def access(rights: Rights) -> list[dict[str, object]]:
    """The claim `access` of a token."""
    return [
        {"type": "repository", "name": name, "actions": sorted(rights[name])}
        for name in sorted(rights)
    ]


def written(rights: Rights) -> str:
    """As a parameter `scope`."""
    return " ".join(
        f"repository:{name}:{','.join(sorted(rights[name]))}" for name in sorted(rights)
    )
