"""How many decisions fell, by effect, kind and person: what the console draws.

Who is counted is who a search would find: an auditor's tenant, or a person's own. Counting
opens nothing; only the names of the most frequent people are read, from one decision each, and
that is recorded as the search that it is.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.model import Caller
from counterfoil.core.search import Filters
from counterfoil.core.tally import OTHERS, Tally
from counterfoil.errors import AgentNotAllowed
from counterfoil.flows.access import AUDITOR
from counterfoil.flows.reading_events import record_read
from counterfoil.flows.search import question_of
from counterfoil.flows.shown import Shown
from counterfoil.ports import Clock, IdentityVerifier, Ids, Ledger
from counterfoil.ports_search import Searches

NEWEST: Final = 60_000
"""Records below the newest one from which on a worker counts; older ones are not drawn."""
MAX_PIECES: Final = 32
MAX_TALLIES: Final = 64
MOST_NAMES: Final = 6
ERASED: Final = "erased"

_Name = tuple[str, Filters, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted; `people` by name, the most frequent first, the rest together."""

    total: int
    effects: Sequence[tuple[str, int]]
    families: Sequence[tuple[str, int]]
    people: Sequence[tuple[str, int]]
    complete: bool


@dataclass(slots=True, kw_only=True)
class ActivityFlow:
    """Counts for one worker; remembers tallies, and names until somebody is erased."""

    clock: Clock
    ids: Ids
    identity: IdentityVerifier
    ledger: Ledger
    searches: Searches
    ledger_timeout_seconds: float
    shown: Shown = field(default_factory=Shown)
    _tallies: OrderedDict[_Name, Tally] = field(default_factory=OrderedDict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, *, unverified_query: Sequence[tuple[str, str]], unverified_token: str
    ) -> Counts | None:
        """The counts for a search; None where its filter by tool would need every decision opened.

        Raises:
            SchemaViolation, AgentNotAllowed, RoleRequired: as the search itself.
            LedgerError: the record cannot be read, or not be written.
        """
        caller = self.identity.verify(unverified_token, now=self.clock.now())
        if caller.actor is not None:
            raise AgentNotAllowed
        filters = question_of(unverified_query, caller).filters
        if filters.tool is not None:
            return None
        subject = filters.subject
        key = None if subject is None else self.searches.subject_key(caller.tenant, subject)
        if subject is not None and key is None:
            return Counts(total=0, effects=(), families=(), people=(), complete=True)
        with self._lock:  # of two at once the second finds what the first has counted
            tally, complete = self._counted(caller.tenant, filters, key)
            return Counts(
                total=tally.total,
                effects=tally.effects.most_common(),
                families=tally.families.most_common(),
                people=self._people(tally, caller) if AUDITOR in caller.roles else (),
                complete=complete,
            )

    def forget(self, _keys: object = None) -> None:
        """Drop all names: a person was erased."""
        self._names.clear()

    def _counted(self, tenant: str, filters: Filters, key: str | None) -> tuple[Tally, bool]:
        name = (tenant, filters, key)
        tally = self._tallies.pop(name, None)
        if tally is None:
            tally = Tally(last=self._first(tenant))
        self._tallies[name] = tally
        if len(self._tallies) > MAX_TALLIES:
            self._tallies.popitem(last=False)

        def count(leaf: object) -> bool:
            assert isinstance(leaf, dict)  # noqa: S101 -- the port's promise
            tally.take(leaf, filters, key)
            return False

        for _ in range(MAX_PIECES):
            piece = self.searches.forwards(tenant, after=tally.last, most=1, choose=count)
            tally.last = max(tally.last, piece.last)
            if piece.place is None:
                return tally, True
        return tally, False

    def _first(self, tenant: str) -> int:
        newest = self.searches.backwards(tenant, before=None, most=1, choose=lambda _leaf: True)
        index = newest.events[0].index if newest.events else None
        return max((index or 0) - NEWEST, -1)

    def _people(self, tally: Tally, caller: Caller) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        opened: list[str] = []
        rest = 0
        for person, count in tally.people.most_common():
            if person == OTHERS or len(found) == MOST_NAMES:
                rest += count
                continue
            found.append((self._name(caller.tenant, person, tally.samples[person]), count))
            opened.append(tally.samples[person])
        self._record(caller, opened)
        return [*found, ("others", rest)] if rest else found

    def _name(self, tenant: str, person: str, decision: str) -> str:
        known = self._names.get((tenant, person))
        if known is None:
            known = _named(self.ledger, tenant, decision)
            self._names[(tenant, person)] = known
        return known

    def _record(self, caller: Caller, decisions: list[str]) -> None:
        fresh = self.shown.fresh(caller, decisions)
        if not fresh:
            return
        event = record_read(
            caller,
            via="search",
            decisions=fresh,
            query={},
            event_id=self.ids.new("evt"),
            now=self.clock.now(),
        )
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        self.ledger.append([event], deadline=deadline)
        self.shown.note(caller, fresh)


def _named(ledger: Ledger, tenant: str, decision: str) -> str:
    for event in ledger.trail(tenant, decision):
        caller = json.loads(event.payload.get("caller", b"{}"))
        if isinstance(caller, dict) and isinstance(caller.get("subject"), dict):
            return str(caller["subject"].get("sub", ERASED))
    return ERASED
