"""Which module reads which family. Loads the parsers: import it in the reader child only."""

from __future__ import annotations

from typing import Final

from counterfoil.core.actions import (
    cloud,
    code,
    database,
    filesystem,
    git,
    handoff,
    http,
    kubernetes,
    shell,
)
from counterfoil.core.actions.contract import Families
from counterfoil.core.actions.oci import interpret as read_image

FAMILIES: Final[Families] = {
    "cloud": cloud.interpret,
    "code": code.interpret,
    "database": database.interpret,
    "filesystem": filesystem.interpret,
    "git": git.interpret,
    "handoff": handoff.interpret,
    "http": http.interpret,
    "kubernetes": kubernetes.interpret,
    "registry": read_image,
    "shell": shell.interpret,
}
"""What every child reads; of databases PostgreSQL."""


def with_dialects() -> Families:
    """Also MySQL and SQLite. Their parser doubles a child's start, so it is loaded on demand."""
    from counterfoil.core.actions import dialects  # noqa: PLC0415

    return {**FAMILIES, "database": dialects.interpret}
