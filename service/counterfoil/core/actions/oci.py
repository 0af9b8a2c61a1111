"""The `registry` family: pushing, pulling and deleting images (docs/actions/registry.md).

The command is one reference, read by the whole grammar (images.py); a list of words is a call
of docker, podman or oras. Which verb a tool stands for says its argument `verb`, else its own
name. The registry is a registered resource: a reference of another host is refused, because
whoever runs the tool would go to that host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from counterfoil.core.actions.contract import Limits, Unreadable, command_text
from counterfoil.core.actions.images import DEFAULT_HOST, ImageReference, parse_image
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonValue,
    Operation,
    Permission,
    Resource,
)

TYPE: Final = "oci_registry"
VERBS: Final = frozenset({"pull", "push", "delete"})
PROGRAMS: Final = frozenset({"docker", "podman", "oras"})
_OF_TOOLS: Final = {"pull_image": "pull", "push_image": "push", "delete_image": "delete"}
_ACTIONS: Final = {"pull": ["pull"], "push": ["pull", "push"], "delete": ["delete"]}
"""What a registry's token must hold: pushing looks first for the layers that are there."""
_LOCATION: Final = re.compile(r"https?://([a-z0-9.-]+(?::[0-9]+)?|\[[0-9a-f:]+\](?::[0-9]+)?)/?")
_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}


class Read(NamedTuple):
    """What the words do, and the words that run instead."""

    operations: tuple[Operation, ...]
    required: tuple[Permission, ...]
    words: tuple[str, ...]


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read one reference and say what is done to its repository.

    Raises:
        Unreadable: the reference is not the grammar's, or of another registry.
    """
    del limits  # a reference has a bound of its own
    resource = command.resource
    if resource is None or resource.type != TYPE:
        raise Unreadable("uncertain.resource_type", f"{TYPE} is needed")
    argument = command.command_argument or ""
    value = command.arguments.get(argument)
    if isinstance(value, list):
        if not all(isinstance(word, str) for word in value):
            raise Unreadable("uncertain.no_command", "the words of a command are text")
        read = read_images(cast("list[str]", value), [resource])
        words: JsonValue = list(read.words)
        return _answer(command, read.operations, read.required, {argument: words})
    image = _reference(command_text(command), resource)
    verb = _verb(command)
    changed: dict[str, JsonValue] = {argument: image.text}
    sources = _sources(command, verb, image, resource)
    operations, required = _rights(verb, image, resource, sources)
    return _answer(command, operations, required, changed)


def read_images(words: Sequence[str], registries: Sequence[Resource]) -> Read:
    """Read `docker|podman|oras push|pull REFERENCE`, without options.

    Args:
        words: the whole argument list, the program first.
        registries: the registered ones that this caller may mean.

    Returns:
        Operations, permissions (whose `operations` count from 0), and the words that run: the
        same with every default of the reference written out.

    Raises:
        Unreadable: another command, a doubtful reference, or none of these registries.
    """
    if len(words) != 3 or words[0] not in PROGRAMS or words[1] not in {"push", "pull"}:  # noqa: PLR2004
        raise Unreadable("uncertain.image_command", " ".join(words)[:128])
    program, verb, reference = words
    if reference.startswith("-"):
        raise Unreadable("uncertain.image_command", reference[:128])
    image = parse_image(reference)
    if program != "docker" and "/" not in reference:
        # podman looks short names up in a list of the machine's own, oras takes them for hosts
        raise Unreadable("uncertain.manifest_image", reference[:128])
    resource = next((one for one in registries if host_of(one) == image.host), None)
    if resource is None:
        raise Unreadable("uncertain.image_registry", image.host[:128])
    operations, required = _rights(verb, image, resource, ())
    return Read(operations, required, (program, verb, image.text))


def host_of(resource: Resource) -> str | None:
    """The host by which references name a registered registry; a default port is left out."""
    found = _LOCATION.fullmatch(resource.location)
    if resource.type != TYPE or found is None:
        return None
    host = found[1].removesuffix(_DEFAULT_PORTS[resource.location.partition(":")[0]])
    return DEFAULT_HOST if host in _HUB else host


def _reference(text: str, resource: Resource) -> ImageReference:
    image = parse_image(text)
    if host_of(resource) != image.host:
        raise Unreadable("uncertain.image_registry", image.host[:128])
    return image


def _verb(command: Command) -> str:
    verb = command.arguments.get("verb", _OF_TOOLS.get(command.tool))
    if not isinstance(verb, str) or verb not in VERBS:
        raise Unreadable("uncertain.image_command", str(verb)[:128])
    return verb


def _sources(
    command: Command, verb: str, image: ImageReference, resource: Resource
) -> Sequence[str]:
    """The repository that layers are mounted from, where the tool's argument names one."""
    source = command.arguments.get("from")
    if source is None:
        return ()
    if not isinstance(source, str) or verb != "push":
        raise Unreadable("uncertain.image_command", "from")
    other = _reference(source, resource)
    return () if other.path == image.path else (other.path,)


def _rights(
    verb: str, image: ImageReference, resource: Resource, sources: Sequence[str]
) -> tuple[tuple[Operation, ...], tuple[Permission, ...]]:
    uses = [(verb, image.path, _named(image)), *(("pull", path, {}) for path in sources)]
    operations = tuple(
        Operation(
            family="registry",
            verb=what,
            object={
                "kind": "repository",
                "registry": resource.id,
                "name": path,
                "components": path.split("/"),
            },
            details=details,
        )
        for what, path, details in uses
    )
    required: tuple[Permission, ...] = tuple(
        {
            "type": TYPE,
            "locations": [resource.location],
            "identifier": path,
            "actions": _actions(what, details),
            "operations": [index],
        }
        for index, (what, path, details) in enumerate(uses)
    )
    return operations, required


def _actions(what: str, details: Mapping[str, JsonValue]) -> list[str]:
    """Deleting by a tag asks the registry first which digest that is."""
    by_tag = what == "delete" and "tag" in details
    return ["delete", "pull"] if by_tag else _ACTIONS[what]


def _named(image: ImageReference) -> dict[str, JsonValue]:
    """What of the repository: with a digest the tag is ignored."""
    return {"digest": image.digest} if image.digest else {"tag": image.tag}


def _answer(
    command: Command,
    operations: tuple[Operation, ...],
    required: tuple[Permission, ...],
    changed: Mapping[str, JsonValue],
) -> Interpretation:
    return Interpretation(
        operations=operations,
        required=required,
        execute=Execute(arguments={**command.arguments, **changed}),
    )
