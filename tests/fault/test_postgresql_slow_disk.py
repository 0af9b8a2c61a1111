"""The ledger on PostgreSQL over a disk that is slow, or does not answer: late, or refused in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from counterfoil.config_ledger import PostgresqlPlace
from ledger_faults import append, ids, recovered, superuser
from ledgers import CLOCK, Ledger, event, running_ledger, soon
from servers import ledger_server
from simulators.postgresql_proxy import proxied

_END_OTHERS = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_FIVE_SLOW_COMMITS = 0.2  # s; less than they wait, for one flush may serve two of them


@contextmanager
def slow_disk(ledger: Ledger) -> Iterator[None]:
    """Each commit of this database waits a tenth of a second (the most there is) for its flush."""
    place = ledger.place
    assert isinstance(place, PostgresqlPlace)
    try:
        with superuser(ledger) as db:
            db.execute(f"ALTER DATABASE {place.database} SET commit_delay = 100000".encode())
            db.execute(f"ALTER DATABASE {place.database} SET commit_siblings = 0".encode())
            db.execute(_END_OTHERS)  # settings of a database are those of new sessions
        yield
    finally:
        with superuser(ledger) as db:
            db.execute(f"ALTER DATABASE {place.database} RESET ALL".encode())
            db.execute(_END_OTHERS)


def test_a_slow_disk_makes_answers_late_and_neither_hangs_nor_loses(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    """Whoever has the time gets a record, who has not a refusal, and it is quick again after."""
    with running_ledger(tmp_path, server=postgresql_server) as ledger:
        client = ledger.client()
        append(client, event())
        with slow_disk(ledger):
            recorded = [recovered(client)]
            begun = CLOCK.monotonic()
            for _ in range(5):
                sent = event()
                assert append(client, sent) == sent.event_id
                recorded.append(sent.event_id)
            assert CLOCK.monotonic() - begun > _FIVE_SLOW_COMMITS  # control: it is slow
            hurried = [append(client, event(), 0.02) for _ in range(5)]
            assert any(said.startswith("refused") for said in hurried)
            recorded += [said for said in hurried if not said.startswith("refused")]
        recorded.append(recovered(client))
        found = ids(ledger)
        assert set(recorded) <= set(found)
        assert len(found) == len(set(found))
        assert ledger.verify().findings == []


def test_a_disk_that_answers_no_commit_is_a_bounded_refusal_and_it_recovers_alone(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    with (
        proxied(postgresql_server.socket) as proxy,
        running_ledger(
            tmp_path, server=postgresql_server, host=proxy.folder, integrates=False
        ) as ledger,
    ):
        client, first, held = ledger.client(), event(), event()
        append(client, first)
        proxy.at_commit = "hold"
        assert append(client, held, 0.5).startswith("refused")
        assert proxy.reached.is_set()
        assert append(client, event(), 0.5).startswith("refused")  # who comes after it
        assert not client.health(deadline=soon(0.5)).ready
        proxy.release.set()
        last = recovered(client)
        ledger.integrate()
        found = ids(ledger)
        assert {first.event_id, last} <= set(found)
        assert len(found) == len(set(found))
        assert ledger.verify().findings == []
