"""What others issue for one use is used once: on all workers, after a kill, until it ends."""

from __future__ import annotations

import threading

import pytest

from counterfoil.errors import LedgerUnavailable
from ledgers import CLOCK, Ledger, event, new_id, soon


@pytest.fixture
def ledger(any_ledger: Ledger) -> Ledger:
    return any_ledger


def later(seconds: float = 300.0) -> float:
    return CLOCK.now() + seconds


def test_a_thing_is_spent_once_for_all_workers(ledger: Ledger) -> None:
    first, second = ledger.client(), ledger.client()
    scope = ("client_assertion", "desk", new_id("jti"))
    assert first.spend(scope, expires_at=later(), deadline=soon())
    for client in (first, second):
        assert not client.spend(scope, expires_at=later(), deadline=soon())
    # Control: another name is another thing, and no place of a name runs into the next.
    for other in ((*scope[:2], new_id("jti")), (*scope, ""), ("", *scope)):
        assert second.spend(other, expires_at=later(), deadline=soon())


def test_of_many_rivals_one_spends_it(ledger: Ledger) -> None:
    clients = [ledger.client() for _ in range(6)]
    scope, won, start = ("dpop", new_id("jti")), [], threading.Barrier(6)

    def spend(client: int) -> None:
        start.wait()
        won.append(clients[client].spend(scope, expires_at=later(), deadline=soon()))

    threads = [threading.Thread(target=spend, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]


def test_a_spent_thing_stays_spent_when_the_writer_is_killed(ledger: Ledger) -> None:
    scope = ("saml", new_id("id"))
    assert ledger.client().spend(scope, expires_at=later(), deadline=soon())
    ledger.kill()
    with pytest.raises(LedgerUnavailable):
        ledger.client().spend(("saml", "other"), expires_at=later(), deadline=soon(0.2))
    ledger.start()
    assert not ledger.client().spend(scope, expires_at=later(), deadline=soon())


def test_a_spent_thing_is_forgotten_when_it_is_worth_nothing_itself(ledger: Ledger) -> None:
    client, scope = ledger.client(), ("saml", new_id("id"))
    assert client.spend(scope, expires_at=later(-1.0), deadline=soon())
    assert client.spend(scope, expires_at=later(), deadline=soon())


def test_what_was_spent_stands_nowhere_readable_and_is_no_event(ledger: Ledger) -> None:
    name = new_id("secret")
    ledger.client().spend(("client_assertion", name), expires_at=later(), deadline=soon())
    ledger.client().append([event()], deadline=soon())
    ledger.stop()
    assert name.encode() not in ledger.stored()
    assert ledger.verify().entries == 1
