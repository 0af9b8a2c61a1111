"""Walks an object by the closed tables and finds its images and its powers (powers.py)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.images import ImageReference, parse_image
from counterfoil.core.actions.kubernetes.reader import Decimal, Value
from counterfoil.core.kubernetes_api.powers import PLAIN_ANNOTATIONS, PLAIN_SECRETS
from counterfoil.core.kubernetes_api.shapes import SHAPES, Field

_INT_LIMIT: Final = 2**63
_EMPTY: Final = (False, "", 0)
_PLAIN_KEY: Final = re.compile(
    r"(?:app\.kubernetes\.io/|helm\.sh/)?[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?", re.ASCII
)


@dataclass(slots=True)
class Findings:
    """What a manifest carries: images as read, and for each power the fields that hold it."""

    images: list[ImageReference] = field(default_factory=list)
    powers: dict[str, list[str]] = field(default_factory=dict)

    def power(self, name: str, pointer: str) -> None:
        """Note that the field at `pointer` carries a power."""
        self.powers.setdefault(name, []).append(pointer)

    def walk(self, shape: str, value: Value, pointer: str) -> dict[str, Value]:
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
            if known.type != "absent":
                result[name] = self._field(known, item, place)
            elif not _is_nothing(item):
                raise Unreadable("uncertain.manifest_field", place[:256])
        if shape == "PodSpec" and value.get("automountServiceAccountToken") is not False:
            # Absent means yes: the pod gets a token of its service account.
            self.power("identity", f"{pointer}/automountServiceAccountToken")
        return result

    def _field(self, known: Field, value: Value, pointer: str) -> Value:
        if known.power and _holds(value, known.when):
            self.power(known.power, pointer)
        if not known.many:
            return self._one(known.type, value, pointer)
        if known.many == "{":
            if not isinstance(value, dict):
                raise _wrong(pointer)
            return {
                name: self._one(known.type, item, f"{pointer}/{name}")
                for name, item in value.items()
            }
        if not isinstance(value, list):
            raise _wrong(pointer)
        return [
            self._one(known.type, item, f"{pointer}/{index}") for index, item in enumerate(value)
        ]

    def _one(self, kind: str, value: Value, pointer: str) -> Value:
        if kind in SHAPES:
            return self.walk(kind, value, pointer)
        if _is_scalar(kind, value):
            return value
        special = _SPECIAL.get(kind)
        if special is None:
            raise _wrong(pointer)
        return special(self, value, pointer)


def _quantity(findings: Findings, value: Value, pointer: str) -> Value:
    """`0.5` is the number of half a core: written as text, it is the same quantity."""
    del findings  # a quantity carries no power
    if isinstance(value, Decimal):
        return value.text
    if isinstance(value, str) or _is_int(value):
        return value
    raise _wrong(pointer)


def _devices(findings: Findings, value: Value, pointer: str) -> Value:
    if not isinstance(value, dict):
        raise _wrong(pointer)
    if any("/" in name for name in value):
        # `nvidia.com/gpu`, `devices.kubevirt.io/kvm`: a device of the node
        findings.power("node", pointer)
    return {name: _quantity(findings, item, f"{pointer}/{name}") for name, item in value.items()}


def _labels(findings: Findings, value: Value, pointer: str) -> Value:
    return _texts(findings, value, pointer, lambda name: bool(_PLAIN_KEY.fullmatch(name)))


def _annotations(findings: Findings, value: Value, pointer: str) -> Value:
    return _texts(findings, value, pointer, PLAIN_ANNOTATIONS.__contains__)


def _texts(findings: Findings, value: Value, pointer: str, plain: Callable[[str], bool]) -> Value:
    """Labels or annotations: others than plain ones are what somebody's controller obeys.

    `azure.workload.identity/use`, `sidecar.istio.io/inject`: switches.
    """
    if not isinstance(value, dict):
        raise _wrong(pointer)
    for name, item in value.items():
        place = f"{pointer}/{_escaped(name)}"
        if not isinstance(item, str):
            raise _wrong(place)
        if not plain(name):
            findings.power("switch", place)
    return value


def _secret_type(findings: Findings, value: Value, pointer: str) -> Value:
    if not isinstance(value, str):
        raise _wrong(pointer)
    if value not in PLAIN_SECRETS:
        # `kubernetes.io/service-account-token`: an endless token of that account
        findings.power("identity", pointer)
    return value


def _image(findings: Findings, value: Value, pointer: str) -> str:
    if not isinstance(value, str):
        raise _wrong(pointer)
    image = parse_image(value)
    findings.images.append(image)
    findings.power("image", pointer)
    return image.text


_SPECIAL: Final[dict[str, Callable[[Findings, Value, str], Value]]] = {
    "image": _image,
    "quantity": _quantity,
    "devices": _devices,
    "labels": _labels,
    "annotations": _annotations,
    "secret-type": _secret_type,
}


def _is_scalar(kind: str, value: Value) -> bool:
    if kind == "str":
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in {"int", "number"}:
        return _is_int(value)
    if kind == "any":
        return _is_plain(value)
    return kind == "intstr" and (isinstance(value, str) or _is_int(value))


def _is_int(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT_LIMIT


def _is_nothing(value: Value) -> bool:
    """What a tool writes in the server's own members where it has nothing to say."""
    if isinstance(value, dict):
        return all(_is_nothing(item) for item in value.values())
    return value is None


def _is_plain(value: Value) -> bool:
    """A value of any form, but for decimals: they have no canonical form."""
    if isinstance(value, dict):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return not isinstance(value, Decimal)


def _holds(value: Value, when: str) -> bool:
    """Whether a field holds anything: an empty list, text, zero or false means absent."""
    if when == "?":
        return value is not False
    if when == "^":
        return False  # said where the object is walked, because absence counts
    if when:
        return value not in {when, ""} if isinstance(value, str) else True
    return value != [] and not any(value is item or value == item for item in _EMPTY)


def _escaped(name: str) -> str:
    """A member's name in a JSON Pointer (RFC 6901 section 3)."""
    return name.replace("~", "~0").replace("/", "~1")[:128]


def _wrong(pointer: str) -> Unreadable:
    return Unreadable("uncertain.manifest_value", pointer[:256])
