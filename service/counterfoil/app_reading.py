"""Joins what people read back: one decision whole, and many by search."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from counterfoil.config import Config
from counterfoil.detectors import SecretMasker
from counterfoil.export_status import alarms, read_status
from counterfoil.flows.search import SearchFlow
from counterfoil.flows.trail import TrailFlow
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Clock, Health, IdentityVerifier, Ids


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
        masker=SecretMasker(clock.monotonic),
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


def export_checks(config: Config, clock: Clock) -> Mapping[str, Callable[[], Health]]:
    """What operators should know of exports. Ready all the same: no decision waits for one."""
    if not config.exports:
        return {}

    def delivery() -> Health:
        folder, now = config.server.run_directory, clock.now()
        statuses = {e.name: read_status(folder, e.name, now=now) for e in config.exports}
        return Health(ready=True, detail=alarms(statuses))

    return {"export:delivery": delivery}
