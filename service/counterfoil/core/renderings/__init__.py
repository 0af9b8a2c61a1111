"""Permissions as each target understands them, parsed back and compared before they leave.

A renderer that made one right more than the decision's is the worst fault this product
can have. So each target has a renderer, an independent reader of what it wrote, and a
reader of permissions; all three meet in sets of single rights, and any difference is a
refusal (`NotRenderable`), never a wider rendering.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson

from counterfoil.core.canonical import NotCanonical, canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue, Permission
from counterfoil.core.renderings import (
    aws_sts,
    azure,
    gcp_cab,
    github_app,
    http,
    kubernetes,
    mysql,
    oci_registry,
    postgresql,
    sqlite,
)
from counterfoil.core.renderings.contract import NotRenderable

__all__ = ["NotRenderable", "render_all"]


@dataclass(frozen=True, slots=True)
class Target:
    """The three functions of one type of permission."""

    rights: Callable[[Permission], frozenset[Hashable]]
    render: Callable[[Sequence[Permission]], JsonObject]
    parse_back: Callable[[JsonObject], frozenset[Hashable]]


_TARGETS = {
    "aws_sts": Target(aws_sts.rights, aws_sts.render, aws_sts.parse_back),
    "azure": Target(azure.rights, azure.render, azure.parse_back),
    "gcp_cab": Target(gcp_cab.rights, gcp_cab.render, gcp_cab.parse_back),
    "github_app": Target(github_app.rights, github_app.render, github_app.parse_back),
    "http": Target(http.rights, http.render, http.parse_back),
    "kubernetes": Target(kubernetes.rights, kubernetes.render, kubernetes.parse_back),
    "mysql": Target(mysql.rights, mysql.render, mysql.parse_back),
    "oci_registry": Target(oci_registry.rights, oci_registry.render, oci_registry.parse_back),
    "postgresql": Target(postgresql.rights, postgresql.render, postgresql.parse_back),
    "sqlite": Target(sqlite.rights, sqlite.render, sqlite.parse_back),
}


def render_all(permissions: Sequence[Permission]) -> Mapping[str, JsonValue]:
    """Render each type that has a renderer; the others stand in `authorization_details` alone.

    Args:
        permissions: what the credential needs, ambient rights included.

    Raises:
        NotRenderable: a target cannot express one of them exactly.
    """
    try:
        return _render(canonical_bytes(list(permissions)))
    except NotCanonical as error:
        raise NotRenderable("a permission has no canonical form") from error


# Jobs repeat: "create in that schema" is rendered, read back and compared once, not each
# time. The key is every byte of the permissions; what is kept is never changed.
@lru_cache(maxsize=1024)
def _render(canonical: bytes) -> Mapping[str, JsonValue]:
    permissions: list[Permission] = orjson.loads(canonical)
    rendered: dict[str, JsonValue] = {}
    for kind, target in _TARGETS.items():
        wanted = [item for item in permissions if item.get("type") == kind]
        if not wanted:
            continue
        rendering = target.render(wanted)
        rights = frozenset[Hashable]().union(*(target.rights(item) for item in wanted))
        if target.parse_back(rendering) != rights:
            raise NotRenderable(f"the {kind} rendering would not hold exactly these permissions")
        rendered[kind] = rendering
    return rendered
