"""Which kinds of issuers there are, found by their schemas and loaded when they are asked for.

A kind is a module of this package with `build(settings) -> Target`, and
`schemas/issuer_<kind>.json` for its `[target]` table. Nothing else names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast, runtime_checkable

from counterfoil.core.model import JsonValue
from counterfoil.errors import ConfigError
from counterfoil.resources import packaged
from counterfoil_issuers.contract import Target

SCHEMA_PREFIX: Final = "issuer_"


@runtime_checkable
class Serving(Protocol):
    """A target that serves something of its own while the issuer runs (a realm, a gateway)."""

    def start(self) -> None:
        """Begin; returns once it serves.

        Raises:
            TargetError: it cannot.
        """

    def stop(self) -> None:
        """Serve no more; returns once nothing is served."""


@runtime_checkable
class Reachable(Protocol):
    """A target that can be asked whether it would work: `counterfoil issuer KIND --check`."""

    def reach(self) -> list[str]:
        """What an operator should know: one sentence each, with a remedy. Empty: all is well.

        Raises:
            TargetError: it cannot be reached, or the issuer lacks a power that it needs.
        """


def kinds() -> tuple[str, ...]:
    """The kinds of this installation, sorted.

    Raises:
        ConfigError: the installation is incomplete.
    """
    folder = packaged("schemas")
    return tuple(
        sorted(path.stem[len(SCHEMA_PREFIX) :] for path in folder.glob(f"{SCHEMA_PREFIX}*.json"))
    )


def build(kind: str, settings: Mapping[str, JsonValue]) -> Target:
    """The target that `[target]`, which its schema has judged, describes.

    Raises:
        ConfigError: a value that no schema can judge.
    """
    if kind not in kinds():
        raise ConfigError(f"{kind!r} is no kind of issuer. Known here: {', '.join(kinds())}.")
    module = importlib.import_module(f"counterfoil_issuers.{kind}")
    make = cast("Callable[[Mapping[str, JsonValue]], Target]", module.build)
    return make(settings)
