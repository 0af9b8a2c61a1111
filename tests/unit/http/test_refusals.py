"""The log says which rule refused, in bounded words, and nothing of the token."""

from __future__ import annotations

import logging

import pytest

from counterfoil.errors import (
    ActorRequired,
    IdentityError,
    InvalidSignature,
    MissingClaim,
    Rule,
    WrongAudience,
)
from counterfoil.http.refusals import MAX_LINES, PERIOD_SECONDS, RefusalLog
from simulators.http_door import Door


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def log(time: Time) -> RefusalLog:
    return RefusalLog(time)


def test_refusal_names_its_rule_and_request_in_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = Door().fail(lambda: WrongAudience("aud does not hold the entry's audience"))
    ident = answer.headers["X-Request-ID"]
    said = f"request {ident}: refused by rule 8 (audience): aud does not hold the entry's audience"
    assert [record.getMessage() for record in caplog.records] == [said]
    assert "aud" not in answer.data.decode()
    assert "rule" not in answer.data.decode()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidSignature(), "rule 5 (signature)"),
        (InvalidSignature("not ASCII", rule=Rule.FORM), "rule 1 (form): not ASCII"),
        (MissingClaim("sub is missing", rule=Rule.SUBJECT), "rule 9 (subject): sub is missing"),
        (ActorRequired(), "rule 16 (actor)"),
        (IdentityError(), "identity.invalid_token"),
    ],
)
def test_every_cause_has_its_line(
    log: RefusalLog, error: IdentityError, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    log.note(error, "req_1")
    assert caplog.messages == [f"request req_1: refused by {said}"]


def test_flood_of_refusals_is_counted_and_not_written(
    log: RefusalLog, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for i in range(1_000):
            log.note(InvalidSignature(), f"req_{i}")
        assert len(caplog.messages) == MAX_LINES
        time.now += PERIOD_SECONDS
        log.note(InvalidSignature(), "req_last")
    assert caplog.messages[MAX_LINES:] == [
        f"{1_000 - MAX_LINES} more credentials were refused without a line each",
        "request req_last: refused by rule 5 (signature)",
    ]


def test_rules_have_numbers_and_words_of_their_own() -> None:
    words = [rule.word for rule in Rule]
    assert len(set(words)) == len(words)
    assert {rule.number for rule in Rule} == {*range(1, 13), 14, 15, 16}
