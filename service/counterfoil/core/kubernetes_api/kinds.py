"""Which kinds there are: their resource, scope, and where their pod template stands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from counterfoil.core.kubernetes_api.kinds_table import KINDS as _TEXT


class Kind(NamedTuple):
    """One kind at the version that is served; `shape` is empty where none is read."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    scale: bool
    short: tuple[str, ...]
    shape: str

    @property
    def api_version(self) -> str:
        """As a manifest says it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As kubectl reads it without a choice: `deployments.v1.apps`, `pods`."""
        return f"{self.plural}.{self.version}.{self.group}" if self.group else self.plural


def _kind(line: str) -> Kind:
    group, version, kind, plural, singular, scope, scale, short, shape = line.split()
    return Kind(
        "" if group == "core" else group,
        version,
        kind,
        plural,
        singular,
        scope == "Namespaced",
        scale == "scale",
        () if short == "-" else tuple(short.split(",")),
        "" if shape == "-" else shape,
    )


_ALL: Final = tuple(_kind(line) for line in _TEXT.splitlines())

KINDS: Final[Mapping[tuple[str, str], Kind]] = MappingProxyType(
    {(kind.api_version, kind.kind): kind for kind in _ALL}
)
"""By apiVersion and kind."""

RESOURCES: Final[Mapping[tuple[str, str], Kind]] = MappingProxyType(
    {(kind.group, kind.plural): kind for kind in _ALL}
)
"""By group and plural, as rules name them."""

POD_SPECS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Pod": ("spec",),
        "PodTemplate": ("template", "spec"),
        "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
        **dict.fromkeys(
            (
                "Deployment",
                "StatefulSet",
                "DaemonSet",
                "ReplicaSet",
                "ReplicationController",
                "Job",
            ),
            ("spec", "template", "spec"),
        ),
    }
)
"""Where the pod's specification stands in each kind that has one."""


def _names() -> dict[str, Kind]:
    """What kubectl takes for a kind: plural, singular, short name, and `plural.group`."""
    found: dict[str, Kind] = {}
    # The core group comes first in a server's discovery, then apps: so reads kubectl.
    newest = sorted(_ALL, key=lambda one: one.version, reverse=True)
    for kind in sorted(newest, key=lambda one: (one.group != "", one.group)):
        plain = (kind.plural, kind.singular, *kind.short)
        names = [*plain, f"{kind.plural}.{kind.version}.{kind.group}".rstrip(".")]
        if kind.group:
            names += [f"{name}.{kind.group}" for name in (kind.plural, kind.singular)]
        for name in names:
            found.setdefault(name, kind)
    return found


NAMES: Final[Mapping[str, Kind]] = MappingProxyType(_names())
