"""The ledger on PostgreSQL when something breaks: bounded refusals, nothing lost, nothing twice."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.postgresql.world import Wants
from erasing import erase, person
from ledger_faults import append, ids, recovered, superuser
from ledgers import ALICE, CLOCK, Ledger, event, new_id, running_ledger, soon
from servers import ledger_server
from simulators.postgresql_proxy import Act, proxied

_DISK_FULL = """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"""


@pytest.fixture
def ledger(tmp_path: Path, postgresql_server: ledger_server.Server) -> Iterator[Ledger]:
    with running_ledger(tmp_path, server=postgresql_server) as started:
        yield started


@pytest.mark.parametrize(("act", "is_recorded"), [("cut after", True), ("cut before", False)])
def test_a_commit_whose_answer_is_lost_is_resolved_and_never_made_twice(
    tmp_path: Path, postgresql_server: ledger_server.Server, act: Act, *, is_recorded: bool
) -> None:
    with (
        proxied(postgresql_server.socket) as proxy,
        running_ledger(tmp_path, server=postgresql_server, host=proxy.folder) as ledger,
    ):
        client, sent = ledger.client(), event()
        append(client, event())
        proxy.at_commit = act
        said = append(client, sent)
        # Of the integrator's and the writer's COMMIT one was cut; both must come out right.
        found = ids(ledger)
        assert (said == sent.event_id) == (sent.event_id in found)
        assert len(found) == len(set(found))
        assert ledger.verify().findings == []
        assert recovered(client) in ids(ledger)  # control


@pytest.mark.parametrize(("act", "is_recorded"), [("cut after", True), ("cut before", False)])
def test_a_writer_says_of_a_lost_commit_what_became_of_it(
    tmp_path: Path, postgresql_server: ledger_server.Server, act: Act, *, is_recorded: bool
) -> None:
    with (
        proxied(postgresql_server.socket) as proxy,
        running_ledger(
            tmp_path, server=postgresql_server, host=proxy.folder, integrates=False
        ) as ledger,
    ):
        client, sent = ledger.client(), event()
        append(client, event())
        proxy.at_commit = act
        said = append(client, sent)
        assert said == sent.event_id if is_recorded else "nothing was recorded" in said
        ledger.integrate()
        assert (sent.event_id in ids(ledger)) == is_recorded
        assert len(ids(ledger)) == 1 + is_recorded
        assert ledger.verify().findings == []


def test_an_integrator_that_lost_the_head_writes_nothing_when_it_wakes(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    with (
        proxied(postgresql_server.socket) as proxy,
        running_ledger(tmp_path, server=postgresql_server, integrates=False) as ledger,
    ):
        client, sent = ledger.client(), event()
        stale = Ledger(tmp_path, beside=ledger, host=proxy.folder)
        try:
            proxy.only_after = b"UPDATE head"
            proxy.at_commit = "hold"  # it has the head, has signed, and stands before COMMIT
            append(client, sent)
            stale.integrate("--fence-ms=500")
            assert proxy.reached.wait(20)
            ledger.integrate()
            assert ids(ledger) == [sent.event_id]  # somebody else has numbered it
            second = event()
            append(client, second)
            before = ledger.rows("SELECT size, note FROM logs")
            ledger.settle()
            proxy.release.set()  # it wakes
            third = event()
            append(client, third)
            assert ids(ledger) == [sent.event_id, second.event_id, third.event_id]
            assert ledger.rows("SELECT size, note FROM logs") != before
            assert ledger.verify().findings == []
        finally:
            stale.close()


def test_without_an_integrator_nothing_is_acknowledged_beyond_the_delay(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    with running_ledger(
        tmp_path,
        server=postgresql_server,
        integrates=False,
        arguments=("--max-delay-seconds=1",),
    ) as ledger:
        client, first = ledger.client(), event()
        assert append(client, first) == first.event_id  # control
        until = soon()
        while not (said := append(client, event())).startswith("refused"):
            assert CLOCK.monotonic() < until
        assert "no integrator" in said
        assert not client.health(deadline=soon()).ready
        ledger.integrate()
        assert recovered(client) in ids(ledger)


def test_a_locked_head_row_holds_up_nobody_over_the_deadline(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    with running_ledger(
        tmp_path, server=postgresql_server, arguments=("--max-delay-seconds=1",)
    ) as ledger:
        client = ledger.client()
        append(client, event())
        with superuser(ledger) as db, db.transaction():
            db.execute("SELECT * FROM head FOR UPDATE")
            until = soon()
            while not append(client, event(), 2.0).startswith("refused: no integrator"):
                assert CLOCK.monotonic() < until
        assert recovered(client) in ids(ledger)
        assert ledger.verify().findings == []


def test_a_full_disk_is_a_refusal_that_ends_by_itself(ledger: Ledger) -> None:
    client = ledger.client()
    append(client, event())
    with superuser(ledger) as db:
        db.execute(_DISK_FULL)
        db.execute("CREATE TRIGGER full_disk BEFORE INSERT ON records EXECUTE FUNCTION full_disk()")
        sent = event()
        assert "could not extend file" in append(client, sent)
        db.execute("DROP TRIGGER full_disk ON records")
    assert sent.event_id not in ids(ledger)
    assert recovered(client) in ids(ledger)


def test_another_replicas_unfinished_work_holds_up_only_the_same_name(ledger: Ledger) -> None:
    client, taken = ledger.client(), ("dpop", new_id("jti"))
    append(client, event())
    assert client.spend(taken, expires_at=CLOCK.now() + 60, deadline=soon())
    lock = lock_of(client, taken)
    with superuser(ledger) as db, db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
        with pytest.raises(LedgerUnavailable, match="another replica"):
            client.spend(taken, expires_at=CLOCK.now() + 60, deadline=soon())
        sent = event()
        assert append(client, sent) == sent.event_id  # everybody else goes on
    assert not client.spend(taken, expires_at=CLOCK.now() + 60, deadline=soon())


def test_no_record_is_committed_under_a_key_that_another_replica_erases(ledger: Ledger) -> None:
    """An append shares its data key's lock with others, and with an erasure it does not."""
    client, sent = ledger.client(), event()
    append(client, sent)
    key = str(client.privacy.key_of(person()))
    ((lock, _),) = Wants(doomed={key}).locks()
    with superuser(ledger) as db, db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))  # as an erasure that is not done
        with pytest.raises(LedgerUnavailable, match="another replica"):
            client.append([event()], deadline=soon())
        other = event(subject=(ALICE[0], "bob"))
        assert append(client, other) == other.event_id
    with superuser(ledger) as db, db.transaction():
        db.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock,))  # as an append that is not
        more = event()
        assert append(client, more) == more.event_id
        with pytest.raises(LedgerUnavailable, match="another replica"):
            erase(client)
    assert erase(client) is not None
    assert ledger.verify().findings == []


