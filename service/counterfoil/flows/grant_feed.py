"""`GET /grants/events`: what an issuer must end its credentials for.

1. Issuer: its own credential, as at a redeem. It hears of the grants with its own `aud` only.
2. Its redeemed grants whose credentials it has not reported as ended: the open states of its
   kind, so that a question costs what is open and not what has ever been.
3. Of each, what the record says: the outcome (its own event), a revocation (the trails that
   every worker follows), or the deadline (in the decision itself).
4. What its cursor does not cover yet; where there is nothing, after a wait.

Nothing is stored for this. A cursor spares an issuer what it has heard; without one it hears
all that is still open, so neither a restart nor a lost cursor loses an event; nor does a ledger
that was recovered, whose name and numbers are others. An event may come twice, and ends the
same credential.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final

from counterfoil.core.entry import leaf_word
from counterfoil.core.grant_record import OUTCOME
from counterfoil.core.issuing import Cursor, Issuer, ledger_mark, read_cursor
from counterfoil.core.model import JsonObject
from counterfoil.core.revocation import Standing
from counterfoil.core.times import rfc3339
from counterfoil.errors import LedgerCorrupt
from counterfoil.flows.grant_steps import OVER, grant_of, kind_of
from counterfoil.flows.redeem import standing_of
from counterfoil.ports import Clock, Ledger, States, StoredState
from counterfoil.ports_issuers import Issuers, LiveRevocations, OpenStates

MAX_WAIT_SECONDS: Final = 30
LOOK_BACK_SECONDS: Final = 86_400
"""For so long after its deadline a credential that was not reported as ended is still named."""

SKEW_SECONDS: Final = 5
"""A deadline is told so long after it: another replica's clock may have redeemed until then."""

MAX_TOLD: Final = 2_048
"""Events in one answer, about 400 KB. What is left is told next time."""

TICK_SECONDS: Final = 1.0
_URGENT: Final = ("revocations", "outcomes", "deadline")
_MAX_REMEMBERED: Final = 8_192


@dataclass(frozen=True, slots=True)
class Told:
    """One event, before it has a cursor. `part` and `place` are the cursor's; None: not yet."""

    event: str
    time: str
    jti: str
    decision_id: str
    part: str
    place: int | None


