"""A grant becomes one credential, of its own issuer, for exactly what was decided, while it is live.

Each refusal stands beside the same grant's honest redeem: what refused is the one thing changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from approval_events import PENDING
from counterfoil.core.approval import Asker
from counterfoil.core.credential import credential_name
from counterfoil.core.grant import ApprovedUntil
from counterfoil.core.model import Actor, Grant, Subject
from counterfoil.core.revocation import By
from counterfoil.core.times import rfc3339
from counterfoil.errors import (
    AlreadyRedeemed,
    CounterfoilError,
    CredentialMismatch,
    GrantDigestMismatch,
    GrantErased,
    GrantExpired,
    GrantOver,
    LedgerUnavailable,
    NotFound,
    RedeemRevoked,
)
from counterfoil.flows.approval_events import requested
from counterfoil.flows.grant_steps import grant_of
from erasing import erase
from granting import ALICE, OPERATION, SESSION, caller
from ledgers import CLOCK, new_id, running_ledger, soon
from main_path import WatchedLedger
from redeeming import Desk, refusal


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """One ledger of each store for all tests here: each has grants of its own."""
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    with running_ledger(tmp_path_factory.mktemp(request.param), server=server) as started:
        yield Desk(started)


def test_a_redeem_says_what_the_credential_is_for(desk: Desk) -> None:
    grant = desk.granted()
    answer = desk.redeem(grant)
    assert answer["decision_id"] == grant.claims["txn"]
    assert answer["credential"] == credential_name(grant.jti)
    assert answer["session"] == SESSION
    assert answer["operations"] == [
        {"family": "database", "verb": "create", "object": OPERATION.object}
    ]
    redeemed = desk.client.trail("default", str(grant.claims["txn"]))[-1]
    assert redeemed.plain == {
        "jti": grant.jti,
        "issuer": "pg",
        "credential": credential_name(grant.jti),
    }
    assert redeemed.payload == {}


def test_replayed_redeem_is_refused_whoever_sends_it(desk: Desk) -> None:
    grant = desk.granted()
    desk.redeem(grant)
    assert refusal(AlreadyRedeemed, desk.redeem, grant) == "grant.already_redeemed"
    assert desk.kinds(grant) == ["decided", "grant_redeemed"]


def test_of_a_hundred_redeems_at_once_one_succeeds(desk: Desk) -> None:
    grant, clients = desk.granted(), [desk.ledger.client() for _ in range(4)]
    told: list[str] = []
    start = threading.Barrier(100)

    def redeem(number: int) -> None:
        start.wait()
        try:
            desk.redeem(grant, client=clients[number % 4])
            told.append("redeemed")
        except CounterfoilError as error:
            told.append(error.code)

    threads = [threading.Thread(target=redeem, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["grant.already_redeemed"] * 99 + ["redeemed"]
    assert desk.kinds(grant) == ["decided", "grant_redeemed"]


ATTACKS: dict[str, tuple[type[CounterfoilError], dict[str, Any]]] = {
    "another issuer's grant": (NotFound, {"by": "kube"}),
    "a foreign tenant's issuer": (NotFound, {"by": "foreign"}),
    "a grant that nobody gave": (NotFound, {"jti": "jti_" + "0" * 26}),
    "an altered digest": (GrantDigestMismatch, {"action_digest": "A" * 43}),
    "another credential's name": (CredentialMismatch, {"credential": credential_name("jti_x")}),
    "after its end": (GrantExpired, {"shifted": 301.0}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_redeem_that_is_not_the_grants_own_is_refused(desk: Desk, name: str) -> None:
    wanted, change = ATTACKS[name]
    grant = desk.granted()
    refusal(wanted, desk.redeem, grant, **change)
    assert desk.kinds(grant) == ["decided"]
    desk.redeem(grant)  # control: the attempt has used up nothing


REVOCATIONS: dict[str, Callable[[Desk, Any], None]] = {
    "person": lambda desk, by: desk.revoke(By.SUBJECT, ALICE.issuer, by.subject.sub),
    "agent": lambda desk, by: desk.revoke(By.ACTOR, by.actor.issuer, by.actor.sub),
    "run": lambda desk, by: desk.revoke(By.RUN, by.run_id),
    "token": lambda desk, by: desk.revoke(By.TOKEN, by.token_id),
    "session": lambda desk, by: desk.revoke(By.SESSION, by.session),
}


@pytest.mark.parametrize("ended", REVOCATIONS)
def test_what_was_revoked_between_allow_and_redeem_is_refused(desk: Desk, ended: str) -> None:
    name = new_id("p")
    by = caller(
        subject=Subject(issuer=ALICE.issuer, sub=name),
        actor=Actor(issuer=ALICE.issuer, sub=name),
        session=name,
    )
    grant, other = desk.granted(by), desk.granted()
    desk.client.revocations.covers(_standing(desk, grant))  # a worker that has looked just now
    REVOCATIONS[ended](desk, by)
    assert refusal(RedeemRevoked, desk.redeem, grant) == "grant.revoked"
    assert desk.kinds(grant) == ["decided"]
    desk.redeem(other)  # control: another person's, at the same moment


def test_a_grant_of_a_newer_login_outlives_an_older_revocation(desk: Desk) -> None:
    name = new_id("p")
    by = caller(subject=Subject(issuer=ALICE.issuer, sub=name), issued_at=CLOCK.now())
    grant = desk.granted(by)
    desk.revoke(By.SUBJECT, ALICE.issuer, name, before=CLOCK.now() - 60)
    desk.redeem(grant)


def test_a_grant_whose_job_is_over_is_not_redeemed(desk: Desk) -> None:
    grant = desk.granted()
    desk.finish(grant)
    assert refusal(GrantOver, desk.redeem, grant) == "grant.over"


def _standing(desk: Desk, grant: Grant) -> Any:
    found = grant_of(desk.client, "default", str(grant.claims["txn"]))
    assert found is not None
    assert found.job is not None
    return found.job.standing


def test_what_is_revoked_while_it_is_recorded_is_refused_and_used_up(desk: Desk) -> None:
    """The look before the record has seen nothing; the one after it must."""
    by = caller()
    grant = desk.granted(by)
    watched = WatchedLedger(desk.client)
    watched.before_append = lambda _events: desk.revoke(By.RUN, str(by.run_id))
    assert refusal(RedeemRevoked, desk.redeem, grant, ledger=watched) == "grant.revoked"
    assert desk.kinds(grant) == ["decided", "grant_redeemed"]


def test_a_redeem_that_was_not_recorded_says_nothing(desk: Desk) -> None:
    grant = desk.granted()
    refusal(LedgerUnavailable, desk.redeem, grant, timeout=0.0)
    (kind, *later) = desk.kinds(grant)
    assert kind == "decided"
    if later:  # recorded all the same: then nobody else redeems it
        refusal(AlreadyRedeemed, desk.redeem, grant)
    else:
        desk.redeem(grant)


def test_a_grant_of_an_erased_person_is_not_redeemed(desk: Desk) -> None:
    name = new_id("p")
    by = caller(subject=Subject(issuer=ALICE.issuer, sub=name))
    grant, late = desk.granted(by), desk.granted(by)
    desk.redeem(late)
    feed = desk.feed()
    assert late.jti not in str(desk.ask_feed(feed))
    assert erase(desk.client, (ALICE.issuer, name))
    assert refusal(GrantErased, desk.redeem, grant) == "grant.erased"
    refusal(NotFound, desk.redeem, grant, by="kube")
    # What was made before can still be reported, its words kept by nobody; and must end.
    desk.report(late, public={"role": "alice"})
    assert desk.client.trail("default", str(late.claims["txn"]))[-1].payload == {}
    for asked in (feed, desk.feed()):  # a worker that has known the person, and another one
        told = [(e["event"], e["jti"]) for e in desk.ask_feed(asked)["events"]]
        assert ("revoked", late.jti) in told
    desk.report(late, status="ended", cause="revoked", handed_over=["table public.invoices"])
    assert late.jti not in str(desk.events())


def test_a_grant_ends_with_the_approval_that_it_rests_on(desk: Desk) -> None:
    """The token is newer than the revocation; the approval is not."""
    by = caller(subject=Subject(issuer=ALICE.issuer, sub=new_id("p")))
    approval = replace(
        PENDING, id=new_id("apr"), decision_id=new_id("dec"), asker=Asker.of(by),
        opened_at=rfc3339(CLOCK.now() - 60), expires_at=int(CLOCK.now()) + 600,
    )  # fmt: skip
    asked = requested(approval, event_id=new_id("evt"), now=CLOCK.now() - 60)
    desk.client.append([asked], deadline=soon())
    approved = ApprovedUntil(approval.id, float(approval.expires_at))
    grant, plain = desk.granted(by, approved=approved), desk.granted(by)
    desk.revoke(By.SUBJECT, ALICE.issuer, by.subject.sub, before=CLOCK.now() - 30)
    refusal(RedeemRevoked, desk.redeem, grant)
    desk.redeem(plain)  # control: the same token's, that needed no approval
