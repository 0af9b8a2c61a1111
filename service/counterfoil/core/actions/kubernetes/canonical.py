"""What runs instead of what was sent: canonical JSON of the objects that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from counterfoil.core.actions.kubernetes.objects import Object
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonValue


def canonical_manifest(objects: Sequence[Object]) -> str:
    """One object as itself, several as a `List`, which kubectl takes apart in order."""
    values = cast("list[JsonValue]", [item.value for item in objects])
    if len(values) == 1:
        return canonical_bytes(values[0]).decode()
    return canonical_bytes({"apiVersion": "v1", "items": values, "kind": "List"}).decode()
