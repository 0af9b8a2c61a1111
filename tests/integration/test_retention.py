"""Old payloads are dropped; the log verifies as before, and nothing held or young goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from counterfoil.core.privacy import HOLD, HOLDS
from counterfoil.core.retention import DROPPED, DROPS, FLOOR_DAYS, Dropped, cutoff_of
from counterfoil.errors import HoldInForce, LedgerCorrupt, LedgerUnavailable
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Event
from erasing import ROOT, hold, new_hold, person, release
from ledgers import ALICE, CLOCK, PROMPT, SQL, Ledger, event, soon

DAY = 86_400.0
BOB = (ALICE[0], "bob")
WHOLE = {"arguments": SQL, "prompt": PROMPT}


@pytest.fixture
def ledger(any_ledger: Ledger) -> Iterator[Ledger]:
    return any_ledger  # type: ignore[return-value]  # given on as it is


def recorded(
    client: LedgerClient, ledger: Ledger, *days_ago: float, **changes: object
) -> list[Event]:
    """Decisions of so many days ago, in this order."""
    sent = [event(time=CLOCK.now() - days * DAY, **changes) for days in days_ago]
    for item in sent:
        client.append([item], deadline=soon())
    ledger.settle()
    return sent


def aged(ledger: Ledger) -> None:
    """Let PostgreSQL's own clock find all that is there a year old."""
    if ledger.server:
        ledger.edit("UPDATE entries SET made_at = made_at - interval '1 year'")


def drop(client: LedgerClient, **changes: object) -> Event:
    made = event(kind=DROPPED, subject=ROOT, decision_id=DROPS, payload={}, plain={})
    return replace(made, **changes)  # type: ignore[arg-type]  # names of its fields


def pass_over(client: LedgerClient, ledger: Ledger, days: int = FLOOR_DAYS) -> int:
    """As `RetentionFlow` does; how many ranges went."""
    cutoff = cutoff_of(CLOCK.now(), days)
    for ranges in range(100):
        ledger.settle()
        holding = client.privacy.holding("default")
        found, _ = client.retention.next_range("default", cutoff, holding)
        if found is None:
            return ranges
        client.retention.drop(found, drop(client), holding, deadline=soon())
    raise AssertionError


def told(client: LedgerClient, sent: Event) -> tuple[dict[str, bytes], str | None]:
    (stored,) = client.trail("default", str(sent.decision_id))
    return dict(stored.payload), stored.missing


def test_what_is_old_goes_and_the_log_verifies_as_before(ledger: Ledger) -> None:
    client = ledger.client()
    old, older, young = recorded(client, ledger, 400, 300, 10)
    assert told(client, old) == (WHOLE, None)
    aged(ledger)
    assert pass_over(client, ledger) == 1
    assert [told(client, item) for item in (old, older)] == [({}, "dropped")] * 2
    assert told(client, young) == (WHOLE, None)
    assert ledger.rows("SELECT count(*) FROM payloads") == [(1,)]
    assert pass_over(client, ledger) == 0
    report = ledger.verify()
    assert (report.findings, report.entries) == ([], 4)


def test_attack_a_worker_drops_what_is_too_young(ledger: Ledger) -> None:
    """The writer judges by its own clock, whatever the range or the event says."""
    client = ledger.client()
    (young,) = recorded(client, ledger, FLOOR_DAYS - 1)
    aged(ledger)
    holding = client.privacy.holding("default")
    now = cutoff_of(CLOCK.now() + 400 * DAY, 0)
    for wrong in (
        Dropped(0, 1, frozenset(), now),
        Dropped(0, 2, frozenset(), cutoff_of(CLOCK.now(), 0)),
    ):
        with pytest.raises(LedgerUnavailable):
            client.retention.drop(wrong, drop(client), holding, deadline=soon())
    with pytest.raises(LedgerUnavailable):  # told, and nothing dropped
        client.append(
            [drop(client, plain=Dropped(0, 1, frozenset(), now).plain())], deadline=soon()
        )
    assert told(client, young) == (WHOLE, None)
    assert ledger.verify().findings == []


