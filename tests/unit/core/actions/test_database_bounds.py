"""What a text of the allowed size may cost its reader, counted in calls, not in time."""

# ruff: noqa: S608
# The statements are made up.

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from commands import doubt, read_sql, uses

MOST_CALLS = 600_000  # about half a second on a slow machine; an ordinary report takes 5,000


def calls_of(work: Callable[[], object]) -> int:
    """How many Python functions are called meanwhile."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def grouped(targets: int, items: int) -> str:
    return "SELECT " + ",".join(["b a"] * targets) + " FROM s.t GROUP BY " + ",".join(["a"] * items)


def crowded(names: int, tables: int, name: str = "a") -> str:
    listed = ",".join(f"s.t{number}" for number in range(tables))
    return "SELECT " + ",".join([name] * names) + " FROM " + listed


HEAVY = {
    "outputs against items of GROUP BY": grouped(1990, 1990),
    "more outputs than items": grouped(2600, 1300),
    "names over many tables": crowded(1500, 1300),
    "qualified names over many tables": crowded(900, 1100, "t9.a"),
    "many statements": "SELECT a FROM s.t;" * 60,
    "many WITH queries": "WITH "
    + ",".join(f"c{number} AS (SELECT 1)" for number in range(300))
    + " SELECT 1 FROM "
    + ",".join(f"c{number}" for number in range(300)),
    "many USING columns": "SELECT 1 FROM s.a JOIN s.b USING ("
    + ",".join(f"c{number}" for number in range(1500))
    + ")",
    "many dropped tables": "DROP TABLE " + ",".join(f"t{number}" for number in range(1500)),
    "many quotes": "SELECT " + ",".join(["''''''"] * 1800),
}


@pytest.mark.parametrize("case", HEAVY)
def test_no_text_of_the_allowed_size_costs_the_reader_more_than_its_second(case: str) -> None:
    assert len(HEAVY[case]) <= 16_384
    read_sql("SELECT 1")
    assert calls_of(lambda: read_sql(HEAVY[case])) < MOST_CALLS


def test_the_same_shapes_in_small_are_read_as_ever() -> None:
    assert uses(read_sql(grouped(3, 3))) == {("select", "s.t"): None}
    assert uses(read_sql("SELECT b AS a, a FROM s.t GROUP BY a")) == {("select", "s.t"): ("a", "b")}
    assert not doubt(crowded(60, 16, "t9.a"))
    assert doubt(crowded(900, 1100, "t9.a")) == "uncertain.too_deep"
