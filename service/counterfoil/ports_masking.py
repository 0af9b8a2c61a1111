"""Hiding secrets from those who read what was said (the second layer: all is sealed already)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from counterfoil.core.model import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret that was found: of which kind, and where (RFC 6901), never the secret."""

    at: str
    kind: str

    def json(self) -> JsonObject:
        """As answers say it."""
        return {"at": self.at, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Masked:
    """A payload as it may be shown, and what was hidden in it."""

    payload: Mapping[str, JsonValue]
    findings: tuple[Finding, ...] = ()


class Masker(Protocol):
    """Finds and hides."""

    def mask(self, payload: Mapping[str, JsonValue]) -> Masked:
        """Hide what looks like a secret, in bounded time. Never raises.

        A field that could not be looked at whole, for an error or for want of time, is hidden
        whole: what was not looked at is not shown.
        """
