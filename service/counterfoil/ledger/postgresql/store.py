"""One replica's writer on PostgreSQL: a group is one transaction, and many replicas do so at once.

Contract: `port.WriterStore`. What two writers could both touch (a scope, a state, a person's
key) is locked by name for the length of the transaction, and never waited for within it: who
does not get all that it touches is tried again in the next one. So there is no deadlock, and
a replica that was stopped in the middle holds up only who wants the same, until the server
ends its transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import psycopg
from psycopg import errors

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.database import StorageUnavailable
from counterfoil.ledger.frames import Value
from counterfoil.ledger.mark import Mark
from counterfoil.ledger.nodes import Rows
from counterfoil.ledger.port import Answer
from counterfoil.ledger.postgresql.connection import Rows as ConnectedRows
from counterfoil.ledger.postgresql.connection import connect, translated
from counterfoil.ledger.postgresql.outcome import Outcome, outcome_of
from counterfoil.ledger.postgresql.plan import Plan, Request, Signer, read_request
from counterfoil.ledger.postgresql.setup import prepare
from counterfoil.ledger.postgresql.world import Wants, World, load, store, try_locks
from counterfoil.ledger.requests import Refused
from counterfoil.ledger.signing import Signing

MAX_LOCKS: Final = 512  # of one transaction; the server's table holds 6,400 by default, for all
CONTENDED_SECONDS: Final = 0.5  # how long a name that others hold is tried for
PAUSE_SECONDS: Final = 0.003
LAG_SECONDS: Final = 0.5  # how often the integrators' delay is looked at
PRUNE_SECONDS: Final = 60.0
_PRUNE = """DELETE FROM once WHERE scope IN (SELECT scope FROM once
    WHERE CASE state WHEN 0 THEN deadline ELSE expires_at END <= extract(epoch FROM now())
    LIMIT 500 FOR UPDATE SKIP LOCKED)"""
_LAG = """SELECT coalesce((SELECT extract(epoch FROM clock_timestamp() - r.made_at)
    FROM records r WHERE (r.xid, r.id) > (h.xid, h.id) ORDER BY r.xid, r.id LIMIT 1), 0)
    ::double precision, h.seq FROM head h"""
_PROBE = """INSERT INTO once VALUES ('probe', '', 1, 0, 0)
    ON CONFLICT (scope) DO UPDATE SET expires_at = 0"""


class PostgresqlStore:
    """The open ledger.

    Args:
        place: the database.
        signing: the key of receipts, with those before it.
        base: what the origin prefix begins with.
        max_delay_seconds: how old a record without a number may be before nothing more is
            acknowledged: the promise of a receipt ends there.
        monotonic: for intervals.
        handed_over: is told the line, where no rotation is under way.
        mark: what remembers outside of the database how much was signed.

    Raises:
        ConfigError: another ledger, or a server that would lose what it acknowledges.
        StorageFailed, StorageUnavailable: no connection, or no right.
    """

    def __init__(
        self,
        place: PostgresqlPlace,
        signing: Signing,
        *,
        base: str,
        max_delay_seconds: float,
        monotonic: Callable[[], float],
        handed_over: Callable[[VerifierKey], None] = lambda _line: None,
        mark: Callable[[Rows, VerifierKey], Mark | None] = lambda _rows, _line: None,
    ) -> None:
        self._place, self._signing, self._monotonic = place, signing, monotonic
        self._max_delay_seconds = max_delay_seconds
        with translated():
            self._db = connect(place, "writer")
            line = prepare(self._db, base, signing)
            self._base, self._handed_over, self._mark = base, handed_over, mark
            self._hold(line)
        self._take(replace(signing, line=line))
        self._trouble = ""
        self._lag_at = float("-inf")
        self._entries = 0
        self._pruned_at = monotonic()

    @property
    def line(self) -> VerifierKey:
        """The key that counts, with those before it, and the one to come (`port.WriterStore`)."""
        coming = () if self._signing.coming is None else (self._signing.coming,)
        return replace(self._line, earlier=(*coming, *self._line.earlier))

    def hand_over(self, signing: Signing) -> None:
        """Sign receipts by a rotated key (`port.WriterStore`); integrators hand the logs over.

        Raises:
            ConfigError: it is no successor of the present key.
        """
        line = signing.of(self.prefix)
        if line != self._line:
            if self._line.line()[0] != next(iter(line.line()[1:]), None):
                raise ConfigError("the new receipt.pem was not made by `counterfoil keys rotate`")
            self._take(replace(signing, line=line))

    def _take(self, signing: Signing) -> None:
        self._signing, self._line = signing, signing.line or signing.of("")
        self.prefix = self._line.name
        self._signer = Signer(self._line, signing.key)
        if signing.endorsement is None:
            self._handed_over(self._line)

    @property
    def entries(self) -> int:
        """How many entries were numbered when it was last looked at."""
        return self._entries

    def commit(self, requests: Sequence[Value]) -> list[Answer]:
        """Carry out all requests (`port.WriterStore`), in as many transactions as they need.

        Raises:
            StorageUnavailable: no connection, or the integrators are too far behind.
            StorageFailed, LedgerCorrupt, ConfigError: the writer must exit.
        """
        try:
            self._connected()
            self._check_lag()
        except StorageUnavailable as error:
            self._trouble = str(error)
            raise
        answers: list[Answer] = [[] for _ in requests]
        waiting: list[tuple[int, Request]] = []
        for number, value in enumerate(requests):
            try:
                waiting.append((number, read_request(value)))
            except Refused as refusal:
                answers[number] = refusal.answer
        for chunk in _chunks(waiting):
            self._serve(chunk, answers)
        return answers

    def trouble(self) -> str:
        """Why nothing can be recorded now (`port.WriterStore`).

        Raises:
            StorageFailed, ConfigError: the writer must exit.
        """
        try:
            self._connected()
            self._lag_at = float("-inf")
            self._check_lag()
            if self._trouble:  # the last group failed: only a write shows that it is over
                with translated():
                    self._db.execute(_PROBE)
        except StorageUnavailable as error:
            return str(error)
        self._trouble = ""
        return ""

    def maintain(self, *, idle: bool) -> None:
        """Drop ended claims when there is time (`port.WriterStore`).

        Raises:
            StorageFailed: as `commit`.
        """
        if idle and self._monotonic() - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = self._monotonic()
            try:
                self._connected()
                with translated():
                    self._db.execute(_PRUNE)
            except StorageUnavailable as error:
                self._trouble = str(error)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _serve(self, chunk: list[tuple[int, Request]], answers: list[Answer]) -> None:
        """Commit a chunk; who found a name held by another writer is tried again for a while."""
        until = self._monotonic() + CONTENDED_SECONDS
        while chunk:
            try:
                chunk = self._attempt(chunk, answers)
            except errors.UniqueViolation:
                if len(chunk) == 1:
                    answers[chunk[0][0]] = ["refused", "the event exists already"]
                    return
                for one in chunk:  # find whose it is without failing the others
                    self._serve([one], answers)
                return
            except StorageUnavailable as error:
                self._trouble = str(error)
                for number, _ in chunk:
                    answers[number] = ["unavailable", str(error)]
                return
            if chunk and self._monotonic() >= until:
                for number, _ in chunk:
                    answers[number] = ["unavailable", "another replica is busy with the same"]
                return
            if chunk:
                time.sleep(PAUSE_SECONDS)
        self._trouble = ""

    def _attempt(
        self, chunk: list[tuple[int, Request]], answers: list[Answer]
    ) -> list[tuple[int, Request]]:
        """One transaction over those that got their locks; the others are returned."""
        self._connected()
        try:
            with translated():
                self._db.execute("BEGIN")
                held = try_locks(self._db, {n for _, request in chunk for n in request.locks})
                mine = [one for one in chunk if one[1].locks <= held]
                world = load(self._db, _together(request.wants for _, request in mine))
                plan = Plan(world, self._signer)
                made = [(number, plan.apply(request)) for number, request in mine]
                if world.changed and not store(self._db, world):
                    raise errors.UniqueViolation
        except BaseException:
            self._roll_back()
            raise
        self._commit(world)
        for number, answer in made:
            answers[number] = answer
        return [one for one in chunk if not one[1].locks <= held]

    def _commit(self, world: World) -> None:
        """COMMIT, and where no answer came, find out what became of it.

        Raises:
            StorageUnavailable: it was rolled back, or nobody could say in time.
        """
        try:
            self._db.execute("COMMIT")
        except psycopg.Error as error:
            self._db.close()
            outcome = outcome_of(self._place, world.xid, list(world.records))
            if outcome is not Outcome.COMMITTED:
                raise StorageUnavailable(
                    f"the commit's answer was lost: {outcome.value}"
                ) from error

    def _roll_back(self) -> None:
        try:
            self._db.execute("ROLLBACK")
        except psycopg.Error:
            self._db.close()

    def _connected(self) -> None:
        """A connection that is open, to the same ledger on a server that keeps its word.

        Raises:
            StorageUnavailable: none in time.
            ConfigError: what answers there now is something else.
        """
        if self._db.closed or self._db.broken:
            with translated():
                self._db = connect(self._place, "writer")
                self._hold(prepare(self._db, self._base, self._signing))

    def _hold(self, line: VerifierKey) -> None:
        """The database may be another one than before: hold it to what was signed.

        Raises:
            LedgerCorrupt: it has lost some of it.
        """
        mark = self._mark(ConnectedRows(self._db).query, line)
        if mark is not None:
            mark.check()

    def _check_lag(self) -> None:
        if self._monotonic() - self._lag_at < LAG_SECONDS:
            return
        with translated():
            row = self._db.execute(_LAG).fetchone()
        if row is None:
            raise LedgerCorrupt("the head of the ledger is gone")
        delay, self._entries = row
        if delay > self._max_delay_seconds:
            raise StorageUnavailable(f"no integrator has numbered a record for {delay:.0f} s")
        self._lag_at = self._monotonic()


def _together(wants: Iterator[Wants]) -> Wants:
    total = Wants()
    for one in wants:
        for name in Wants.__slots__:
            getattr(total, name).update(getattr(one, name))
    return total


def _chunks(waiting: list[tuple[int, Request]]) -> Iterator[list[tuple[int, Request]]]:
    chunk: list[tuple[int, Request]] = []
    count = 0
    for one in waiting:
        if chunk and count + len(one[1].locks) > MAX_LOCKS:
            yield chunk
            chunk, count = [], 0
        chunk.append(one)
        count += len(one[1].locks)
    if chunk:
        yield chunk
