"""Where durable things stand: one step per event, in the event's own transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import StateConflict
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Change, Event, Once
from ledgers import CLOCK, Ledger, event, new_id, running_ledger, soon


@pytest.fixture
def ledger(any_ledger: Ledger) -> Ledger:
    return any_ledger


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


def step(key: str, expect: int | None, **changes: Any) -> Change:
    """A change of one thing; open and far from its end unless said otherwise."""
    base = Change(
        kind="approval",
        key=key,
        expect_version=expect,
        state="pending",
        open=True,
        name=f"name of {key}",
        owner="alice's run",
        expires_at=CLOCK.now() + 600,
        most_open=1_000,
    )
    return replace(base, **changes)


def with_step(change: Change, **changes: Any) -> Event:
    return replace(event(**changes), change=change)


def entries(ledger: Ledger) -> int:
    return int(ledger.rows("SELECT count(*) FROM entries")[0][0])


def test_a_step_is_taken_with_its_event(ledger: Ledger) -> None:
    client, key = ledger.client(), new_id("apr")
    opening = with_step(step(key, None))
    client.append([opening], deadline=soon())
    found = client.states.state("default", "approval", key)
    assert found is not None
    assert (found.version, found.state, found.decision_id) == (1, "pending", opening.decision_id)
    client.append([with_step(step(key, 1, state="approved"))], deadline=soon())
    client.append([with_step(step(key, 2, state="spent", open=False))], deadline=soon())
    found = client.states.state("default", "approval", key)
    assert found is not None
    assert (found.version, found.state, found.decision_id) == (3, "spent", opening.decision_id)
    assert client.states.open_states("default", "approval") == []
    assert ledger.verify().findings == []


@pytest.mark.parametrize("expect", [None, 0, 2, 7, -1])
def test_a_step_from_another_version_records_nothing(ledger: Ledger, expect: int | None) -> None:
    client, key = ledger.client(), new_id("apr")
    client.append([with_step(step(key, None))], deadline=soon())
    before = entries(ledger)
    wrong = with_step(step(key, expect, name="another", state="approved"))
    with pytest.raises(StateConflict):
        client.append([event(), wrong, event()], deadline=soon())
    assert entries(ledger) == before
    found = client.states.state("default", "approval", key)
    assert found is not None
    assert (found.version, found.state) == (1, "pending")
    client.append([with_step(step(key, 1))], deadline=soon())  # the control


def test_a_step_of_nothing_records_nothing(ledger: Ledger) -> None:
    client, key = ledger.client(), new_id("apr")
    with pytest.raises(StateConflict):
        client.append([with_step(step(key, 1))], deadline=soon())
    assert entries(ledger) == 0
    assert client.states.state("default", "approval", key) is None


def test_a_refused_append_takes_back_the_steps_before_it(ledger: Ledger) -> None:
    client = ledger.client()
    one, two = new_id("apr"), new_id("apr")
    client.append([with_step(step(one, None))], deadline=soon())
    batch = [
        with_step(step(one, 1, state="cancelled", open=False)),
        with_step(step(two, None)),
        with_step(step(one, 1, state="spent", open=False)),
    ]
    with pytest.raises(StateConflict):
        client.append(batch, deadline=soon())
    assert entries(ledger) == 1
    found = client.states.state("default", "approval", one)
    assert found is not None
    assert (found.version, found.state) == (1, "pending")
    assert client.states.state("default", "approval", two) is None
    client.append(batch[:2], deadline=soon())  # the control


def test_one_open_thing_has_a_name(ledger: Ledger) -> None:
    client = ledger.client()
    one, two = new_id("apr"), new_id("apr")
    client.append([with_step(step(one, None, name="n"))], deadline=soon())
    with pytest.raises(StateConflict):
        client.append([with_step(step(two, None, name="n"))], deadline=soon())
    client.append([with_step(step(two, None, name="n"), tenant="other")], deadline=soon())
    # The old one ends and a new one begins in one commit, in this order only.
    ends = with_step(step(one, 1, name="n", state="cancelled", open=False))
    begins = with_step(step(two, None, name="n"))
    with pytest.raises(StateConflict):
        client.append([begins, ends], deadline=soon())
    client.append([ends, begins], deadline=soon())
    (found,) = client.states.open_states("default", "approval", name="n")
    assert found.key == two


def test_a_name_is_free_again_when_its_time_is_over(ledger: Ledger) -> None:
    client = ledger.client()
    one, two = new_id("apr"), new_id("apr")
    past = CLOCK.now() - 1
    client.append([with_step(step(one, None, name="n", expires_at=past))], deadline=soon())
    client.append([with_step(step(two, None, name="n"))], deadline=soon())
    assert [s.key for s in client.states.open_states("default", "approval", name="n")] == sorted(
        [one, two]
    )


def test_an_owner_has_no_more_open_than_it_may(ledger: Ledger) -> None:
    client = ledger.client()
    first, second, third = (new_id("apr") for _ in range(3))
    client.append([with_step(step(first, None, most_open=2))], deadline=soon())
    together = [with_step(step(key, None, most_open=2)) for key in (second, third)]
    with pytest.raises(StateConflict):
        client.append(together, deadline=soon())
    assert len(client.states.open_states("default", "approval", owner="alice's run")) == 1
    client.append(together[:1], deadline=soon())
    with pytest.raises(StateConflict):
        client.append(together[1:], deadline=soon())
    other = with_step(step(new_id("apr"), None, most_open=2, owner="bob's run"))
    client.append([other], deadline=soon())
    # One ends, and so does its time: there is room again.
    ended = with_step(step(first, 1, state="spent", open=False))
    client.append([ended, with_step(step(third, None, most_open=2))], deadline=soon())


def test_rivals_have_one_winner(ledger: Ledger) -> None:
    """Eight workers take the same step at the same moment, again and again."""
    clients, key = [ledger.client() for _ in range(8)], new_id("apr")
    clients[0].append([with_step(step(key, None))], deadline=soon())
    for version in range(1, 6):
        gate = threading.Barrier(len(clients))
        won: list[int] = []

        def rival(
            client: LedgerClient,
            gate: threading.Barrier = gate,
            won: list[int] = won,
            version: int = version,
        ) -> None:
            gate.wait()
            try:
                client.append([with_step(step(key, version))], deadline=soon())
                won.append(version)
            except StateConflict:
                pass

        threads = [threading.Thread(target=rival, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [version]
    assert entries(ledger) == 6
    assert ledger.verify().findings == []


def test_a_refused_step_spoils_nobody_elses_group(ledger: Ledger) -> None:
    client, key = ledger.client(), new_id("apr")
    client.append([with_step(step(key, None))], deadline=soon())
    gate = threading.Barrier(9)
    found: list[bool] = []

    def one(good: bool) -> None:  # noqa: FBT001 -- a thread's argument
        mine = event() if good else with_step(step(key, 9))
        gate.wait()
        try:
            client.append([mine], deadline=soon())
            found.append(good)
        except StateConflict:
            found.append(not good)

    threads = [threading.Thread(target=one, args=(n % 3 != 0,)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 9
    assert entries(ledger) == 1 + 6


def test_a_repeated_event_takes_no_second_step(ledger: Ledger) -> None:
    client, key = ledger.client(), new_id("apr")
    once = Once(scope="s", body_digest="b", answer=b"a", expires_at=CLOCK.now() + 60)
    first = replace(with_step(step(key, None)), once=once)
    client.append([first], deadline=soon())
    again = replace(first, event_id=new_id("evt"))
    (repeated,) = client.append([again], deadline=soon())
    assert repeated.repeated == b"a"
    found = client.states.state("default", "approval", key)
    assert found is not None
    assert found.version == 1


def test_half_of_a_repetition_is_refused(ledger: Ledger) -> None:
    """Decided twice by two workers, the second with another step: neither half is recorded."""
    client = ledger.client()
    once = Once(scope="s", body_digest="b", answer=b"a", expires_at=CLOCK.now() + 60)
    client.append([replace(event(), once=once)], deadline=soon())
    with pytest.raises(StateConflict):
        client.append(
            [replace(event(), once=once), with_step(step(new_id("apr"), None))], deadline=soon()
        )
    assert entries(ledger) == 1


def test_another_tenant_has_no_such_thing(ledger: Ledger) -> None:
    client, key = ledger.client(), new_id("apr")
    client.append([with_step(step(key, None))], deadline=soon())
    assert client.states.state("other", "approval", key) is None
    assert client.states.open_states("other", "approval") == []
    assert client.states.open_states("other", "approval", name=f"name of {key}") == []
    assert client.states.owned_states("other", "approval", "alice's run") == []
    with pytest.raises(StateConflict):
        client.append([with_step(step(key, 1), tenant="other")], deadline=soon())
    assert [s.key for s in client.states.owned_states("default", "approval", "alice's run")] == [
        key
    ]


def test_names_and_owners_stand_nowhere_readable(ledger: Ledger) -> None:
    client, key = ledger.client(), new_id("apr")
    client.append([with_step(step(key, None, name="n4m3", owner="0wn3r"))], deadline=soon())
    stored = ledger.stored()
    assert b"n4m3" not in stored
    assert b"0wn3r" not in stored
    assert key.encode() in stored


def test_a_taken_step_survives_kill_9(ledger: Ledger) -> None:
    key = new_id("apr")
    ledger.client().append([with_step(step(key, None))], deadline=soon())
    ledger.kill()
    ledger.start()
    client = ledger.client()
    client.append([with_step(step(key, 1, state="approved"))], deadline=soon())
    found = client.states.state("default", "approval", key)
    assert found is not None
    assert found.version == 2


@pytest.mark.parametrize("dropped", [["states", "migrations"], ["migrations"]])
def test_a_ledger_of_an_earlier_release_gets_what_came_since(
    file: Ledger, dropped: list[str]
) -> None:
    file.client().append([event()], deadline=soon())
    assert file.stop() == 0
    with closing(sqlite3.connect(file.database)) as db, db:
        for table in dropped:
            db.execute(f"DROP TABLE {table}")
    assert file.verify().findings == []  # it was whole before, too
    file.start()
    key = new_id("apr")
    file.client().append([with_step(step(key, None))], deadline=soon())
    assert file.verify().findings == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO migrations VALUES (99, 'a newer release')", 78),
        ("UPDATE migrations SET name = 'another' WHERE version = 1", 65),
        ("DELETE FROM migrations WHERE version = 1", 65),
        ("CREATE TRIGGER t AFTER INSERT ON once BEGIN DELETE FROM once; END", 65),
    ],
)
def test_a_ledger_of_no_known_version_is_not_written(
    file: Ledger, statement: str, code: int
) -> None:
    file.client().append([event()], deadline=soon())
    assert file.stop() == 0
    file.start()  # control
    assert file.stop() == 0
    with closing(sqlite3.connect(file.database)) as db, db:
        db.execute(statement)
    file.launch()
    assert file.wait() == code, file.said()
    assert file.verify().found == 1


def test_a_waiter_wakes_at_the_step_it_waits_for(ledger: Ledger) -> None:
    client, other, key = ledger.client(), ledger.client(), new_id("apr")
    client.append([with_step(step(key, None))], deadline=soon())
    woken = threading.Event()

    def wait() -> None:
        client.states.wait_for_state("default", "approval", key, version=1, deadline=soon(60))
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    for _ in range(5):  # commits that are about something else wake nobody
        other.append([event()], deadline=soon())
    assert not woken.is_set()
    other.append([with_step(step(key, 1, state="approved"))], deadline=soon())
    thread.join(30)
    assert woken.is_set()


@pytest.mark.parametrize("how", ["the deadline", "a stop", "another version", "no such thing"])
def test_a_wait_ends(ledger: Ledger, how: str) -> None:
    client, key = ledger.client(), new_id("apr")
    client.append([with_step(step(key, None))], deadline=soon())
    if how == "a stop":
        client.states.stop_waiting()
    deadline = CLOCK.monotonic() + (0.1 if how == "the deadline" else 600)
    client.states.wait_for_state(
        "default",
        "approval",
        new_id("apr") if how == "no such thing" else key,
        version=9 if how == "another version" else 1,
        deadline=deadline,
    )
    assert CLOCK.monotonic() < deadline or how == "the deadline"
