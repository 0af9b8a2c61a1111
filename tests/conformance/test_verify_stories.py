"""`verify` reads the stories that records tell: each false one is named, each true one is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterfoil.ledger import stories
from counterfoil.ledger.report import Report
from counterfoil.ledger.verify import verify_ledger
from counterfoil.ports import Event
from ledgers import event
from many_records import write

START = 1_900_000_000.0
EXPIRES = "2030-03-17T17:48:20Z"  # a hundred seconds later
DEC, OTHER, APR, RUN = (
    f"{name}_{'0' * 25}{n}" for n, name in enumerate(("dec", "dec", "apr", "run"))
)


def told(kind: str, trail: str, seconds: float = 0.0, **plain: Any) -> Event:
    return event(kind=kind, decision_id=trail, time=START + seconds, plain=plain, payload={})


ALLOW = told("decided", DEC, effect="allow", enforcement="enforce", grant={"jti": "jti_1"})
DENY = told("decided", DEC, effect="deny", enforcement="enforce")
WAITS = told("decided", DEC, effect="needs_approval", enforcement="enforce", approval=APR)
OUTCOME = told("outcome", DEC, 1, status="ok")
ASKED = told("approval_requested", DEC, approval=APR, expires=EXPIRES, quorum=1)
GIVEN = told("approval_answered", DEC, 2, approval=APR, answer="approve", status="approved")
USED = told("decided", OTHER, 3, effect="allow", enforcement="enforce", approval=APR)
SPENT = told("approval_spent", DEC, 3, approval=APR, granting_decision=OTHER)
OVER = told("approval_expired", DEC, 101, approval=APR)
TAKEN_BACK = told("approval_cancelled", DEC, 4, approval=APR, reason="withdrawn")
OPENED = told("run_opened", RUN)
RENEWED = told("run_renewed", RUN, 5)
TPL, APR2, APR3, THIRD = (
    f"{name}_{'0' * 24}2{n}" for n, name in enumerate(("tpl", "apr", "apr", "dec"))
)
SIMILAR = told("template_given", DEC, 2, template=TPL, approval=APR, uses=2, until=int(START) + 50)
TPL_ENDED = told("template_ended", DEC, 9, template=TPL)


def answering(approval: str, trail: str, seconds: float = 4.0) -> list[Event]:
    """What one commit records where a template answers."""
    return [
        told("decided", trail, seconds, effect="needs_approval", approval=approval),
        told("template_used", DEC, seconds, template=TPL, approval=approval),
        told("approval_requested", trail, seconds, approval=approval, expires=EXPIRES, quorum=1),
        told(
            "approval_answered",
            trail,
            seconds,
            approval=approval,
            answer="approve",
            status="approved",
            template=TPL,
            template_of=DEC,
        ),
    ]


ANSWERED, ANSWERED_AGAIN = answering(APR2, OTHER), answering(APR3, THIRD, 5)


def at(item: Event, seconds: float) -> Event:
    return replace(item, time=START + seconds)


def saying(item: Event, **plain: Any) -> Event:
    return replace(item, plain={**item.plain, **plain})


GRANT = saying(ALLOW, grant={"jti": "jti_1", "issuer": "pg", "expires": EXPIRES})
REDEEM = told("grant_redeemed", DEC, 1, jti="jti_1", issuer="pg", credential="cf-1")
MADE = told("issued", DEC, 2, jti="jti_1", credential="cf-1")
ENDED = told("credential_ended", DEC, 4, jti="jti_1", credential="cf-1", cause="outcome")


TRUE_STORIES: dict[str, Sequence[Event]] = {
    "allowed": [ALLOW, OUTCOME],
    "observed": [saying(DENY, enforcement="observe"), OUTCOME],
    "denied": [DENY],
    "failed": [told("failed", DEC, code="policy.unavailable")],
    "approved": [WAITS, ASKED, GIVEN, USED, SPENT],
    "approved by two": [
        *(WAITS, saying(ASKED, quorum=2), saying(GIVEN, status="pending"), GIVEN, USED, SPENT),
    ],
    "approved by one of each group": [
        *(WAITS, saying(ASKED, quorum=2, groups=2), saying(GIVEN, status="pending", of=[0])),
        *(saying(GIVEN, of=[0, 1]), USED, SPENT),
    ],
    "denied by a person": [WAITS, ASKED, saying(GIVEN, answer="deny", status="denied")],
    "at the last moment": [WAITS, ASKED, at(GIVEN, 99.9), at(USED, 99.9), at(SPENT, 99.9)],
    "expired": [WAITS, ASKED, OVER],
    "withdrawn": [WAITS, ASKED, GIVEN, TAKEN_BACK],
    "approved in advance": [WAITS, ASKED, GIVEN, SIMILAR, *ANSWERED, *ANSWERED_AGAIN, TPL_ENDED],
    "a run": [OPENED, RENEWED],
    "a kind of a later release": [told("grant_praised", DEC), told("revoked", DEC)],
    "redeemed": [GRANT, REDEEM, MADE, ENDED],
    "redeemed at the last moment": [GRANT, at(REDEEM, 99.9)],
    "ended without being issued": [GRANT, REDEEM, ENDED],
    "ended after the outcome": [GRANT, REDEEM, MADE, at(OUTCOME, 3), ENDED],
    "redeemed before issuers were named": [
        *(saying(GRANT, grant={"jti": "jti_1", "expires": EXPIRES}), REDEEM),
    ],
}

FALSE_STORIES: dict[str, tuple[Sequence[Event], str]] = {
    "grant of a deny": ([saying(DENY, grant={"jti": "x"})], "a grant without an allow"),
    "grant of a failure": ([told("failed", DEC, grant={"jti": "x"})], "a grant without an allow"),
    "decided twice": ([DENY, saying(ALLOW)], "decided after decided"),
    "decided after failing": ([told("failed", DEC), ALLOW], "decided after failed"),
    "outcome of nothing": ([OUTCOME], "outcome without a decision"),
    "outcome twice": ([ALLOW, OUTCOME, OUTCOME], "a second outcome"),
    "outcome of a deny": ([DENY, OUTCOME], "let nothing run"),
    "outcome first": ([OUTCOME, ALLOW], "outcome without a decision"),
    "asked without need": ([ALLOW, ASKED], "no decision needs"),
    "asked twice": ([WAITS, ASKED, ASKED], "requested twice"),
    "answered unasked": ([WAITS, GIVEN], "was not requested"),
    "answered late": ([WAITS, ASKED, at(GIVEN, 100.1)], "answered after it expired"),
    "answered when withdrawn": ([WAITS, ASKED, TAKEN_BACK, GIVEN], "that is cancelled"),
    "answered when denied": (
        [WAITS, ASKED, saying(GIVEN, answer="deny", status="denied"), GIVEN],
        "that is denied",
    ),
    "denied and open": (
        [WAITS, ASKED, saying(GIVEN, answer="deny", status="pending")],
        "stays open",
    ),
    "one of two": ([WAITS, saying(ASKED, quorum=2), GIVEN], "fewer answers than its quorum"),
    "two of one group": (
        [
            *(WAITS, saying(ASKED, quorum=2, groups=2), saying(GIVEN, status="pending", of=[0])),
            saying(GIVEN, of=[0]),
        ],
        "without somebody from each group",
    ),
    "two, one of them of both groups and one of none": (
        [
            *(WAITS, saying(ASKED, quorum=2, groups=2), saying(GIVEN, status="pending", of=[])),
            saying(GIVEN, of=[0, 1]),
        ],
        "without somebody from each group",
    ),
    "approved in advance by nobody": ([WAITS, ASKED, SIMILAR], "without an approval"),
    "approved in advance twice": ([WAITS, ASKED, GIVEN, SIMILAR, SIMILAR], "or twice"),
    "a template of nobody": ([WAITS, ASKED, GIVEN, *ANSWERED], "that nobody gave"),
    "a template once too often": (
        [WAITS, ASKED, GIVEN, saying(SIMILAR, uses=1), *ANSWERED, *ANSWERED_AGAIN],
        "more often than it says",
    ),
    "a template too late": (
        [WAITS, ASKED, GIVEN, SIMILAR, *answering(APR2, OTHER, 51)],
        "used after its time",
    ),
    "a template that had ended": (
        [WAITS, ASKED, GIVEN, SIMILAR, TPL_ENDED, *ANSWERED],
        "that has ended",
    ),
    "an answer without its use": (
        [WAITS, ASKED, GIVEN, SIMILAR, ANSWERED[0], *ANSWERED[2:]],
        "was not used for it",
    ),
    "a use without its answer": (
        [WAITS, ASKED, GIVEN, SIMILAR, *ANSWERED[:3]],
        "no approval was answered by it",
    ),
    "spent unapproved": ([WAITS, ASKED, USED, SPENT], "that nobody gave"),
    "spent late": (
        [WAITS, ASKED, GIVEN, at(USED, 101), at(SPENT, 101)],
        "spent after it expired",
    ),
    "spent twice": ([WAITS, ASKED, GIVEN, USED, SPENT, SPENT], "that is spent"),
    "spent for nothing": ([WAITS, ASKED, GIVEN, SPENT], "did not allow"),
    "used and not spent": ([WAITS, ASKED, GIVEN, USED], "never spent"),
    "expired early": ([WAITS, ASKED, at(OVER, 50)], "before its time"),
    "renewed unopened": ([RENEWED], "was not opened"),
    "opened twice": ([OPENED, OPENED], "run_opened after run_opened"),
    "redeemed without a grant": ([DENY, REDEEM], "its decision did not give"),
    "redeemed undecided": ([REDEEM], "grant_redeemed without a decision"),
    "another grant redeemed": ([GRANT, saying(REDEEM, jti="jti_2")], "its decision did not give"),
    "redeemed twice": ([GRANT, REDEEM, REDEEM], "redeemed twice"),
    "redeemed by another": ([GRANT, saying(REDEEM, issuer="kube")], "another issuer than its own"),
    "redeemed late": ([GRANT, at(REDEEM, 100)], "after it expired"),
    "redeemed when over": ([GRANT, OUTCOME, at(REDEEM, 2)], "redeemed after the outcome"),
    "issued unredeemed": ([GRANT, MADE], "issued of a grant that was not redeemed"),
    "ended unredeemed": ([GRANT, ENDED], "credential_ended of a grant that was not redeemed"),
    "issued twice": ([GRANT, REDEEM, MADE, MADE], "issued twice"),
    "another credential issued": (
        [GRANT, REDEEM, saying(MADE, credential="cf-2")],
        "another credential than was redeemed",
    ),
    "issued when ended": ([GRANT, REDEEM, ENDED, MADE], "has ended"),
    "ended twice": ([GRANT, REDEEM, MADE, ENDED, ENDED], "has ended"),
    "in no trail": ([replace(OUTCOME, decision_id=None)], "belongs to no trail"),
}


def verified(folder: Path, told: Sequence[Event]) -> Report:
    """The report of a ledger that holds these events, each under an id of its own."""
    made = write(folder, [replace(item, event_id=event().event_id) for item in told])
    return verify_ledger(made.database, made.key)


@pytest.mark.parametrize("trails", [stories.MAX_TRAILS, 0], ids=["remembered", "read back"])
@pytest.mark.parametrize("name", TRUE_STORIES)
def test_a_true_story_is_whole(
    name: str, trails: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stories, "MAX_TRAILS", trails)
    assert verified(tmp_path, TRUE_STORIES[name]).findings == []


@pytest.mark.parametrize("trails", [stories.MAX_TRAILS, 0], ids=["remembered", "read back"])
@pytest.mark.parametrize("name", FALSE_STORIES)
def test_a_false_story_is_named(
    name: str, trails: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stories, "MAX_TRAILS", trails)
    told, what = FALSE_STORIES[name]
    report = verified(tmp_path, told)
    assert what in report.findings[0].what
    assert "entry" in report.findings[0].where or "evt_" in report.findings[0].what


def test_a_clock_that_ran_back_is_flagged_and_no_finding(tmp_path: Path) -> None:
    report = verified(tmp_path, [at(DENY, 100), at(told("decided", OTHER, effect="deny"), 96)])
    assert (report.findings, report.skewed) == ([], 0)  # control: lines at the writer are short
    later = [at(DENY, 100), at(told("decided", OTHER, effect="deny"), 40)]
    report = verified(tmp_path / "skewed", later)
    assert (report.findings, report.skewed) == ([], 1)
    assert "60 s behind" in report.first_skew
