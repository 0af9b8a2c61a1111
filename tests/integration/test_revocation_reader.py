"""How a worker knows what is revoked: from the events, at most a quarter of a second behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterfoil.core.revocation import LOGOUT_SECONDS, LOGOUTS, ORDERS, By, Revocation, Standing
from counterfoil.errors import LedgerCorrupt, LedgerUnavailable
from counterfoil.flows.revocation import plain_of
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.revoked import FRESH_SECONDS, PRUNE_SECONDS, RevocationReader
from ledgers import ALICE, CLOCK, Ledger, event, new_id, running_ledger, soon


@dataclass
class SetClock:
    """Stands still until it is moved."""

    ahead: float = 0.0

    def now(self) -> float:
        return CLOCK.now() + self.ahead

    def monotonic(self) -> float:
        return 1_000.0 + self.ahead


@pytest.fixture
def ledger(any_ledger: Ledger) -> Ledger:
    return any_ledger


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


def worker(client: LedgerClient, clock: SetClock) -> RevocationReader:
    return RevocationReader(client._reader, client._master, clock)


def record(
    client: LedgerClient,
    by: By,
    *parts: str,
    tenant: str = "default",
    before: float | None = None,
    trail: str = ORDERS,
    time: float | None = None,
) -> None:
    revocation = Revocation(
        id=new_id("rvk"),
        tenant=tenant,
        by=by,
        parts=parts,
        before=CLOCK.now() if before is None else before,
    )
    client.append(
        [
            event(
                kind="revoked",
                tenant=tenant,
                decision_id=trail,
                plain=plain_of(revocation, client.revocations),
                time=CLOCK.now() if time is None else time,
            )
        ],
        deadline=soon(),
    )


def standing(
    run: str = "run_1", *, tenant: str = "default", session: str | None = None
) -> Standing:
    return Standing(
        tenant=tenant, subject=ALICE, run=run, session=session, issued_at=CLOCK.now() - 60
    )


def test_a_worker_looks_again_when_its_last_look_is_a_quarter_second_old(ledger: Ledger) -> None:
    client, clock = ledger.client(), SetClock()
    reader = worker(client, clock)
    client.append([event()], deadline=soon())
    assert not reader.covers(standing())
    record(client, By.RUN, "run_1")
    assert not reader.covers(standing())  # it has just looked
    clock.ahead = FRESH_SECONDS + 0.01
    assert reader.covers(standing())
    assert not reader.covers(standing("run_2"))
    assert not reader.covers(standing(tenant="other"))


def test_a_worker_that_starts_knows_all_that_was_revoked_before(ledger: Ledger) -> None:
    client = ledger.client()
    for number in range(600):  # more than one page
        record(client, By.RUN, f"run_{number}")
    reader = worker(client, SetClock())
    assert all(reader.covers(standing(f"run_{number}")) for number in (0, 1, 511, 512, 599))
    assert not reader.covers(standing("run_600"))


def test_the_later_moment_of_two_revocations_stays(ledger: Ledger) -> None:
    client, now = ledger.client(), CLOCK.now()
    record(client, By.SUBJECT, *ALICE, before=now)
    record(client, By.SUBJECT, *ALICE, before=now - 3_600)
    assert worker(client, SetClock()).covers(standing())


def test_a_name_of_one_kind_is_no_name_of_another(ledger: Ledger) -> None:
    client = ledger.client()
    record(client, By.TOKEN, "run_1")
    record(client, By.SESSION, "run_1", trail=LOGOUTS)
    record(client, By.ACTOR, *ALICE)
    assert not worker(client, SetClock()).covers(standing())
    record(client, By.SUBJECT, *ALICE)
    assert worker(client, SetClock()).covers(standing())


def test_logouts_of_long_ago_are_not_read_and_those_of_late_are(ledger: Ledger) -> None:
    client, now = ledger.client(), CLOCK.now()
    old = now - LOGOUT_SECONDS - 3_600
    for number in range(520):  # a page and some
        name = f"old-{number}"
        record(client, By.SESSION, name, before=old, trail=LOGOUTS, time=old)
    for number in range(520):
        record(client, By.SESSION, f"new-{number}", before=now, trail=LOGOUTS)
    reader = worker(client, SetClock())
    assert reader.covers(standing(session="new-0"))
    assert reader.covers(standing(session="new-519"))
    assert len(reader._logouts.of("default")) < 1_040
    # What comes later is learnt, and what has had its time is forgotten.
    record(client, By.SESSION, "newest", before=CLOCK.now() + 5, trail=LOGOUTS)
    clock = SetClock()
    reader = worker(client, clock)
    assert reader.covers(standing(session="newest"))
    clock.ahead = LOGOUT_SECONDS + PRUNE_SECONDS
    assert not reader.covers(standing(session="unknown"))
    assert len(reader._logouts.of("default")) == 0


def test_orders_of_people_are_never_forgotten(ledger: Ledger) -> None:
    client, clock = ledger.client(), SetClock()
    long_ago = CLOCK.now() - 10 * LOGOUT_SECONDS
    record(client, By.TOKEN, "tok_1", before=long_ago, time=long_ago)
    reader = worker(client, clock)
    clock.ahead = LOGOUT_SECONDS + PRUNE_SECONDS
    assert reader.covers(Standing(tenant="default", subject=ALICE, token="tok_1"))


def test_an_edited_revocation_refuses_everything(ledger: Ledger) -> None:
    client = ledger.client()
    record(client, By.RUN, "run_1")
    assert worker(client, SetClock()).covers(standing())  # control
    ((leaf,),) = ledger.rows("SELECT leaf FROM entries")
    ledger.edit("UPDATE entries SET leaf = ?", leaf.replace(b'"by":"run"', b'"by":"token"'))
    with pytest.raises(LedgerCorrupt):
        worker(client, SetClock()).covers(standing("run_2"))


def test_without_the_ledger_nobody_knows(file: Ledger) -> None:
    ledger = file
    client, clock = ledger.client(), SetClock()
    client.append([event()], deadline=soon())
    reader = worker(client, clock)
    assert not reader.covers(standing())
    hidden = ledger.database.with_name("elsewhere.db")
    ledger.database.rename(hidden)
    assert not reader.covers(standing())  # still within its quarter of a second
    clock.ahead = FRESH_SECONDS + 0.01
    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            reader.covers(standing())
    hidden.rename(ledger.database)
    assert not reader.covers(standing())


def test_a_revocation_survives_the_writer(ledger: Ledger) -> None:
    record(ledger.client(), By.RUN, "run_1")
    ledger.kill()
    ledger.start()
    assert worker(ledger.client(), SetClock()).covers(standing())
