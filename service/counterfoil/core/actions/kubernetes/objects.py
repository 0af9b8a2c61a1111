"""From documents to objects: each of a known kind, by name and namespace, with its powers.

`List` is taken apart, as kubectl does. A namespace that an object leaves out is the one that
the action names, and is written into what runs; there is no other default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.kubernetes.manifest import Findings
from counterfoil.core.actions.kubernetes.reader import Document, Value, read_documents
from counterfoil.core.kubernetes_api.kinds import KINDS, POD_SPECS, Kind
from counterfoil.core.kubernetes_api.powers import OF_KIND

Span = tuple[int, int]

_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?", re.ASCII)
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")


class Object(NamedTuple):
    """One object of a manifest; `value` is its canonical form, `name` empty if generated."""

    kind: Kind
    name: str
    namespace: str
    generate_name: str
    findings: Findings
    value: dict[str, Value]
    span: Span


def read_objects(text: str, namespace: str | None, *, generated: bool = False) -> list[Object]:
    """The objects of a manifest, in order.

    Args:
        text: JSON or YAML, of any number of documents.
        namespace: what an object that names none belongs to; None: it must name one.
        generated: whether `generateName` may stand for a name (a POST alone honours it).

    Raises:
        Unreadable: readers may differ about it, or anything in it is not known.
        RecursionError: it is nested deeper than a reader goes.
    """
    documents = list(_items(read_documents(text)))
    found = [_object(value, span, namespace, generated=generated) for value, span in documents]
    if not found:
        raise Unreadable("uncertain.manifest_syntax", "an empty List")
    return found


def _items(documents: Sequence[Document]) -> Iterator[Document]:
    for value, span in documents:
        if not isinstance(value, dict) or value.get("kind") != "List":
            yield value, span
            continue
        items = value.get("items")
        known = {"apiVersion", "kind", "items", "metadata"}.issuperset(value)
        if value.get("apiVersion") != "v1" or not isinstance(items, list) or not known:
            raise Unreadable("uncertain.manifest_kind", "List", span)
        if value.get("metadata", {}) not in ({}, {"resourceVersion": ""}):
            raise Unreadable("uncertain.manifest_field", "/metadata", span)
        yield from ((item, span) for item in items)


def _object(value: Value, span: Span, namespace: str | None, *, generated: bool) -> Object:
    if not isinstance(value, dict):
        raise Unreadable("uncertain.manifest_kind", "no object", span)
    kind = _kind_of(value, span)
    findings = Findings()
    full = findings.walk(kind.shape, value, "")
    if kind.kind in POD_SPECS:
        _check_complete(full, POD_SPECS[kind.kind])
    if kind.kind in OF_KIND:
        findings.power(OF_KIND[kind.kind], "/kind")
    metadata = full.get("metadata")
    if not isinstance(metadata, dict):
        raise Unreadable("uncertain.manifest_name", "", span)
    name, prefix = _name_of(metadata, span, generated=generated)
    where = _namespace_of(kind, metadata, namespace, span)
    if where:
        metadata["namespace"] = where
    return Object(kind, name, where, prefix, findings, full, span)


def _kind_of(value: dict[str, Value], span: Span) -> Kind:
    version, name = value.get("apiVersion"), value.get("kind")
    kind = (
        KINDS.get((version, name)) if isinstance(version, str) and isinstance(name, str) else None
    )
    if kind is None or not kind.shape:
        raise Unreadable("uncertain.manifest_kind", f"{version}/{name}"[:128], span)
    return kind


def _name_of(metadata: dict[str, Value], span: Span, *, generated: bool) -> tuple[str, str]:
    name, prefix = metadata.get("name", ""), metadata.get("generateName", "")
    if generated and name == "" and isinstance(prefix, str) and _NAME.fullmatch(f"{prefix}x"):
        return "", prefix
    if "generateName" in metadata:
        raise Unreadable("uncertain.manifest_field", "/metadata/generateName", span)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Unreadable("uncertain.manifest_name", "", span)
    return name, ""


def _namespace_of(kind: Kind, metadata: dict[str, Value], default: str | None, span: Span) -> str:
    written = metadata.get("namespace")
    if not kind.namespaced:
        if written is not None:
            raise Unreadable("uncertain.manifest_namespace", f"{kind.kind} has none", span)
        return ""
    where = default if written is None else written
    if not is_namespace(where) or (default is not None and where != default):
        raise Unreadable("uncertain.manifest_namespace", "", span)
    return str(where)


def is_name(value: Value) -> bool:
    """Whether a value can be an object's name (RFC 1123 subdomain)."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_namespace(value: Value) -> bool:
    """Whether a value can be a namespace's name (RFC 1123 label)."""
    return isinstance(value, str) and _NAMESPACE.fullmatch(value) is not None


def _check_complete(value: dict[str, Value], path: tuple[str, ...]) -> None:
    """What a pod cannot be without: its containers, each with a name and an image."""
    pod, pointer = value, ""
    for step in path:
        member = pod.get(step)
        pointer = f"{pointer}/{step}"
        if not isinstance(member, dict):
            raise Unreadable("uncertain.manifest_value", pointer)
        pod = member
    if not pod.get("containers"):
        raise Unreadable("uncertain.manifest_value", f"{pointer}/containers")
    for group in _CONTAINERS:
        items = pod.get(group, [])
        for index, item in enumerate(items if isinstance(items, list) else []):
            if not isinstance(item, dict) or not item.get("name") or not item.get("image"):
                raise Unreadable("uncertain.manifest_value", f"{pointer}/{group}/{index}")
