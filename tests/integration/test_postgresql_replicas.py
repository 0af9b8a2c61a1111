"""Two replicas on one PostgreSQL: what happens once, happens once for both, in one order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from counterfoil.core.canonical import digest
from counterfoil.core.revocation import ORDERS, By, Revocation, Standing
from counterfoil.errors import StateConflict
from counterfoil.flows.revocation import plain_of
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.revoked import FRESH_SECONDS
from counterfoil.ports import Change, Event, Once
from ledgers import ALICE, CLOCK, Ledger, event, new_id, running_ledger, soon
from servers import ledger_server

RIVALS = 8
_BURN = """DO $$ BEGIN FOR i IN 1..{} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"""


@pytest.fixture
def replicas(tmp_path: Path, postgresql_server: ledger_server.Server) -> Iterator[list[Ledger]]:
    with running_ledger(tmp_path, server=postgresql_server) as first:
        second = Ledger(tmp_path, beside=first)
        try:
            second.start()
            yield [first, second]
        finally:
            second.close()


def race(replicas: list[Ledger], act: Callable[[LedgerClient, int], object]) -> list[object]:
    """What rivals on both replicas get at the same moment."""
    clients = [replica.client() for replica in replicas for _ in range(RIVALS // 2)]
    start = threading.Barrier(RIVALS)

    def rival(number: int) -> object:
        start.wait()
        return act(clients[number], number)

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(rival, range(RIVALS)))


def promised(scope: str, answer: bytes) -> Event:
    promise = Once(
        scope=scope, body_digest=digest(b"body"), answer=answer, expires_at=CLOCK.now() + 600
    )
    return event(once=promise)


def change(key: str, expect: int | None, **more: object) -> Change:
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
    return replace(base, **more)  # type: ignore[arg-type]  # fields of Change


def test_one_idempotency_key_is_decided_once_by_both(replicas: list[Ledger]) -> None:
    for number in range(5):

        def act(client: LedgerClient, who: int, scope: str = f"key {number}") -> object:
            sent = promised(scope, str(who).encode())
            (recorded,) = client.append([sent], deadline=soon())
            return recorded.repeated or str(who).encode()

        assert len(set(race(replicas, act))) == 1
    assert replicas[0].rows("SELECT count(*) FROM entries") == [(5,)]
    other = replicas[1].client().append([promised("another", b"x")], deadline=soon())  # control
    assert other[0].repeated is None


def test_an_approval_is_spent_once_by_both(replicas: list[Ledger]) -> None:
    key = new_id("apr")
    opening = replace(event(), change=change(key, None))
    replicas[0].client().append([opening], deadline=soon())

    def act(client: LedgerClient, _: int) -> object:
        spent = replace(event(), change=change(key, 1, state="spent", open=False))
        try:
            client.append([spent], deadline=soon())
        except StateConflict:
            return False
        return True

    assert sorted(race(replicas, act), key=bool) == [False] * (RIVALS - 1) + [True]
    found = replicas[1].client().states.state("default", "approval", key)
    assert found is not None
    assert (found.version, found.state) == (2, "spent")
    assert replicas[0].rows("SELECT count(*) FROM entries") == [(2,)]


def test_one_name_is_opened_once_and_a_bound_holds_for_both(replicas: list[Ledger]) -> None:
    def open_one(client: LedgerClient, name: str, most_open: int) -> bool:
        key = new_id("apr")
        opening = change(key, None, name=name, owner=f"owner of {most_open}", most_open=most_open)
        try:
            client.append([replace(event(), change=opening)], deadline=soon())
        except StateConflict:
            return False
        return True

    same = race(replicas, lambda client, _: open_one(client, "the same name", 1_000))
    assert sum(map(bool, same)) == 1
    bound = race(replicas, lambda client, who: open_one(client, f"name {who}", 3))
    assert sum(map(bool, bound)) == 3


def test_what_is_for_single_use_is_used_on_one_replica(replicas: list[Ledger]) -> None:
    for kind in ("dpop", "saml", "client_assertion"):
        scope = (kind, new_id("jti"))
        won = race(
            replicas,
            lambda client, _, scope=scope: client.spend(  # type: ignore[misc]  # bound here
                scope, expires_at=CLOCK.now() + 300, deadline=soon()
            ),
        )
        assert sum(map(bool, won)) == 1


def test_a_replica_whose_clock_is_ahead_frees_nothing_that_was_spent(
    replicas: list[Ledger],
) -> None:
    scope = ("dpop", new_id("jti"))
    client = replicas[0].client()
    assert client.spend(scope, expires_at=CLOCK.now() + 30, deadline=soon())
    # The writers never ask their own clock: the server's judges, and it has not moved.
    ((ends,),) = replicas[0].rows("SELECT max(expires_at) FROM once")
    assert ends > CLOCK.now()
    assert not replicas[1].client().spend(scope, expires_at=CLOCK.now() + 1e6, deadline=soon())


def test_one_person_has_one_data_key_on_both(replicas: list[Ledger]) -> None:
    race(replicas, lambda client, _: client.append([event()], deadline=soon()))
    assert replicas[0].rows("SELECT count(*) FROM subject_keys") == [(1,)]
    assert replicas[0].verify().findings == []


@pytest.mark.parametrize("numbered", [True, False])
def test_a_revocation_on_one_replica_is_in_force_on_the_other(
    tmp_path: Path, postgresql_server: ledger_server.Server, *, numbered: bool
) -> None:
    with running_ledger(tmp_path, server=postgresql_server, integrates=numbered) as ledger:
        other = Ledger(tmp_path, beside=ledger, integrates=False)
        try:
            other.start()
            there = other.client().revocations
            standing = Standing(tenant="default", subject=ALICE, run="run_1")
            assert not there.covers(standing)
            here = ledger.client()
            revocation = Revocation(
                id=new_id("rvk"),
                tenant="default",
                by=By.RUN,
                parts=("run_1",),
                before=CLOCK.now(),
            )
            plain = plain_of(revocation, here.revocations)
            sent = event(kind="revoked", decision_id=ORDERS, plain=plain)
            here.append([sent], deadline=soon())
            threading.Event().wait(FRESH_SECONDS + 0.05)
            assert there.covers(standing)  # even before it has a number
            assert not there.covers(replace(standing, run="run_2"))  # control
        finally:
            other.close()


def test_records_of_both_stand_in_one_order_that_agrees_with_each_callers(
    replicas: list[Ledger],
) -> None:
    def act(client: LedgerClient, _: int) -> object:
        sent = [event() for _ in range(25)]
        for one in sent:
            client.append([one], deadline=soon())
        return [one.event_id for one in sent]

    told = race(replicas, act)
    rows = replicas[0].rows("SELECT event_id FROM entries ORDER BY seq")
    places = {event_id: place for place, (event_id,) in enumerate(rows)}
    assert len(places) == RIVALS * 25
    for one in told:
        assert isinstance(one, list)
        order = [places[event_id] for event_id in one]
        assert order == sorted(order)
    assert replicas[1].verify().findings == []


def test_order_is_kept_when_transaction_numbers_get_longer(
    tmp_path: Path, postgresql_server: ledger_server.Server
) -> None:
    """As text, 999 comes after 1000."""
    with running_ledger(tmp_path, server=postgresql_server, integrates=False) as ledger:
        client = ledger.client()
        client.append([event()], deadline=soon())
        with psycopg.connect(
            host=str(postgresql_server.socket.parent), user="postgres", autocommit=True
        ) as db:
            (now,) = db.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or (0,)
            longer = 10 ** len(str(now))
            db.execute(_BURN.format(longer - now - 4).encode())
        sent = [event() for _ in range(12)]
        for one in sent:
            client.append([one], deadline=soon())
        ((lengths,),) = ledger.rows("SELECT count(DISTINCT length(xid::text)) FROM records")
        assert lengths == 2  # the test would protect nothing otherwise
        ledger.integrate()
        rows = ledger.rows("SELECT event_id FROM entries ORDER BY seq")
        assert [row[0] for row in rows][1:] == [one.event_id for one in sent]
        assert ledger.verify().findings == []
