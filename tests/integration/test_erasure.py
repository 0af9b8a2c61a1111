"""A person is erased from the record: their data key goes, and everything else still holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest

from counterfoil.core.privacy import ERASURES
from counterfoil.errors import (
    HoldInForce,
    IdempotencyErased,
    LedgerCorrupt,
    LedgerUnavailable,
    StateConflict,
)
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Event, Once
from erasing import ROOT, erase, erasure, hold, new_hold, person, release
from ledgers import ALICE, CLOCK, PROMPT, SQL, Ledger, event, new_id, running_ledger, soon

BOB = (ALICE[0], "bob")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """One on each store, for tests that leave it whole: a start costs seconds."""
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    with running_ledger(tmp_path_factory.mktemp("erasing"), server=server) as started:
        yield started


@pytest.fixture
def alice() -> tuple[str, str]:
    """A person whom no other test knows."""
    return (ALICE[0], new_id("alice"))


@pytest.fixture
def client(ledger: Ledger) -> LedgerClient:
    return ledger.client()


def count(ledger: Ledger) -> int:
    ((number,),) = ledger.rows("SELECT count(*) FROM entries")
    return int(number)


def payloads(ledger: Ledger, sent: str | None) -> list[tuple[dict[str, bytes], str | None]]:
    stored = ledger.client().trail("default", str(sent))
    return [(dict(item.payload), item.missing) for item in stored]


def test_what_a_person_said_is_gone_and_the_log_still_verifies(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    theirs, others = event(subject=alice), event(subject=BOB)
    client.append([theirs, others], deadline=soon())
    assert payloads(ledger, theirs.decision_id) == [({"arguments": SQL, "prompt": PROMPT}, None)]
    key = client.privacy.key_of(person(alice))
    recorded = erase(client, alice)
    assert recorded is not None
    assert payloads(ledger, theirs.decision_id) == [({}, "erased")]
    # Control: nobody else's.
    assert payloads(ledger, others.decision_id) == [({"arguments": SQL, "prompt": PROMPT}, None)]
    assert client.privacy.key_of(person(alice)) is None
    assert ledger.verify().findings == []
    leaves = ledger.rows(f"SELECT leaf FROM entries WHERE decision_id = '{ERASURES}' ORDER BY seq")  # noqa: S608
    assert orjson.loads(leaves[-1][0])["plain"] == {"key": key}


def test_a_wrapped_key_lies_in_no_byte_of_the_store_afterwards(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    client.append([event(subject=alice), event(subject=BOB)], deadline=soon())
    rows = {row[0]: row[1:] for row in ledger.rows("SELECT id, lookup, wrapped FROM subject_keys")}
    lookup, wrapped = rows[client.privacy.key_of(person(alice))]
    kept = rows[client.privacy.key_of(person(BOB))][1]
    assert bytes(wrapped) in ledger.stored()
    erase(client, alice)
    until = soon()
    while bytes(wrapped) in ledger.stored():  # a reader holds the emptying of the WAL up
        assert CLOCK.monotonic() < until
        time.sleep(0.05)  # nothing is written: what new pages would cover must go by itself
    assert bytes(lookup) not in ledger.stored()
    assert bytes(kept) in ledger.stored()  # control


def test_a_second_erasure_finds_nothing_and_records_nothing(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    client.append([event(subject=alice)], deadline=soon())
    assert erase(client, alice) is not None
    recorded = count(ledger)
    assert erase(client, alice) is None
    assert count(ledger) == recorded


def test_later_activity_gets_a_fresh_key_and_the_old_stays_closed(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    before, after = event(subject=alice), event(subject=alice)
    client.append([before], deadline=soon())
    old = client.privacy.key_of(person(alice))
    erase(client, alice)
    client.append([after], deadline=soon())
    assert client.privacy.key_of(person(alice)) not in {None, old}
    assert payloads(ledger, before.decision_id) == [({}, "erased")]
    assert payloads(ledger, after.decision_id)[0][1] is None
    assert ledger.verify().findings == []


def test_attack_another_worker_goes_on_sealing_under_an_erased_key(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    """It has the key open; what it appends is refused once and sealed under a fresh one."""
    other = ledger.client()
    other.append([event(subject=alice)], deadline=soon())
    old = other.privacy.key_of(person(alice))
    erase(client, alice)
    assert other._keys.known("default", alice) is not None  # it has not heard of it yet
    late = event(subject=alice)
    other.append([late], deadline=soon())
    assert client.privacy.key_of(person(alice)) != old
    assert payloads(ledger, late.decision_id)[0][1] is None
    assert ledger.verify().findings == []


def test_an_open_key_leaves_an_idle_worker_within_seconds(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    idle = ledger.client()
    idle.append([event(subject=alice), event(subject=BOB)], deadline=soon())
    erase(client, alice)
    until = soon()
    while idle._keys.known("default", alice) is not None:
        assert CLOCK.monotonic() < until
        time.sleep(0.05)  # the worker's own look, once a second
    assert idle._keys.known("default", BOB) is not None  # control


def test_a_stored_answer_of_an_erased_person_is_returned_to_nobody(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    once = Once(scope="s", body_digest="b", answer=b"the grant", expires_at=CLOCK.now() + 60)
    client.append([replace(event(subject=alice), once=once)], deadline=soon())
    assert client.reserve(once, deadline=soon()) == b"the grant"  # control
    erase(client, alice)
    with pytest.raises(IdempotencyErased):
        client.reserve(once, deadline=soon())
    with pytest.raises(IdempotencyErased):
        client.append([replace(event(subject=alice), once=once)], deadline=soon())
    assert ledger.verify().findings == []


def test_attack_a_key_is_destroyed_without_a_word(any_ledger: Ledger) -> None:
    """A worker that is not what it was asks for it; and somebody deletes the row themselves."""
    client = any_ledger.client()
    sent = event()
    client.append([sent], deadline=soon())
    key = str(client.privacy.key_of(person()))
    for wrong in (
        event(kind="decided"),
        erasure(key, decision_id=None),
        erasure(key, kind="outcome"),
        erasure(key, plain={}),
    ):
        with pytest.raises(LedgerUnavailable):
            client.privacy.erase(person(), wrong, [], deadline=soon())
    with pytest.raises(StateConflict):  # an event that names another key
        client.privacy.erase(person(), erasure("A" * 22), [], deadline=soon())
    with pytest.raises(LedgerUnavailable):  # told, and nothing destroyed
        client.append([erasure(key)], deadline=soon())
    assert client.privacy.key_of(person()) == key
    assert any_ledger.verify().findings == []
    any_ledger.edit("DELETE FROM subject_keys WHERE id = ?", key)
    with pytest.raises(LedgerCorrupt):
        client.trail("default", str(sent.decision_id))
    (finding, *_) = any_ledger.verify().findings
    assert "lost its data key" in finding.what


def test_attack_an_erased_key_is_put_back(any_ledger: Ledger) -> None:
    client = any_ledger.client()
    client.append([event()], deadline=soon())
    keeper = any_ledger.client()
    open_key = keeper._keys.key_for("default", ALICE, deadline=soon())
    (row,) = any_ledger.rows("SELECT id, lookup, wrapped FROM subject_keys")
    erase(client)
    assert any_ledger.verify().findings == []  # control
    any_ledger.edit("DELETE FROM subject_keys WHERE lookup = ?", bytes(row[1]))
    any_ledger.edit(
        "INSERT INTO subject_keys VALUES (?, ?, ?)", row[0], bytes(row[1]), bytes(row[2])
    )
    (finding, *_) = any_ledger.verify().findings
    assert "was erased, and is there again" in finding.what
    # And is used once more by a worker that has it open, before it is taken away again.
    any_ledger.kill()  # a file that somebody else wrote stops its writer
    any_ledger.start()
    keeper._keys._keys["default", ALICE] = open_key
    keeper.append([event()], deadline=soon())
    any_ledger.settle()
    any_ledger.edit("DELETE FROM subject_keys WHERE id = ?", row[0])
    whats = [finding.what for finding in any_ledger.verify().findings]
    assert [what for what in whats if "which was erased before" in what]


def test_nobody_destroys_the_key_under_which_it_would_be_recorded(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    client.append([event(subject=ROOT)], deadline=soon())
    with pytest.raises(LedgerUnavailable):
        erase(client, ROOT)
    assert client.privacy.key_of(person(ROOT)) is not None


@pytest.mark.parametrize("on", ["the person", "everything"])
def test_a_hold_keeps_a_person_until_it_is_released(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str], on: str
) -> None:
    whom = alice if on == "the person" else None
    name = new_hold()
    client.append([event(subject=alice), event(subject=BOB)], deadline=soon())
    key = client.privacy.key_of(person(alice))
    client.append([hold(name, key if whom else None, whom)], deadline=soon())
    ledger.settle()
    with pytest.raises(HoldInForce):
        erase(client, alice)
    assert client.privacy.key_of(person(alice)) == key
    assert client.privacy.holding("default").over(str(key)) == name
    client.append([release(name, whom)], deadline=soon())
    ledger.settle()
    assert client.privacy.holding("default").over(str(key)) is None
    assert erase(client, alice) is not None
    assert ledger.verify().findings == []


def test_a_hold_on_somebody_else_keeps_nobody(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    client.append([event(subject=alice), event(subject=BOB)], deadline=soon())
    about = client.privacy.key_of(person(BOB))
    held = new_hold()
    client.append([hold(held, about, BOB)], deadline=soon())
    assert erase(client, alice) is not None
    client.append([release(held, BOB)], deadline=soon())


def test_attack_an_erasure_under_a_hold_is_found_later(any_ledger: Ledger) -> None:
    """Whoever takes the hold's state away gets past the writer, and stands in the record."""
    client = any_ledger.client()
    client.append([event()], deadline=soon())
    key = client.privacy.key_of(person())
    client.append([hold(new_hold(), key)], deadline=soon())
    client.privacy.erase(person(), erasure(str(key)), [], deadline=soon())
    (finding,) = any_ledger.verify().findings
    assert "under a legal hold" in finding.what


