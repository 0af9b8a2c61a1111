"""Marks a record in whose payload a secret was found: which kind, in which field, never the secret.

The mark stands readable in the leaf (`marked`), so that auditors and exports find such records
without opening one. What is hidden from readers is looked for anew when they read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, cast

from counterfoil.core.model import JsonObject
from counterfoil.detectors import SecretMasker
from counterfoil.ports import Event

MARK: Final = "marked"
MARK_SECONDS: Final = 0.02
"""For one record, on a decision's path; what there was no time for is marked as not looked at."""

_masker = SecretMasker(time.monotonic, budget_seconds=MARK_SECONDS)


def marked(event: Event) -> Event:
    """The event, marked where something was found. Never raises: no finding drops a record."""
    kinds: Mapping[str, list[str]] = _masker.kinds(event.payload)
    if not kinds:
        return event
    return replace(event, plain={**event.plain, MARK: cast("JsonObject", dict(kinds))})
