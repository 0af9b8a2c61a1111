"""The `kubernetes` family: one Deployment manifest, applied server-side.

    1. one document, read alike by every reader      reader.py
    2. closed tables, images, powers                 manifest.py, shapes.py
    3. operations, rules, and the canonical JSON     here

Server-side apply is the narrowest way to deploy: there RBAC honours `resourceNames` for
`create` as well, because the PATCH carries the name (docs/actions/kubernetes.md).
"""

from __future__ import annotations

import re
from typing import Final

from counterfoil.core.actions.contract import Limits, Unreadable, check_size, command_text
from counterfoil.core.actions.images import ImageReference
from counterfoil.core.actions.kubernetes.manifest import Findings
from counterfoil.core.actions.kubernetes.reader import Value, read_manifest
from counterfoil.core.actions.kubernetes.shapes import POWERS
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import (
    Command,
    Execute,
    Interpretation,
    JsonObject,
    JsonValue,
    Operation,
    Permission,
    Resource,
)

SESSION: Final[JsonObject] = {"apply": "server-side", "force_conflicts": False}
DISCOVERY: Final = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version")
"""What `system:discovery` gives to every authenticated account."""

_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?", re.ASCII)
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Read the manifest that the command holds.

    Raises:
        Unreadable: readers may differ about it, or anything in it is not known.
        RecursionError: it is nested deeper than a reader goes.
    """
    text = command_text(command)
    resource = command.resource
    if resource is None or resource.type != "kubernetes":
        raise Unreadable("uncertain.resource_type", "kubernetes is needed")
    check_size(text, limits.manifest_bytes)
    document = read_manifest(text)
    if not isinstance(document, dict) or (document.get("apiVersion"), document.get("kind")) != (
        "apps/v1",
        "Deployment",
    ):
        raise Unreadable("uncertain.manifest_kind")
    findings = Findings()
    full = findings.walk("Deployment", document, "")
    _check_complete(document)
    name, namespace = _names(document)
    operations = _operations(findings, resource, name, namespace, text)
    manifest = canonical_bytes(full).decode()
    arguments = {**command.arguments, command.command_argument or "": manifest}
    return Interpretation(
        operations=operations,
        required=(_permission(findings, resource, name, namespace, len(operations)),),
        ambient=(_discovery(resource),),
        execute=Execute(arguments=arguments, session=SESSION),
    )


def _names(document: dict[str, Value]) -> tuple[str, str]:
    metadata = document.get("metadata")
    values = metadata if isinstance(metadata, dict) else {}
    name, namespace = values.get("name"), values.get("namespace")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Unreadable("uncertain.manifest_name")
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        raise Unreadable("uncertain.manifest_namespace")
    return name, namespace


def _check_complete(document: dict[str, Value]) -> None:
    """What a Deployment cannot be without: its containers, each with a name and an image."""
    spec = _member(document, "spec", "")
    _member(spec, "selector", "/spec")
    pod = _member(_member(spec, "template", "/spec"), "spec", "/spec/template")
    if not pod.get("containers"):
        raise Unreadable("uncertain.manifest_value", "/spec/template/spec/containers")
    for group in ("containers", "initContainers", "ephemeralContainers"):
        items = pod.get(group, [])
        for index, item in enumerate(items if isinstance(items, list) else []):
            if not isinstance(item, dict) or not item.get("name") or not item.get("image"):
                place = f"/spec/template/spec/{group}/{index}"
                raise Unreadable("uncertain.manifest_value", place)


def _member(value: dict[str, Value], name: str, pointer: str) -> dict[str, Value]:
    member = value.get(name)
    if not isinstance(member, dict):
        raise Unreadable("uncertain.manifest_value", f"{pointer}/{name}")
    return member


def _operations(
    findings: Findings, resource: Resource, name: str, namespace: str, text: str
) -> tuple[Operation, ...]:
    """The deployment with its images, then once more for each further power it carries.

    Each power is judged on its own: whoever may deploy may not therefore read Secrets.
    """
    target: JsonObject = {
        "kind": "Deployment",
        "api_group": "apps",
        "cluster": resource.id,
        "namespace": namespace,
        "name": name,
    }
    images = {image.pulled: image for image in findings.images}
    parts: list[JsonValue] = [_image_parts(images[pulled]) for pulled in sorted(images)]
    return tuple(
        Operation(
            family="kubernetes",
            verb="deploy",
            object=target,
            span=(0, len(text)),
            details={
                "powers": [power],
                "images": parts if power == "image" else [],
                "fields": sorted(findings.powers[power]),
            },
        )
        for power in _powers(findings)
    )


def _image_parts(image: ImageReference) -> JsonObject:
    """An image as parts, so that policy never compares a prefix of its text."""
    parts: dict[str, JsonValue] = {"registry": image.host, "path": image.path.split("/")}
    if image.tag is not None:
        parts["tag"] = image.tag
    if image.digest is not None:
        parts["digest"] = image.digest
    return parts


def _powers(findings: Findings) -> list[str]:
    return [power for power in POWERS if power in findings.powers]


def _permission(
    findings: Findings, resource: Resource, name: str, namespace: str, operations: int
) -> Permission:
    return {
        "type": "kubernetes",
        "locations": [resource.location],
        "identifier": namespace,
        "rules": [
            {
                "apiGroups": ["apps"],
                "resources": ["deployments"],
                "resourceNames": [name],
                "verbs": ["create", "patch"],
            }
        ],
        "images": sorted({image.repository for image in findings.images}),
        "powers": _powers(findings),
        "operations": list(range(operations)),
    }


def _discovery(resource: Resource) -> Permission:
    return {
        "type": "kubernetes",
        "locations": [resource.location],
        "identifier": "",
        "rules": [{"nonResourceURLs": list(DISCOVERY), "verbs": ["get"]}],
        "powers": [],
    }