def test_killed_at_any_moment_an_erasure_is_whole_or_not_at_all(any_ledger: Ledger) -> None:
    """No key goes without its event, and a second try ends what the first began."""
    client, sent = any_ledger.client(), event()
    client.append([sent], deadline=soon())
    killer = threading.Timer(0.002, any_ledger.kill)
    killer.start()
    with suppress(LedgerUnavailable):  # killed before the answer
        erase(client)
    killer.join()
    any_ledger.start()
    assert any_ledger.verify().findings == []
    erase(any_ledger.client())
    assert payloads(any_ledger, sent.decision_id) == [({}, "erased")]
    any_ledger.settle()
    assert count(any_ledger) == 2  # the decision, and one erasure


def erased_now(client: LedgerClient, whom: tuple[str, str]) -> bool:
    """Whether it was; a key that was made since it was looked up is tried again."""
    try:
        return erase(client, whom) is not None
    except StateConflict:
        return False


def test_an_erasure_that_races_with_appends_leaves_a_whole_record(
    ledger: Ledger, client: LedgerClient, alice: tuple[str, str]
) -> None:
    appended: list[Event] = []
    client.append([event(subject=alice)], deadline=soon())
    stop = threading.Event()

    def go_on() -> None:
        mine = ledger.client()
        while not stop.is_set():
            sent = event(subject=alice)
            with suppress(LedgerUnavailable):  # erased twice while it tried: 503, no record
                mine.append([sent], deadline=soon())
                appended.append(sent)

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 4):
        until = soon()
        while len(appended) < 5 * number or not erased_now(client, alice):
            assert CLOCK.monotonic() < until
    stop.set()
    for thread in threads:
        thread.join()
    assert ledger.verify().findings == []
    assert len(appended) >= 15
