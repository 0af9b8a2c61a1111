"""No acknowledged event is lost, whenever the writer is killed; what was not answered is honest."""

from __future__ import annotations

import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.core.canonical import digest
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.frames import encode, pack_group
from counterfoil.ports import Event, Once
from ledgers import CLOCK, Ledger, event, running_ledger, soon

KILLS = 4
ACKNOWLEDGED_BETWEEN = 120


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


def stored(ledger: Ledger) -> set[str]:
    with sqlite3.connect(f"file:{ledger.database}?mode=ro", uri=True) as database:
        found = {row[0] for row in database.execute("SELECT event_id FROM entries")}
    database.close()
    return found


class Load:
    """Workers that append without pause and remember every event that was acknowledged."""

    def __init__(self, ledger: Ledger, workers: int = 8) -> None:
        self.acknowledged: list[str] = []
        self.unanswered = 0
        self._enough = threading.Condition()
        self._stop = threading.Event()
        clients = [ledger.client() for _ in range(2)]
        self._threads = [
            threading.Thread(target=self._work, args=(clients[n % 2],)) for n in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        with self._enough:
            goal = len(self.acknowledged) + more
            assert self._enough.wait_for(lambda: len(self.acknowledged) >= goal, 30)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, client: LedgerClient) -> None:
        while not self._stop.is_set():
            try:
                (recorded,) = client.append([event()], deadline=soon(5))
            except LedgerUnavailable:
                self.unanswered += 1
                self._stop.wait(0.005)  # the writer is being started again
                continue
            with self._enough:
                self.acknowledged.append(recorded.receipt.event_id)
                self._enough.notify()


def test_kill_minus_nine_under_load_loses_no_acknowledged_event(ledger: Ledger) -> None:
    load = Load(ledger)
    try:
        for _ in range(KILLS):
            load.wait_for(ACKNOWLEDGED_BETWEEN)
            ledger.kill()
            ledger.start()  # the socket of the dead one is taken over
        load.wait_for(ACKNOWLEDGED_BETWEEN)
    finally:
        load.stop()
    assert len(load.acknowledged) >= KILLS * ACKNOWLEDGED_BETWEEN
    assert set(load.acknowledged) <= stored(ledger)
    report = ledger.verify()
    assert (report.findings, report.entries) == ([], len(stored(ledger)))


def test_killed_before_commit_leaves_no_record_and_gives_no_answer(ledger: Ledger) -> None:
    client, lost = ledger.client(), event()
    client.append([event()], deadline=soon())  # its connection and data key are there
    assert ledger.process is not None
    ledger.process.send_signal(signal.SIGSTOP)
    failure: list[Exception] = []

    def append() -> None:
        try:
            client.append([lost], deadline=soon())
        except LedgerUnavailable as error:
            failure.append(error)

    caller = threading.Thread(target=append)
    caller.start()
    ledger.kill()
    caller.join()
    assert len(failure) == 1
    ledger.start()
    assert lost.event_id not in stored(ledger)
    client.append([event()], deadline=soon())  # control: the same client goes on
    assert ledger.verify().found == 0


def test_an_answer_lost_after_commit_is_given_again_to_the_retry(ledger: Ledger) -> None:
    client, sent = ledger.client(), promised("retry me")
    client.append([event()], deadline=soon())
    send_and_vanish(ledger, client, sent)
    ledger.kill()
    ledger.start()
    retry = promised("retry me")
    (recorded,) = client.append([retry], deadline=soon())
    assert recorded.repeated == b"the first answer"
    assert recorded.receipt.event_id == sent.event_id
    assert retry.event_id not in stored(ledger)


def promised(scope: str) -> Event:
    promise = Once(
        scope=scope,
        body_digest=digest(b"body"),
        answer=b"the first answer",
        expires_at=CLOCK.now() + 600,
    )
    return event(once=promise)


def send_and_vanish(ledger: Ledger, client: LedgerClient, sent: Event) -> None:
    """Send an append as a worker does, and die before its answer; wait until it is recorded."""
    wire = client._seal(sent, soon()).wire
    with socket.socket(socket.AF_UNIX) as worker:
        worker.connect(str(ledger.socket))
        worker.sendall(pack_group(1, soon(), [encode(["append", [wire]])]))
        worker.recv(1)  # it is answered, and nobody reads the rest
    assert sent.event_id in stored(ledger)


def test_a_client_meets_a_restarted_writer_without_an_error(ledger: Ledger) -> None:
    client = ledger.client()
    for _ in range(3):
        client.append([event()], deadline=soon())
        assert ledger.stop() == 0
        ledger.start()
    client.append([event()], deadline=soon())
    assert ledger.verify().entries == 4


def test_a_stopped_writer_is_a_bounded_refusal_and_its_overdue_events_are_not_recorded(
    ledger: Ledger,
) -> None:
    client, late = ledger.client(), event()
    client.append([event()], deadline=soon())
    assert ledger.process is not None
    ledger.process.send_signal(signal.SIGSTOP)
    before = CLOCK.monotonic()
    with pytest.raises(LedgerUnavailable):
        client.append([late], deadline=soon(0.3))
    assert not client.health(deadline=soon(0.1)).ready
    assert CLOCK.monotonic() - before < 15  # bounded; a loaded machine has its own pace
    ledger.process.send_signal(signal.SIGCONT)
    client.append([event()], deadline=soon())
    assert late.event_id not in stored(ledger)
    assert ledger.verify().entries == 2


def test_a_full_queue_refuses_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.ledger.client.MAX_WAITING", 2)
    client = ledger.client()
    client.append([event()], deadline=soon())
    assert ledger.process is not None
    ledger.process.send_signal(signal.SIGSTOP)
    held: list[Exception | None] = []

    def append() -> None:
        try:
            client.append([event()], deadline=soon())
        except LedgerUnavailable as error:
            held.append(error)

    callers = [threading.Thread(target=append) for _ in range(2)]
    for caller in callers:
        caller.start()
    while client._waiting < 2:
        threading.Event().wait(0.001)
    with pytest.raises(LedgerUnavailable, match="too many"):
        client.append([event()], deadline=soon())
    ledger.process.send_signal(signal.SIGCONT)
    for caller in callers:
        caller.join()
    assert not held  # control: those that waited were recorded
    assert ledger.verify().entries == 3


def test_a_stopped_service_keeps_the_last_checkpoint_of_each_log(ledger: Ledger) -> None:
    client = ledger.client()
    for tenant in ("default", "other", "default"):
        client.append([event(tenant=tenant)], deadline=soon())
    client.close()
    assert ledger.stop() == 0
    with sqlite3.connect(ledger.database) as database:
        kept = database.execute("SELECT log, max(size) FROM checkpoints GROUP BY log").fetchall()
    database.close()
    assert kept == [(1, 2), (2, 1)]
    assert not ledger.database.with_name("ledger.db-wal").exists()
    assert ledger.verify().checkpoints >= 2
