"""What a report counts, over what a log can hold: edges of the period, and what is erased."""

from __future__ import annotations

import json
from typing import Any

from counterfoil.core.columns import Record
from counterfoil.core.evidence_figures import NO_OUTCOME, UNANSWERED, Figure, Figures

DAY = "2026-03-0{}T00:00:00.000000Z"


class Log:
    """Records in order, each with a time of its own day."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(
        self, kind: str, day: int, decision: str, person: str | None = "alice", **plain: Any
    ) -> None:
        said = None
        if person is not None:
            subject = {"iss": "https://idp.example.test", "sub": person}
            said = {
                "caller": json.dumps({"subject": subject}).encode(),
                "request": b'{"action": "run_sql"}',
            }
        leaf: dict[str, Any] = {
            "event": kind,
            "event_id": f"evt_{len(self.records)}",
            "decision_id": decision,
            "time": DAY.format(day),
            "subject_key": "k" * 22,
            "plain": plain,
        }
        self.records.append(Record(index=len(self.records), leaf_hash="", leaf=leaf, said=said))

    def counted(self, since: int, until: int) -> tuple[Figures, dict[Figure, list[str]]]:
        figures, lines = Figures(DAY.format(since), DAY.format(until)), dict[Figure, list[str]]()
        for record in self.records:
            for figure in figures.take(record):
                lines.setdefault(figure, []).append(str(record.leaf["event_id"]))
        for figure, line in figures.end():
            lines.setdefault(figure, []).append(line.split()[1])
        return figures, lines


def test_each_figure_counts_exactly_its_records_of_the_period() -> None:
    log = Log()
    for day, effect in ((1, "deny"), (2, "deny"), (3, "allow"), (4, "deny")):
        log.add("decided", day, f"dec_{day}", effect=effect, policy="dev+1", reasons=["a", "a"])
    log.add("decided", 3, "dec_x", person=None, effect="deny", policy="dev+2")
    log.add("failed", 3, "dec_y", code="policy.timeout")
    figures, lines = log.counted(2, 4)
    assert lines["effect", "deny"] == ["evt_1", "evt_4"]
    assert lines["tool", "run_sql", "allow"] == ["evt_2"]
    assert lines["person", "alice (https://idp.example.test)", "deny"] == ["evt_1"]
    assert lines["person", f"nobody that is still known (key {'k' * 22})", "deny"] == ["evt_4"]
    assert lines["reason", "a", "deny"] == ["evt_1"]  # one record, however often it says so
    assert lines["failed", "policy.timeout"] == ["evt_5"]
    assert figures.policies == {
        "dev+1": [DAY.format(2), DAY.format(3)],
        "dev+2": [DAY.format(3), DAY.format(3)],
    }
    assert {figure: len(found) for figure, found in lines.items()} == figures.counts


def test_what_ran_and_was_never_reported_is_a_gap() -> None:
    log = Log()
    log.add("decided", 2, "dec_reported", effect="allow")
    log.add("decided", 2, "dec_silent", effect="allow")
    log.add("decided", 2, "dec_observed", effect="deny", enforcement="observe")
    log.add("decided", 2, "dec_denied", effect="deny", enforcement="enforce")
    log.add("decided", 5, "dec_later", effect="allow")
    log.add("outcome", 6, "dec_reported")  # after the period, and reported all the same
    _, lines = log.counted(2, 4)
    assert lines[NO_OUTCOME] == ["evt_1", "evt_2"]


def test_how_long_approvals_took_counts_from_the_question_to_the_first_answer() -> None:
    log = Log()
    for day, name in ((1, "early"), (2, "quick"), (2, "slow"), (2, "never"), (3, "over")):
        log.add("approval_requested", day, f"dec_{name}", approval=name)
    log.add("approval_answered", 3, "dec_early", approval="early", answer="deny", status="denied")
    for day in (3, 4):
        log.add(
            "approval_answered",
            day,
            "dec_quick",
            approval="quick",
            answer="approve",
            status="approved",
        )
    log.add("approval_answered", 4, "dec_slow", approval="slow", answer="deny", status="denied")
    log.add("approval_expired", 4, "dec_over", approval="over")
    log.add("approval_spent", 4, "dec_quick", approval="quick", granting_decision="dec_z")
    figures, lines = log.counted(2, 5)
    hours = 24 * 3600
    assert figures.durations() == {
        "answered": 2,
        "median": 1.5 * hours,
        "nine_of_ten_within": 2.0 * hours,
        "longest": 2.0 * hours,
    }
    assert lines[UNANSWERED] == ["evt_3", "evt_4"]
    assert lines["approval", "answered: deny"] == ["evt_5", "evt_8"]
    assert figures.asked["quick"].status == "approval_spent"


def test_what_was_approved_in_advance_counts_for_itself_and_took_nobody_any_time() -> None:
    log = Log()
    log.add("template_given", 2, "dec_first", template="tpl", approval="first", uses=2, until=9)
    log.add("approval_requested", 3, "dec_second", approval="second")
    log.add(
        "approval_answered",
        3,
        "dec_second",
        approval="second",
        answer="approve",
        status="approved",
        template="tpl",
    )
    figures, lines = log.counted(2, 5)
    assert figures.durations()["answered"] == 0
    assert UNANSWERED not in lines
    assert lines["approval", "answered in advance"] == ["evt_2"]
    assert lines["approval", "in advance: given"] == ["evt_0"]
    assert not any(name.startswith("answered by") for _, name in lines)


def test_a_period_of_nothing_has_no_numbers() -> None:
    log = Log()
    log.add("decided", 1, "dec_1", effect="deny")
    figures, lines = log.counted(3, 4)
    assert lines == figures.counts == {}
    assert figures.durations()["median"] is None
