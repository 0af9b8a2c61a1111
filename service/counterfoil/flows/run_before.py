"""What happened before in a run: shown to whoever may judge its next action.

Only codes and names of tools, never what was said: an approver need not be an auditor. That a
person saw it is recorded, once, before they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.model import Caller, JsonObject
from counterfoil.core.search import Filters
from counterfoil.flows.reading_events import record_read
from counterfoil.flows.search import tool_of
from counterfoil.flows.shown import Shown
from counterfoil.ports import Clock, Ids, Ledger, StoredEvent
from counterfoil.ports_search import Searches

MOST: Final = 50
MAX_PIECES: Final = 4
"""So many stretches of the record are passed; a run that is older than that is old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBeforeFlow:
    """Finds the earlier decisions of a run."""

    clock: Clock
    ids: Ids
    ledger: Ledger
    searches: Searches
    ledger_timeout_seconds: float
    shown: Shown = field(default_factory=Shown)

    def run(self, caller: Caller, approval: Mapping[str, object]) -> list[JsonObject]:
        """The decisions before the one that asked for an approval, the newest first.

        Args:
            caller: who was shown this approval.
            approval: as `flows/approval_reading.py` showed it to them.

        Raises:
            LedgerError: the record cannot be read, or not be written.
        """
        run, asked, opened = approval["run"], approval["decision_id"], approval["opened_at"]
        if not isinstance(run, str):
            return []
        filters = Filters(run=run, until=str(opened))
        found: list[JsonObject] = []
        place: int | None = None
        for _ in range(MAX_PIECES):
            piece = self.searches.backwards(
                caller.tenant,
                before=place,
                most=MOST - len(found),
                choose=lambda leaf: filters.opens(leaf) and leaf.get("decision_id") != asked,
            )
            found += [_told(event) for event in piece.events]
            place = piece.place
            if place is None or len(found) >= MOST:
                break
        self._record(caller, [str(item["decision_id"]) for item in found], run)
        return found

    def _record(self, caller: Caller, decisions: list[str], run: str) -> None:
        fresh = self.shown.fresh(caller, decisions)
        if not fresh:
            return
        event = record_read(
            caller,
            via="approval",
            decisions=fresh,
            query={"run": run},
            event_id=self.ids.new("evt"),
            now=self.clock.now(),
        )
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        self.ledger.append([event], deadline=deadline)
        self.shown.note(caller, fresh)


def _told(event: StoredEvent) -> JsonObject:
    plain = event.plain
    return {
        "decision_id": event.decision_id,
        "time": event.time,
        "tool": tool_of(event),
        "effect": "failed" if event.kind == "failed" else plain.get("effect"),
        "reasons": plain.get("reasons", [plain["code"]] if "code" in plain else []),
    }
