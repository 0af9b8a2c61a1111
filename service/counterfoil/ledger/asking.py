"""Packed requests to the writer, and how many of them fit into one frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from counterfoil.ledger.frames import MAX_FRAME_BYTES

FRAME_ROOM = 1_024  # the frame's own words


@dataclass(frozen=True, slots=True)
class Ask:
    """One packed request and until when its caller waits."""

    packed: bytes
    deadline: float
    meanwhile: Callable[[], None] | None = None


def fitting(asks: list[Ask]) -> list[Ask]:
    """As many of the first ones as one frame holds."""
    sizes = accumulate(len(ask.packed) for ask in asks)
    most = MAX_FRAME_BYTES - FRAME_ROOM
    return [ask for ask, size in zip(asks, sizes, strict=True) if size <= most]
