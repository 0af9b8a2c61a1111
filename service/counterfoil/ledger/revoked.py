"""What is revoked, as one worker knows it (`ports.Revocations`): never older than a blink.

The truth is the events: two trails that all tenants have in common, each entry checked against
its receipt. A worker reads them at its first question, and then what was added since, whenever
somebody asks and its last look is more than `FRESH_SECONDS` old: so a revocation is in force
on each worker that long after its commit, on every process that reads the same ledger. Where
the ledger cannot be read, nobody is let in.

A ledger that was recovered (`ledger recover`) may have lost revocations with its end: all that
was issued until the moment of the recovery is over, in every tenant, by its record alone.

A row that was edited refuses everything. One that was deleted is found by `counterfoil verify`,
and by the writer's check at its next start; a worker that has read it remembers it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from counterfoil.core.checkpoint import VerifierKey, log_origin
from counterfoil.core.revocation import (
    ALWAYS,
    LOGOUT_SECONDS,
    LOGOUTS,
    ORDERS,
    TIMED,
    By,
    Place,
    RevocationTable,
    Standing,
)
from counterfoil.core.succession import record_id
from counterfoil.core.times import seconds_of
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.marks import Marked
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from counterfoil.ports import Clock
from counterfoil.ports_issuers import Ended

FRESH_SECONDS: Final = 0.25  # a quarter of the second that is promised
PRUNE_SECONDS: Final = 3_600.0
_FIRST, _LAST = 0, 2**62


def recoveries(reader: Reader, line: VerifierKey) -> Iterator[Marked]:
    """The records that say that the ledger went on under a new name, of all its logs.

    Raises:
        LedgerUnavailable, LedgerCorrupt: they cannot be read.
    """
    for new, old in pairwise(line.line()):
        for tenant in reader.tenants() if new.name != old.name else ():
            sign = new.named(log_origin(new.name, tenant))
            yield from reader.mark(record_id(sign, ends=False))


class RevocationReader:
    """One per worker, for threads and greenlets alike."""

    def __init__(self, reader: Reader, master: Master, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self.name = lru_cache(maxsize=16_384)(master.revoked_name)
        self._lock = threading.Lock()  # owns all below
        self._orders, self._logouts = RevocationTable(), RevocationTable()
        self._seen: dict[str, int] = {}
        self._looked_at: float | None = None
        self._line: VerifierKey | None = None
        self._recovered_at = -math.inf
        self._recovered: Place | None = None
        self._pruned_at = clock.monotonic()

    def covers(self, standing: Standing) -> bool:
        """Whether it was ended (`ports.Revocations`).

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """
        looked_at = self._looked_at
        if looked_at is None or self._clock.monotonic() - looked_at > FRESH_SECONDS:
            with self._lock:
                self._look()
        return any(True for _ in self._found(standing))

    def covers_now(self, standing: Standing) -> bool:
        """As `covers`, by a look that begins now (`ports_issuers.LiveRevocations`).

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """
        with self._lock:
            self._look()
        return any(True for _ in self._found(standing))

    def ended_by(self, standing: Standing) -> Ended | None:
        """The first numbered revocation that ended it (`ports_issuers.LiveRevocations`).

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """
        if not self.covers(standing):
            return None
        places = self._found(standing)
        first = min((p for p in places if p.number), key=lambda p: p.number, default=None)
        return None if first is None else Ended(first.number, first.time)

    def _found(self, standing: Standing) -> Iterator[Place]:
        """Where what ended it was recorded."""
        if self._recovered is not None and standing.ended_by(self._recovered_at):
            yield self._recovered
        tenant = standing.tenant
        tables = [(t, found) for t in (self._orders, self._logouts) if (found := t.of(tenant))]
        if not tables:
            return
        names = [self.name(tenant, by.value, parts) for by, parts in standing.names()]
        for table, known in tables:
            for name in names:
                before = known.get(name)
                if before is not None and standing.ended_by(before):
                    yield table.place(tenant, name)

    def _look(self) -> None:
        now = self._clock.monotonic()
        if self._looked_at is None:
            self._read_logouts_of_late()
        line = self._reader.line()
        if line != self._line:  # at the first look, and after a change of the key or the name
            for entry in recoveries(self._reader, line):
                if seconds_of(entry.time) > self._recovered_at:
                    self._recovered_at = seconds_of(entry.time)
                    self._recovered = Place(entry.seq, entry.time)
            self._line = line
        for trail in (ORDERS, LOGOUTS):
            for entry in self._reader.unnumbered(trail):
                self._learn(trail, entry)
            after = self._seen.get(trail, _FIRST)
            while found := self._reader.marked(trail, after=after):
                for entry in found:
                    self._learn(trail, entry)
                after = self._seen[trail] = found[-1].seq
        if now - self._pruned_at > PRUNE_SECONDS:
            self._logouts.forget(self._clock.now() - LOGOUT_SECONDS)
            self._pruned_at = now
        self._looked_at = now  # the moment before the first query: what came later is not known

    def _read_logouts_of_late(self) -> None:
        """Start with the newest ones: those of years ago end nothing any more."""
        oldest, before = self._clock.now() - LOGOUT_SECONDS, _LAST
        while found := self._reader.marked_backwards(LOGOUTS, before=before):
            self._seen.setdefault(LOGOUTS, found[0].seq)
            for entry in found:
                self._learn(LOGOUTS, entry)
            before = found[-1].seq
            if seconds_of(found[-1].time) < oldest:
                return

    def _learn(self, trail: str, entry: Marked) -> None:
        try:
            by, name = By(str(entry.plain["by"])), str(entry.plain["name"])
            before = seconds_of(str(entry.plain["before"]))
        except (KeyError, ValueError) as error:
            raise LedgerCorrupt("a revocation cannot be read") from error
        place = Place(entry.seq, entry.time)
        if trail == LOGOUTS:  # nothing that it ends is given again later, so a moment will do
            self._logouts.add(entry.tenant, name, before, place)
        else:
            self._orders.add(entry.tenant, name, before if by in TIMED else ALWAYS, place)
