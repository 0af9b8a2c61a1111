"""The worker's side of retention (`ports_privacy.Retention`): what is old, and what is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from counterfoil.core.canonical import b64url
from counterfoil.core.entry import NotRecordable
from counterfoil.core.privacy import Holding
from counterfoil.core.retention import (
    PIECE,
    Dropped,
    old_until,
    stays,
)
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.answers import Stale, refusal
from counterfoil.ledger.frames import Value
from counterfoil.ledger.reader import Reader, leaf_fields, receipt_of
from counterfoil.ledger.sealing import Sealed
from counterfoil.ports import Event, Recorded

_LEAVES = (
    "SELECT e.idx, e.leaf FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE l.tenant = ? AND e.idx >= CAST(? AS BIGINT) AND e.idx < CAST(? AS BIGINT)"
    " ORDER BY e.idx"
)
_TRAIL = (
    "SELECT e.leaf FROM entries e JOIN logs l ON l.log = e.log"
    " WHERE e.decision_id = ? AND l.tenant = ?"
)
_SIZE = "SELECT size FROM logs WHERE tenant = ?"


class RetentionLedger:
    """One per worker, over its reader and its way to the writer."""

    def __init__(
        self,
        reader: Reader,
        ask: Callable[[Value, float], Value],
        seal: Callable[[Event, float], Sealed],
    ) -> None:
        self._reader, self._ask, self._seal = reader, ask, seal

    def next_range(self, tenant: str, cutoff: str, holding: Holding) -> tuple[Dropped | None, int]:
        """What may go next (`ports_privacy.Retention`).

        Raises:
            LedgerUnavailable, LedgerCorrupt: it cannot be read.
        """
        drops = self._reader.drops.of(tenant)
        size = self._size(tenant)
        for earlier in drops.left():  # what a hold kept back that stands no more
            again = self._without_held(tenant, earlier, cutoff, holding)
            if any(drops.of(index) is None for index in earlier.kept - again.kept):
                return again, size
        start = drops.end
        rows = self._leaves(tenant, start, start + PIECE)
        times = [str(fields.get("time")) for _, fields in rows]
        last = [str(fields.get("time")) for _, fields in self._leaves(tenant, start - 1, start)]
        before = max(last, default="")
        old = old_until(times, cutoff, before=before)
        if old == 0:
            return None, size
        whole = Dropped(start, start + old, frozenset(), cutoff)
        return self._without_held(tenant, whole, cutoff, holding), size

    def drop(
        self, dropped: Dropped, event: Event, holding: Holding, *, deadline: float
    ) -> Recorded:
        """Drop a range's payloads and record it, in one commit (`ports_privacy.Retention`).

        Raises:
            HoldInForce: a hold was set or released since the range was chosen.
            LedgerError: not durable in time, or the writer finds something in it too young.
        """
        holds: list[Value] = [*holding.standing]
        made = replace(event, plain=dropped.plain())
        try:
            sealed = self._seal(made, deadline)
        except NotRecordable as error:
            raise LedgerUnavailable(f"the event cannot be recorded: {error}") from error
        match self._ask(["drop", holds, sealed.wire], deadline):
            case ["ok", [[bytes(hashed), bytes(signature)]]]:
                parts = (sealed.origin, sealed.event_id, b64url(hashed), sealed.time)
                return Recorded(receipt=receipt_of(*parts, signature))
            case answer:
                error_ = refusal(answer)
                if isinstance(error_, Stale):
                    raise LedgerUnavailable("the writer refused a fresh event") from error_
                raise error_

    def _without_held(
        self, tenant: str, dropped: Dropped, cutoff: str, holding: Holding
    ) -> Dropped:
        """The range with everything kept back that is held, or stays whatever its age."""
        held = {about for about in holding.standing.values() if about is not None}
        rows = self._leaves(tenant, dropped.start, dropped.end)
        trails = (
            {str(f.get("decision_id")) for _, f in rows if f.get("decision_id")} if held else ()
        )
        touched = {name for name in trails if self._touches(tenant, name, held)}
        kept = frozenset(
            index
            for index, fields in rows
            if stays(fields.get("decision_id"))
            or fields.get("subject_key") in held
            or fields.get("decision_id") in touched
        )
        return Dropped(dropped.start, dropped.end, kept, min(cutoff, dropped.cutoff))

    def _touches(self, tenant: str, trail: str, held: set[str]) -> bool:
        rows = self._reader.rows(_TRAIL, trail, tenant)
        return any(leaf_fields(leaf).get("subject_key") in held for (leaf,) in rows)

    def _leaves(self, tenant: str, start: int, end: int) -> list[tuple[int, Mapping[str, Any]]]:
        rows = self._reader.rows(_LEAVES, tenant, str(start), str(end))
        return [(int(str(index)), leaf_fields(leaf)) for index, leaf in rows]

    def _size(self, tenant: str) -> int:
        rows = self._reader.rows(_SIZE, tenant)
        return int(str(rows[0][0])) if rows else 0
