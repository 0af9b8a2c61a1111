"""The `kubernetes` family: manifests, applied server-side, and what kubectl is told to do.

    1. documents, read alike by every reader         reader.py
    2. closed tables, images, powers                 manifest.py, shapes.py, objects.py
    3. operations, exact rules                       acts.py
    4. argument lists of kubectl                     kubectl.py
    5. and the canonical form that runs instead      here

Server-side apply is the narrowest way to deploy: there RBAC honours `resourceNames` for
`create` as well, because the PATCH carries the name (docs/actions/kubernetes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from counterfoil.core.actions.contract import Limits, Unreadable, check_size, command_text
from counterfoil.core.actions.kubernetes.acts import acts_on, answer, discovery
from counterfoil.core.actions.kubernetes.canonical import canonical_manifest
from counterfoil.core.actions.kubernetes.kubectl import read_kubectl
from counterfoil.core.actions.kubernetes.objects import read_objects
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Resource,
)

SESSION: Final[JsonObject] = {"apply": "server-side", "force_conflicts": False}
NAMESPACE: Final = "namespace"
"""The argument that says where objects go that name no namespace themselves."""
MANIFEST: Final = "manifest"
"""The argument that a list of kubectl's words reads as `-f -`."""


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read the manifest, or the list of kubectl's words, that the command holds.

    Raises:
        Unreadable: readers may differ about it, or anything in it is not known.
        RecursionError: it is nested deeper than a reader goes.
    """
    resource = command.resource
    if resource is None or resource.type != "kubernetes":
        raise Unreadable("uncertain.resource_type", "kubernetes is needed")
    words = command.arguments.get(command.command_argument or "")
    if isinstance(words, list):
        return _kubectl(command, resource, words, limits)
    text = command_text(command)
    check_size(text, limits.manifest_bytes)
    objects = read_objects(text, _text_argument(command, NAMESPACE))
    found = answer(acts_on(objects, "apply"), resource)
    changed = {command.command_argument or "": canonical_manifest(objects)}
    return Interpretation(
        operations=found.operations,
        required=found.required,
        ambient=(discovery(resource),),
        execute=Execute(arguments={**command.arguments, **changed}, session=SESSION),
    )


def _kubectl(
    command: Command, resource: Resource, words: Sequence[JsonValue], limits: Limits
) -> Interpretation:
    if not all(isinstance(word, str) for word in words):
        raise Unreadable("uncertain.no_command", "the words of kubectl are text")
    read = read_kubectl(
        ["kubectl", *cast("list[str]", words)],
        resource,
        namespace=_text_argument(command, NAMESPACE),
        stdin=_text_argument(command, MANIFEST),
        max_bytes=limits.manifest_bytes,
    )
    changed: dict[str, JsonValue] = {command.command_argument or "": list(read.words[1:])}
    if read.stdin is not None:
        changed[MANIFEST] = read.stdin
    return Interpretation(
        operations=read.operations,
        required=read.required,
        ambient=(discovery(resource),),
        execute=Execute(arguments={**command.arguments, **changed}),
    )


def _text_argument(command: Command, name: str) -> str | None:
    value = command.arguments.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable("uncertain.manifest_namespace", f"{name} is not text")
    return value