def lock_of(client: LedgerClient, scope: tuple[str, ...]) -> int:
    from counterfoil.core.canonical import canonical_bytes  # noqa: PLC0415

    name = client._master.once_scope(canonical_bytes(["spent", *scope]).decode())
    ((lock, _),) = Wants(scopes={name}).locks()
    return lock


@pytest.fixture(scope="module")
def own_server() -> Iterator[ledger_server.Server]:
    """One that these tests may kill."""
    with ledger_server.serving() as server:
        yield server


@pytest.mark.parametrize("how", ["kill", "crash"])
def test_postgresql_down_is_a_bounded_refusal_and_it_recovers_alone(
    tmp_path: Path, own_server: ledger_server.Server, how: str
) -> None:
    with running_ledger(tmp_path, server=own_server) as ledger:
        client, first = ledger.client(), event()
        assert append(client, first) == first.event_id
        getattr(own_server, how)()
        assert append(client, event(), 3.0).startswith("refused")
        assert not client.health(deadline=soon(3.0)).ready
        with pytest.raises(LedgerUnavailable):
            client.trail("default", str(first.decision_id))
        own_server.start()
        last = recovered(client)
        assert client.trail("default", str(first.decision_id))
        assert {first.event_id, last} <= set(ids(ledger))
        assert ledger.verify().findings == []


def test_a_stopped_writer_is_refused_in_time_and_what_it_held_is_rolled_back(
    ledger: Ledger, tmp_path: Path
) -> None:
    other = Ledger(tmp_path, beside=ledger)
    try:
        other.start()
        client, rival = ledger.client(), other.client()
        append(client, event())
        assert ledger.process is not None
        ledger.process.send_signal(signal.SIGSTOP)
        sent = event()
        assert append(client, sent, 0.5).startswith("refused")
        kept = event()
        assert append(rival, kept) == kept.event_id  # the other replica goes on
        ledger.process.send_signal(signal.SIGCONT)
        assert recovered(client)
        assert sent.event_id not in ids(ledger)  # overdue: not recorded afterwards
    finally:
        other.close()


def test_one_reader_is_shared_by_threads_and_outlives_the_server(
    tmp_path: Path, own_server: ledger_server.Server
) -> None:
    with running_ledger(tmp_path, server=own_server) as ledger:
        client, sent = ledger.client(), event()
        append(client, sent)
        failed: list[Exception] = []

        def read() -> None:
            for _ in range(20):
                try:
                    assert client.trail("default", str(sent.decision_id))
                except (
                    LedgerUnavailable,
                    AssertionError,
                ) as error:  # a thread's failure must fail the test
                    failed.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        own_server.crash()
        own_server.start()
        assert client.trail("default", str(sent.decision_id))  # its idle connection was lost
