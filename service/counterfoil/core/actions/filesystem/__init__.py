"""The `filesystem` family: one file or folder beneath a registered root.

What a tool does is said by its name in the operator's own mapping, from a closed table; where,
by the path, component by component. Nothing here looks at a disk: that no component is a link
is an obligation of the hook, which opens beneath the root or not at all
(docs/actions/filesystem.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from counterfoil.core.actions.contract import Limits, Unreadable, command_text
from counterfoil.core.actions.roots import ASSUMES, Place, resolve, root_of
from counterfoil.core.model import Command, Execute, Interpretation, Operation, Permission


class Tool(NamedTuple):
    """What a tool of that name does, to what, and which arguments it has beside the path."""

    verb: str
    kind: str
    arguments: frozenset[str]


_CONTENT: Final = frozenset({"content", "encoding"})
_NONE: Final = frozenset[str]()
TOOLS: Final[Mapping[str, Tool]] = {
    "read_file": Tool("read", "file", frozenset({"encoding"})),
    "read_text_file": Tool("read", "file", frozenset({"head", "tail"})),
    "write_file": Tool("write", "file", _CONTENT),
    "append_file": Tool("write", "file", _CONTENT),
    "delete_file": Tool("delete", "file", _NONE),
    "list_directory": Tool("list", "directory", _NONE),
    "create_directory": Tool("create", "directory", _NONE),
}
"""Tools by their names in `[[action]]`; another name is not guessed at."""
CHANGING: Final = frozenset({"write", "delete", "create"})
_REPOSITORY: Final = frozenset({".git", "git~1"})


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Say which file the tool reads or changes.

    Raises:
        Unreadable: the tool, one of its arguments or the path is not sure.
    """
    del limits  # a path is bounded by itself
    tool = TOOLS.get(command.tool)
    if tool is None:
        raise Unreadable("uncertain.filesystem_tool", command.tool)
    argument = command.command_argument or ""
    further = command.arguments.keys() - tool.arguments - {argument}
    if further:
        raise Unreadable("uncertain.filesystem_argument", min(further))
    root = root_of(command.resource)
    place = resolve(command_text(command), (root,), Place(root=root))
    operation = file_operation(tool.verb, place, kind=tool.kind)
    return Interpretation(
        operations=(operation,),
        required=(file_permission(tool.verb, place, (0,)),),
        execute=Execute(
            arguments={**command.arguments, argument: place.absolute},
            session={"root": root.location, "path": place.relative},
        ),
    )


def file_operation(verb: str, place: Place, *, kind: str = "file") -> Operation:
    """One operation on one file, or on a folder.

    Raises:
        Unreadable: it would change a repository's own data, whose hooks and configuration are
            code that runs later.
    """
    if verb in CHANGING and any(part.casefold() in _REPOSITORY for part in place.parts):
        raise Unreadable("uncertain.path_repository", place.relative[:128])
    return Operation(
        family="filesystem",
        verb=verb,
        object={"kind": kind, "root": place.root.id, "path": place.relative},
        details={"parts": list(place.parts), "assumes": list(ASSUMES)},
    )


def file_permission(verb: str, place: Place, operations: tuple[int, ...]) -> Permission:
    """The right to do that to exactly this path."""
    return {
        "type": "filesystem",
        "locations": [place.root.location],
        "identifier": place.relative,
        "actions": [verb],
        "operations": list(operations),
    }
