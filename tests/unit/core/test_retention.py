"""What is old enough to go, by leaves alone, and what is remembered of it."""

from __future__ import annotations

import pytest

from counterfoil.core.privacy import HELD, HOLDS, RELEASED, Holding
from counterfoil.core.retention import (
    DROPPED,
    DROPS,
    FLOOR_DAYS,
    PIECE,
    Dropped,
    Drops,
    cutoff_of,
    old_until,
    read_dropped,
    too_soon,
)
from counterfoil.core.times import rfc3339, seconds_of

NOW = 1_795_000_000.0
DAY = 86_400.0


def day(number: float) -> str:
    return rfc3339(NOW + number * DAY)


@pytest.mark.parametrize("days", [0, 1, 183, 184, 400])
def test_nothing_younger_than_six_months_is_ever_old(days: int) -> None:
    assert seconds_of(cutoff_of(NOW, days)) == NOW - max(days, FLOOR_DAYS) * DAY


@pytest.mark.parametrize(
    ("times", "old"),
    [
        ([], 0),
        ([-300, -250, -10], 2),
        ([-300, -250, -240], 3),
        ([-10, -300], 0),
    ],
)
def test_the_old_ones_at_the_beginning_go(times: list[float], old: int) -> None:
    assert old_until([day(time) for time in times], day(-200)) == old


def test_attack_a_record_of_a_clock_that_was_set_back_is_not_old() -> None:
    """It was written between young ones; by its own word it would go at once."""
    assert old_until([day(-300), day(-900), day(-10)], day(-200)) == 1
    # Control: written before one that is old for certain, it is old itself.
    assert old_until([day(-300), day(-900), day(-250), day(-10)], day(-200)) == 3
    # And where what lies before is younger than itself.
    assert old_until([day(-900), day(-900)], day(-200), before=day(-300)) == 0
    assert old_until([day(-300), day(-250)], day(-200), before=day(-300)) == 2


def leaf(dropped: Dropped, **changes: object) -> dict[str, object]:
    return {"event": DROPPED, "decision_id": DROPS, "plain": dropped.plain(), **changes}


def test_a_range_is_read_back_as_it_was_written() -> None:
    dropped = Dropped(5, 9, frozenset({6}), day(-200))
    assert read_dropped(leaf(dropped)) == dropped  # type: ignore[arg-type]  # JSON
    assert [index for index in range(12) if dropped.covers(index)] == [5, 7, 8]
    for wrong in (
        {"event": "decided"},
        {"decision_id": "dec_" + "0" * 26},
        {"plain": {**dropped.plain(), "end": 5}},
        {"plain": {**dropped.plain(), "end": 6 + PIECE}},
        {"plain": {**dropped.plain(), "start": -1}},
        {"plain": None},
    ):
        assert read_dropped(leaf(dropped, **wrong)) is None  # type: ignore[arg-type]  # JSON


def test_a_drop_before_its_time_shows_in_its_own_record() -> None:
    dropped = Dropped(0, 1, frozenset(), day(-FLOOR_DAYS))
    assert not too_soon(dropped, day(0))
    assert too_soon(dropped, day(-0.001))


def test_what_was_kept_back_is_left_until_it_went_too() -> None:
    drops = Drops()
    drops.add(Dropped(990, 1_990, frozenset({991, 1_500}), day(-200)))
    assert drops.of(990) is not None
    assert drops.of(1_989) is not None
    assert [drops.of(index) for index in (989, 991, 1_500, 1_990)] == [None] * 4
    assert len(drops.left()) == 1
    drops.add(Dropped(990, 1_990, frozenset(), day(-200)))
    assert drops.of(1_500) is not None
    assert (drops.left(), drops.end) == ([], 1_990)


def test_holds_stand_from_their_setting_to_their_release() -> None:
    holding = Holding()
    assert holding.step(HELD, {"hold": "hld_1", "about": "key"}) is None
    assert holding.step(HELD, {"hold": "hld_2", "about": None}) is None
    assert (holding.over("key"), holding.over("other")) == ("hld_1", "hld_2")
    assert (holding.named("key"), holding.named(None)) == ("hld_1", "hld_2")
    assert holding.step(RELEASED, {"hold": "hld_2"}) is None
    assert (holding.over("other"), holding.named(None)) == (None, None)
    for kind, plain, wrong in (
        (HELD, {"hold": "hld_1", "about": "key"}, "set twice"),
        (RELEASED, {"hold": "hld_2"}, "does not stand"),
        (HELD, {"about": "key"}, "without a name"),
    ):
        assert wrong in str(holding.step(kind, plain))
    assert HOLDS.startswith("hld_")