def test_the_servers_clock_has_the_last_word_on_postgresql(ledger: Ledger) -> None:
    """A leaf's time is its worker's word; what the server saw come in is not."""
    if not ledger.server:
        return
    client = ledger.client()
    (sent,) = recorded(client, ledger, 400)
    with pytest.raises(LedgerUnavailable):
        pass_over(client, ledger)
    assert told(client, sent) == (WHOLE, None)
    aged(ledger)  # control
    assert pass_over(client, ledger) == 1


def test_a_held_person_and_the_trails_they_are_in_are_kept(ledger: Ledger) -> None:
    client, name = ledger.client(), new_hold()
    (mine,) = recorded(client, ledger, 400)
    (others,) = recorded(client, ledger, 399, subject=BOB)
    answer = event(
        subject=BOB, decision_id=mine.decision_id, time=CLOCK.now() - 398 * DAY, kind="noted"
    )
    client.append([answer], deadline=soon())
    client.append([hold(name, client.privacy.key_of(person()))], deadline=soon())
    aged(ledger)
    pass_over(client, ledger)
    assert [item.missing for item in client.trail("default", str(mine.decision_id))] == [None, None]
    assert told(client, others) == ({}, "dropped")
    client.append([release(name)], deadline=soon())
    aged(ledger)
    pass_over(client, ledger)
    assert {item.missing for item in client.trail("default", str(mine.decision_id))} == {"dropped"}
    assert ledger.verify().findings == []


def test_a_hold_that_came_meanwhile_is_not_passed_by(ledger: Ledger) -> None:
    client = ledger.client()
    (sent,) = recorded(client, ledger, 400)
    aged(ledger)
    before = client.privacy.holding("default")
    found, _ = client.retention.next_range("default", cutoff_of(CLOCK.now(), 0), before)
    assert found is not None
    client.append([hold(new_hold(), None, None)], deadline=soon())
    with pytest.raises(HoldInForce):
        client.retention.drop(found, drop(client), before, deadline=soon())
    assert told(client, sent) == (WHOLE, None)


def test_what_was_done_to_the_record_itself_is_kept(ledger: Ledger) -> None:
    """Who held what, and why, is told for ever; so is who was revoked."""
    client = ledger.client()
    kept = event(
        kind="hold_set", decision_id=HOLDS, time=CLOCK.now() - 400 * DAY,
        plain={"hold": new_hold(), "about": "x" * 22},
    )  # fmt: skip
    client.append([kept], deadline=soon())
    (gone,) = recorded(client, ledger, 399)
    aged(ledger)
    holding = client.privacy.holding("default")
    found, _ = client.retention.next_range("default", cutoff_of(CLOCK.now(), 0), holding)
    assert found is not None
    assert (found.covers(0), found.covers(1)) == (False, True)
    assert told(client, gone) == (WHOLE, None)
    assert client.states.open_states("default", HOLD) == []


@pytest.mark.parametrize("attack", ["a payload is taken out", "one that went is put back"])
def test_attack_payloads_go_or_come_beside_what_was_recorded(ledger: Ledger, attack: str) -> None:
    client = ledger.client()
    old, young = recorded(client, ledger, 400, 10)
    ((sealed,),) = ledger.rows("SELECT sealed FROM payloads LIMIT 1")
    aged(ledger)
    pass_over(client, ledger)
    assert ledger.verify().findings == []  # control
    column = "record" if ledger.server else "seq"
    if attack == "one that went is put back":
        ledger.edit(f"INSERT INTO payloads ({column}, sealed) VALUES (1, ?)", bytes(sealed))  # noqa: S608
        wanted = "lacks a field or has one too many"
    else:
        ledger.edit("DELETE FROM payloads")
        wanted = "the sealed payload is missing"
        with pytest.raises(LedgerCorrupt):
            client.trail("default", str(young.decision_id))
    (finding, *_) = ledger.verify().findings
    assert wanted in finding.what
    assert told(client, old)[1] in {"dropped", None}