@dataclass(slots=True)
class Remembered:
    """Standings and outcomes that one worker has read: they do not change any more."""

    standings: dict[tuple[str, str], Standing | None] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def forget(self, _keys: object = None) -> None:
        """Somebody was erased: whoever is named here may be that person."""
        self.standings.clear()

    def bound(self) -> None:
        """Keep it small."""
        for known in (self.standings, self.outcomes):
            if len(known) > _MAX_REMEMBERED:
                known.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFeedFlow:
    """Tells one issuer what has happened to its grants."""

    clock: Clock
    issuers: Issuers
    ledger: Ledger
    states: States
    open_states: OpenStates
    revocations: LiveRevocations
    look_for_erasures: Callable[[], None]
    ledger_name: Callable[[], str]
    remembered: Remembered = field(default_factory=Remembered)

    def run(
        self,
        *,
        unverified_after: str | None,
        wait_seconds: int,
        unverified_assertion: str | None,
        certificate: bytes | None,
    ) -> JsonObject:
        """Return the events after a cursor, and the next cursor.

        Raises:
            SchemaViolation: the cursor is none that was given here.
            CounterfoilError: unknown issuer, or the ledger cannot be read.
        """
        issuer = self.issuers.authenticate(
            unverified_assertion, certificate=certificate, now=self.clock.now()
        )  # 1
        deadline = self.clock.monotonic() + wait_seconds
        cursor = read_cursor(unverified_after, ledger_mark(self.ledger_name()))
        while True:
            version = self.open_states.version()
            self.look_for_erasures()  # `remembered` is told of them
            now = self.clock.now()
            told = list(self._told(issuer, cursor, now=now))
            if any(item.place is not None for item in told) or self.clock.monotonic() >= deadline:
                break
            # Deadlines pass without a commit, so the clock is looked at, too.
            tick = min(deadline, self.clock.monotonic() + TICK_SECONDS)
            if not self.open_states.wait_for_commit(version, deadline=tick):
                break
        events, following = placed(told, cursor)
        if len(events) > MAX_TOLD:
            events = events[:MAX_TOLD]
            return {"events": events, "next": events[-1]["cursor"]}
        following = replace(following, deadline=_known_until(following, now))
        return {"events": events, "next": str(following)}

    def _told(self, issuer: Issuer, cursor: Cursor, *, now: float) -> Iterator[Told]:
        kind = kind_of(leaf_word(issuer.name))
        since = now - LOOK_BACK_SECONDS
        self.remembered.bound()
        for row in self.open_states.open_since(issuer.tenant, kind, expires_after=since):  # 2
            found = [  # 3
                *self._outcome(issuer, row),
                *self._revoked(issuer, row, now=now),
                *_expired(row, _known_until(cursor, now)),
            ]
            for item in found:  # 4
                if item.place is None or item.place > getattr(cursor, item.part):
                    yield item

    def _outcome(self, issuer: Issuer, row: StoredState) -> Iterator[Told]:
        if row.state != OVER:
            return
        name = (issuer.tenant, row.key)
        if name not in self.remembered.outcomes:
            for event in self.ledger.trail(issuer.tenant, row.decision_id):
                if event.kind == OUTCOME and event.index is not None:
                    self.remembered.outcomes[name] = (event.index + 1, event.time)
        with suppress(KeyError):  # it waits for its number, and is told when it has it
            place, time = self.remembered.outcomes[name]
            yield Told("outcome", time, row.key, row.decision_id, "outcomes", place)

    def _revoked(self, issuer: Issuer, row: StoredState, *, now: float) -> Iterator[Told]:
        standing = self._standing(issuer, row)
        if standing is None:  # its person was erased: nobody knows what would end it
            yield Told("revoked", rfc3339(now), row.key, row.decision_id, "revocations", None)
            return
        ended = self.revocations.ended_by(standing)
        if ended is not None:
            place = ended.number
            yield Told("revoked", ended.time, row.key, row.decision_id, "revocations", place)

    def _standing(self, issuer: Issuer, row: StoredState) -> Standing | None:
        name = (issuer.tenant, row.key)
        if name not in self.remembered.standings:
            grant = grant_of(self.ledger, issuer.tenant, row.decision_id)
            if grant is None or grant.jti != row.key:
                raise LedgerCorrupt(f"{row.key} is open, and no grant of its decision")
            job = grant.job
            standing = None if job is None else standing_of(grant, job, self.ledger, self.states)
            self.remembered.standings[name] = standing
        return self.remembered.standings[name]


def _known_until(cursor: Cursor, now: float) -> int:
    return max(cursor.deadline, math.floor(now - SKEW_SECONDS))


def _expired(row: StoredState, until: int) -> Iterator[Told]:
    at = math.ceil(row.expires_at)
    if at <= until:
        time = rfc3339(row.expires_at)
        yield Told("expired", time, row.key, row.decision_id, "deadline", at)


def placed(told: Sequence[Told], cursor: Cursor) -> tuple[list[dict[str, str]], Cursor]:
    """The events in order, each with the cursor of somebody who has taken it, and all before.

    Several events may share a place; the cursor passes it with the last of them.
    """
    ordered = sorted(
        told,
        key=lambda item: (item.place is None, _URGENT.index(item.part), item.place, item.jti),
    )
    events: list[dict[str, str]] = []
    for item, following in zip_longest(ordered, ordered[1:]):
        last = following is None or (following.part, following.place) != (item.part, item.place)
        if item.place is not None and last:
            cursor = cursor.passed(item.part, item.place)
        events.append(
            {
                "cursor": str(cursor),
                "jti": item.jti,
                "decision_id": item.decision_id,
                "event": item.event,
                "time": item.time,
            }
        )
    return events, cursor
