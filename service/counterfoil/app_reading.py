"""Joins what people read back: one decision whole, and many by search."""

from __future__ import annotations

from counterfoil.flows.search import SearchFlow
from counterfoil.flows.trail import TrailFlow
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Clock, IdentityVerifier, Ids


def reading_flows(
    *,
    clock: Clock,
    ids: Ids,
    identity: IdentityVerifier,
    ledger: LedgerClient,
    ledger_timeout_seconds: float,
) -> tuple[TrailFlow, SearchFlow]:
    """The two flows over one worker's adapters."""
    trail = TrailFlow(
        clock=clock,
        ids=ids,
        identity=identity,
        ledger=ledger,
        ledger_timeout_seconds=ledger_timeout_seconds,
    )
    search = SearchFlow(
        clock=clock,
        ids=ids,
        identity=identity,
        ledger=ledger,
        searches=ledger.slices,
        ledger_timeout_seconds=ledger_timeout_seconds,
    )
    return trail, search
