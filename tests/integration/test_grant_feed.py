"""An issuer hears what its credentials must end for: its own, all of it, after any restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from counterfoil.core.model import Grant, Subject
from counterfoil.core.revocation import By
from counterfoil.errors import SchemaViolation
from counterfoil.flows import grant_feed
from granting import ALICE, caller
from ledgers import CLOCK, Ledger, new_id, running_ledger
from main_path import WatchedLedger
from redeeming import Desk, refusal


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    with running_ledger(tmp_path_factory.mktemp(request.param), server=server) as started:
        yield Desk(started)


def of(answer: Mapping[str, Any], *grants: Grant) -> list[tuple[str, str]]:
    """What an answer says of these grants; other tests have theirs open, too."""
    names = {grant.jti for grant in grants}
    return [(e["event"], e["jti"]) for e in answer["events"] if e["jti"] in names]


def redeemed(desk: Desk, **more: Any) -> Grant:
    grant = desk.granted(**more)
    desk.redeem(grant)
    return grant


def settled(desk: Desk) -> Any:
    """The answer once every record has its number."""
    desk.ledger.settle()
    return desk.events()


def test_an_issuer_hears_of_an_outcome_once_it_has_redeemed(desk: Desk) -> None:
    grant, unused = redeemed(desk), desk.granted()
    before = settled(desk)
    assert of(before, grant, unused) == []
    desk.finish(grant)
    desk.finish(unused)
    desk.ledger.settle()
    answer = desk.events(after=before["next"])
    assert of(answer, grant, unused) == [("outcome", grant.jti)]
    assert answer["events"][0]["decision_id"] == grant.claims["txn"]
    assert of(desk.events(after=answer["next"]), grant) == []
    assert of(desk.events("kube"), grant) == of(desk.events("foreign"), grant) == []


def test_an_issuer_hears_of_each_way_to_revoke(desk: Desk) -> None:
    name = new_id("p")
    person = caller(subject=Subject(issuer=ALICE.issuer, sub=name))
    one, other, spared = redeemed(desk, of=person), redeemed(desk, of=person), redeemed(desk)
    first = settled(desk)["next"]
    desk.revoke(By.SUBJECT, ALICE.issuer, name)
    desk.ledger.settle()
    answer = desk.events(after=first)
    assert sorted(of(answer, one, other, spared)) == sorted(
        [("revoked", one.jti), ("revoked", other.jti)]
    )
    assert of(desk.events(after=answer["next"]), one, other) == []
    run = caller()
    late = redeemed(desk, of=run)
    desk.revoke(By.RUN, str(run.run_id))
    desk.ledger.settle()
    assert of(desk.events(after=answer["next"]), late, spared) == [("revoked", late.jti)]


def test_a_deadline_is_told_when_every_clock_has_passed_it(desk: Desk) -> None:
    grant = redeemed(desk)
    left = grant.credential_deadline - CLOCK.now()
    early = desk.events(shifted=left + 3)
    assert of(early, grant) == []
    answer = desk.events(after=early["next"], shifted=left + 7)
    assert of(answer, grant) == [("expired", grant.jti)]
    assert of(desk.events(after=answer["next"], shifted=left + 8), grant) == []


def test_what_has_ended_is_told_no_more(desk: Desk) -> None:
    grant, other = redeemed(desk), redeemed(desk)
    desk.finish(grant)
    desk.finish(other)
    desk.report(grant, status="ended", cause="outcome")
    assert of(settled(desk), grant, other) == [("outcome", other.jti)]


def test_a_lost_cursor_loses_nothing(desk: Desk) -> None:
    grant = redeemed(desk)
    desk.finish(grant)
    first = settled(desk)
    assert of(first, grant) == of(desk.events(), grant) == [("outcome", grant.jti)]


def test_a_revocation_and_an_outcome_have_cursors_of_their_own(desk: Desk) -> None:
    """Whoever takes the first of two events and stops hears of the second."""
    run = caller()
    one, other = redeemed(desk, of=run), redeemed(desk)
    start = settled(desk)["next"]
    desk.revoke(By.RUN, str(run.run_id))
    desk.finish(other)
    desk.ledger.settle()
    answer = desk.events(after=start)
    assert len(of(answer, one, other)) == 2
    for taken in range(len(answer["events"])):
        cursor = answer["events"][taken]["cursor"]
        left = desk.events(after=cursor)["events"]
        assert [e["jti"] for e in left] == [e["jti"] for e in answer["events"][taken + 1 :]]


def test_who_waits_hears_it_when_it_happens(desk: Desk) -> None:
    grant = redeemed(desk)
    start = settled(desk)["next"]
    told: list[Any] = []
    waiter = threading.Thread(target=lambda: told.append(desk.events(after=start, wait=30)))
    waiter.start()
    desk.finish(grant)
    waiter.join()
    assert of(told[0], grant) == [("outcome", grant.jti)]


def test_an_answer_holds_so_many_and_the_next_one_the_rest(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = [redeemed(desk) for _ in range(3)]
    cursor = settled(desk)["next"]
    monkeypatch.setattr(grant_feed, "MAX_TOLD", 1)
    for grant in grants:
        desk.finish(grant)
    desk.ledger.settle()
    heard: list[tuple[str, str]] = []
    for _ in grants:
        answer = desk.events(after=cursor)
        assert len(answer["events"]) == 1
        heard, cursor = heard + of(answer, *grants), answer["next"]
    assert heard == [("outcome", grant.jti) for grant in grants]


@pytest.mark.parametrize(
    "cursor", ["", "1.2.3", "0123abcd.1.2", "0123abcd.1.2.x", "0123abcd.1.-2.3", "0123abcd.1.2.3.4"]
)
def test_a_cursor_that_was_never_given_is_refused(desk: Desk, cursor: str) -> None:
    refusal(SchemaViolation, desk.events, after=cursor)


def test_a_second_question_opens_no_record(desk: Desk) -> None:
    """The cost is what is open, not what has been: no story is read twice by a worker."""
    grant = redeemed(desk)
    desk.finish(grant)
    desk.ledger.settle()
    read: list[str] = []

    class Counted(WatchedLedger):
        def trail(self, tenant: str, decision_id: str) -> Any:
            read.append(decision_id)
            return super().trail(tenant, decision_id)

    flow = desk.feed(ledger=Counted(desk.client))
    assert of(desk.ask_feed(flow), grant) == [("outcome", grant.jti)]
    assert grant.claims["txn"] in read
    read.clear()
    assert of(desk.ask_feed(flow), grant) == [("outcome", grant.jti)]
    assert read == []


def test_nothing_is_lost_over_a_kill_of_the_writer(any_ledger: Ledger) -> None:
    desk = Desk(any_ledger)
    grant, other = redeemed(desk), redeemed(desk)
    start = settled(desk)["next"]
    desk.finish(grant)
    any_ledger.kill()
    any_ledger.start()
    desk.finish(other)
    desk.ledger.settle()
    answer = desk.events(after=start)
    assert sorted(of(answer, grant, other)) == sorted(
        [("outcome", grant.jti), ("outcome", other.jti)]
    )
