"""Kills on every side of a ledger on PostgreSQL, under load: nothing acknowledged is lost.

Small in CI; `make prove` does it until 50,000 events are acknowledged, and measures the rate.
"""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.client import LedgerClient
from evidence import record
from ledgers import CLOCK, Ledger, event, running_ledger, soon
from servers import ledger_server

SEED = 20261124
STALLED_SECONDS = 90.0


@pytest.fixture
def own_server() -> Iterator[ledger_server.Server]:
    with ledger_server.serving() as server:
        yield server


class Load:
    """Workers on both replicas that append without pause, and what each was told, in order."""

    def __init__(self, replicas: list[Ledger], workers: int) -> None:
        self.told: list[list[str]] = [[] for _ in range(workers)]
        self.refused = 0
        self._stop = threading.Event()
        self._more = threading.Condition()
        clients = [replica.client() for replica in replicas for _ in range(2)]
        self._threads = [
            threading.Thread(target=self._work, args=(clients[n % len(clients)], told))
            for n, told in enumerate(self.told)
        ]
        for thread in self._threads:
            thread.start()

    def count(self) -> int:
        return sum(map(len, self.told))

    def wait_for(self, count: int) -> None:
        with self._more:
            while self.count() < count:
                before = self.count()
                self._more.wait(STALLED_SECONDS)
                assert self.count() > before, "no acknowledged event any more"

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(STALLED_SECONDS)
            assert not thread.is_alive(), "a worker hangs"

    def _work(self, client: LedgerClient, told: list[str]) -> None:
        while not self._stop.is_set():
            try:
                (recorded,) = client.append([event()], deadline=soon(3.0))
            except LedgerUnavailable:
                self.refused += 1
                self._stop.wait(0.02)
                continue
            with self._more:
                told.append(recorded.receipt.event_id)
                self._more.notify()


class Killer:
    """One fault after the other on two replicas and their server; a supervisor starts anew."""

    def __init__(self, server: ledger_server.Server, replicas: list[Ledger]) -> None:
        self._server, self._replicas = server, replicas
        self._random = random.Random(SEED)  # noqa: S311 -- an order that can be repeated
        self.done: dict[str, int] = {}

    def strike(self) -> None:
        kinds: dict[str, Callable[[Ledger], None]] = {
            "writer": self._writer,
            "integrator": self._integrator,
            "paused integrator": self._pause,
            "postgresql": self._postgresql,
            "parent": self._parent,
        }
        kind = self._random.choice(list(kinds))
        kinds[kind](self._random.choice(self._replicas))
        self.done[kind] = self.done.get(kind, 0) + 1

    def _writer(self, replica: Ledger) -> None:
        replica.kill()
        replica.start()

    def _integrator(self, replica: Ledger) -> None:
        replica.close_integrator()
        replica.integrate("--fence-ms=1000")

    def _pause(self, replica: Ledger) -> None:
        assert replica.integrator is not None
        replica.integrator.send_signal(signal.SIGSTOP)
        time.sleep(self._random.uniform(0.05, 1.5))
        replica.integrator.send_signal(signal.SIGCONT)

    def _postgresql(self, _: Ledger) -> None:
        self._random.choice((self._server.kill, self._server.crash))()
        self._server.start()

    def _parent(self, replica: Ledger) -> None:
        """All of a replica at once, as the death of its parent does."""
        replica.close_integrator()
        replica.kill()
        replica.start()


def run(
    folder: Path, server: ledger_server.Server, *, acknowledged: int, kills: int
) -> dict[str, object]:
    """Load and kill until both counts are reached; what was found, all of it asserted."""
    with running_ledger(folder, server=server) as first:
        second = Ledger(folder, beside=first)
        try:
            second.start()
            replicas = [first, second]
            killer, load = Killer(server, replicas), Load(replicas, 8)
            try:
                for number in range(1, kills + 1):
                    load.wait_for(acknowledged * number // kills)
                    killer.strike()
                load.wait_for(load.count() + 20)
            finally:
                load.stop()
            rows = first.rows("SELECT event_id FROM entries ORDER BY seq")
            places = {event_id: place for place, (event_id,) in enumerate(rows)}
            told = [event_id for one in load.told for event_id in one]
            assert [event_id for event_id in told if event_id not in places] == []
            assert len(places) == len(rows)
            inverted = 0
            for one in load.told:
                order = [places[event_id] for event_id in one]
                inverted += sum(a > b for a, b in itertools.pairwise(order))
            assert inverted == 0
            report = first.verify()
            assert (report.findings, report.entries) == ([], len(rows))
            return {
                "acknowledged": len(told),
                "lost": 0,
                "inverted": inverted,
                "recorded": len(rows),
                "refused": load.refused,
                "kills": killer.done,
            }
        finally:
            second.close()


def test_kills_on_every_side_lose_nothing_that_was_acknowledged(
    tmp_path: Path, own_server: ledger_server.Server
) -> None:
    found = run(tmp_path, own_server, acknowledged=300, kills=8)
    assert isinstance(found["acknowledged"], int)
    assert found["acknowledged"] >= 300


@pytest.mark.prove
def test_a_hundred_kills_lose_none_of_fifty_thousand(
    tmp_path: Path, own_server: ledger_server.Server
) -> None:
    found = run(tmp_path, own_server, acknowledged=50_000, kills=100)
    record(
        "postgresql_kills",
        "two replicas on one PostgreSQL: SIGKILL of writers, integrators, the server and whole"
        " replicas, and paused integrators, under load",
        seed=SEED,
        **found,
    )


@pytest.mark.prove
def test_the_rate_of_sealed_appends_on_postgresql(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    """Printed beside the others' numbers; four processes of 16 callers each."""
    from appending import appended_by  # noqa: PLC0415

    with running_ledger(tmp_path, server=postgresql_server) as ledger:
        ledger.client().append([event()], deadline=soon())
        started = CLOCK.monotonic()
        count = appended_by(ledger, processes=4, callers=16, each=250)
        seconds = CLOCK.monotonic() - started
        ledger.settle()
        numbered = CLOCK.monotonic() - started
        assert ledger.rows("SELECT count(*) FROM entries") == [(count + 1,)]
    print(f"{count / seconds:,.0f} sealed appends/s, numbered {count / numbered:,.0f}/s")  # noqa: T201
    record(
        "postgresql_rate",
        "sealed appends with receipts by 4 processes on PostgreSQL, on a unix socket",
        appends_per_second=round(count / seconds),
        numbered_per_second=round(count / numbered),
    )
