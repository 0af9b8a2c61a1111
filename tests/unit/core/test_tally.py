"""Counting by leaves: the decisions that a search would find, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.search import Filters
from counterfoil.core.tally import OTHERS, PEOPLE, Tally


def leaf(event: str = "decided", person: str = "key-1", **plain: Any) -> dict[str, Any]:
    said = {"effect": "allow", "family": "database", "run": "run_1", **plain}
    return {
        "event": event,
        "time": "2026-11-24T12:00:00.000000Z",
        "subject_key": person,
        "decision_id": f"dec_{person}",
        "plain": said,
    }


def test_decisions_are_counted_by_effect_kind_and_person() -> None:
    tally = Tally(last=-1)
    for item in (
        leaf(), leaf(effect="deny"), leaf("failed", "key-2", family="http"), leaf("outcome"),
        leaf("record_read"), {"event": "decided"},
    ):  # fmt: skip
        tally.take(item, Filters(), None)
    assert tally.total == 3
    assert tally.effects == {"allow": 1, "deny": 1, "failed": 1}
    assert tally.families == {"database": 2, "http": 1}
    assert tally.people == {"key-1": 2, "key-2": 1}
    assert tally.samples["key-2"] == "dec_key-2"


@pytest.mark.parametrize(
    ("filters", "key", "counted"),
    [
        (Filters(effect="allow"), None, 1),
        (Filters(effect="deny"), None, 0),
        (Filters(run="run_2"), None, 0),
        (Filters(subject=("urn:x", "alice")), "key-1", 1),
        (Filters(subject=("urn:x", "bob")), "key-2", 0),
        (Filters(since="2026-11-24T13:00:00.000000Z"), None, 0),
    ],
)
def test_what_a_search_leaves_out_is_not_counted(
    filters: Filters, key: str | None, counted: int
) -> None:
    tally = Tally(last=-1)
    tally.take(leaf(), filters, key)
    assert tally.total == counted


def test_many_people_cost_little_memory() -> None:
    tally = Tally(last=-1)
    for number in range(PEOPLE + 10):
        tally.take(leaf(person=f"key-{number}"), Filters(), None)
    assert len(tally.people) == PEOPLE + 1
    assert tally.people[OTHERS] == 10
