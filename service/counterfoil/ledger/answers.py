"""The writer's refusals as errors of ours."""

from __future__ import annotations

from counterfoil.errors import (
    HoldInForce,
    IdempotencyConflict,
    IdempotencyInProgress,
    LedgerUnavailable,
    StateConflict,
)
from counterfoil.ledger.frames import Value


class OnceConflict(IdempotencyConflict):
    """The same scope came with another body."""


class Stale(Exception):
    """The writer knows neither this ledger's name nor this data key (any more)."""


def refusal(answer: Value) -> Exception:
    """What an answer that is not `ok` means."""
    match answer:
        case ["conflict", *_]:
            return OnceConflict()
        case ["in_progress", *_]:
            return IdempotencyInProgress()
        case ["stale", *_]:
            return Stale()
        case ["state", *_]:
            return StateConflict()
        case ["held", *_]:
            return HoldInForce()
        case [_, str(detail)]:
            return LedgerUnavailable(detail)
    return LedgerUnavailable("the ledger writer gave an unknown answer")
