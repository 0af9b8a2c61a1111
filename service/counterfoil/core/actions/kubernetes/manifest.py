"""Walks a manifest by the closed tables and finds its images and its powers.

Whoever may deploy to a namespace can, through the pod template, read its Secrets, act as
its service accounts and reach its nodes: the server and RBAC accept all of it from an
account that holds `deployments: patch, create` alone. So each such power is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.images import ImageReference, parse_image
from counterfoil.core.actions.kubernetes.reader import Value
from counterfoil.core.actions.kubernetes.shapes import SHAPES, Field

_INT_LIMIT: Final = 2**63
_EMPTY: Final = (False, "", 0)
_HARMLESS_PROFILE: Final = {"type": "RuntimeDefault"}
_PLAIN_KEY: Final = re.compile(
    r"(?:app\.kubernetes\.io/|helm\.sh/)?[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?", re.ASCII
)
_ANNOTATIONS: Final = frozenset(
    {
        "kubernetes.io/description",
        "kubernetes.io/change-cause",
        "prometheus.io/scrape",
        "prometheus.io/port",
        "prometheus.io/path",
        "prometheus.io/scheme",
    }
)


@dataclass(slots=True)
class Findings:
    """What a manifest carries: images as read, and for each power the fields that hold it."""

    images: list[ImageReference] = field(default_factory=list)
    powers: dict[str, list[str]] = field(default_factory=dict)

    def power(self, name: str, pointer: str) -> None:
        """Note that the field at `pointer` carries a power."""
        self.powers.setdefault(name, []).append(pointer)

    def walk(self, shape: str, value: Value, pointer: str) -> Value:
        """Check `value` against a table and return it with its images written out in full.

        Raises:
            Unreadable: a field that is not in the table, or a value of another type.
        """
        if not isinstance(value, dict):
            raise _wrong(pointer)
        table = SHAPES[shape]
        result: dict[str, Value] = {}
        for name, item in value.items():
            known = table.get(name)
            place = f"{pointer}/{name}"
            if known is None:
                raise Unreadable("uncertain.manifest_field", place[:256])
            result[name] = self._field(known, item, place)
        if shape == "PodSpec" and value.get("automountServiceAccountToken") is not False:
            # Absent means yes: the pod gets a token of its service account.
            self.power("identity", f"{pointer}/automountServiceAccountToken")
        return result

    def _field(self, known: Field, value: Value, pointer: str) -> Value:
        if known.power and _holds(value, only_true=known.only_true):
            self.power(known.power, pointer)
        if not known.many:
            return self._one(known.type, value, pointer)
        if not isinstance(value, list):
            raise _wrong(pointer)
        return [
            self._one(known.type, item, f"{pointer}/{index}") for index, item in enumerate(value)
        ]

    def _one(self, kind: str, value: Value, pointer: str) -> Value:
        if kind in SHAPES:
            if kind == "Profile" and value != _HARMLESS_PROFILE:
                self.power("node", pointer)
            return self.walk(kind, value, pointer)
        if kind == "image":
            return self._image(value, pointer)
        if not _is_scalar(kind, value):
            _check_mapping(kind, value, pointer)
            if kind == "quantities" and isinstance(value, dict) and any("/" in n for n in value):
                # `nvidia.com/gpu`, `devices.kubevirt.io/kvm`: a device of the node
                self.power("node", pointer)
        return value

    def _image(self, value: Value, pointer: str) -> str:
        if not isinstance(value, str):
            raise _wrong(pointer)
        image = parse_image(value)
        self.images.append(image)
        self.power("image", pointer)
        return image.text


def _is_scalar(kind: str, value: Value) -> bool:
    if kind == "str":
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return _is_int(value)
    return kind == "intstr" and (isinstance(value, str) or _is_int(value))


def _is_int(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT_LIMIT


def _check_mapping(kind: str, value: Value, pointer: str) -> None:
    """A mapping of text; quantities may be integers.

    Raises:
        Unreadable: another type, or a label or annotation that admission may act on.
    """
    if kind not in {"map", "labels", "annotations", "quantities"} or not isinstance(value, dict):
        raise _wrong(pointer)
    for name, item in value.items():
        if not isinstance(item, str) and not (kind == "quantities" and _is_int(item)):
            raise _wrong(f"{pointer}/{name}")
        if kind == "labels" and not _PLAIN_KEY.fullmatch(name):
            # `azure.workload.identity/use`, `sidecar.istio.io/inject`: a webhook's switch
            raise Unreadable("uncertain.manifest_metadata", f"{pointer}/{name}"[:256])
        if kind == "annotations" and name not in _ANNOTATIONS:
            raise Unreadable("uncertain.manifest_metadata", f"{pointer}/{name}"[:256])


def _holds(value: Value, *, only_true: bool) -> bool:
    """Whether a field holds anything: an empty list, text, zero or false means absent."""
    if only_true:
        return value is not False
    return value != [] and not any(value is item or value == item for item in _EMPTY)


def _wrong(pointer: str) -> Unreadable:
    return Unreadable("uncertain.manifest_value", pointer[:256])
