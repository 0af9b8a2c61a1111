"""Whoever takes the first events of an answer and stops there hears of the others again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.issuing import Cursor, ledger_mark, read_cursor
from counterfoil.flows.grant_feed import Told, placed

MARK, OTHER = ledger_mark("ledger.example/1"), ledger_mark("ledger.example/2")
PLACES = st.one_of(st.none(), st.integers(1, 4))
PARTS = st.sampled_from(["outcomes", "revocations", "deadline"])
TOLD = st.lists(
    st.builds(
        Told,
        event=st.just("outcome"),
        time=st.just(""),
        jti=st.text("ab", min_size=1, max_size=3),
        decision_id=st.just(""),
        part=PARTS,
        place=PLACES,
    ),
    max_size=8,
)


def heard_again(told: list[Told], cursor: str) -> list[Told]:
    """What the flow tells at this cursor, of the same facts."""
    known = read_cursor(cursor, MARK)
    return [item for item in told if item.place is None or item.place > getattr(known, item.part)]


@given(TOLD)
def test_no_event_is_lost_between_two_cursors(told: list[Told]) -> None:
    events, following = placed(told, Cursor(MARK))
    names = [item["jti"] for item in events]
    assert sorted(names) == sorted(item.jti for item in told)
    for taken, event in enumerate(events):
        left = [item.jti for item in heard_again(told, event["cursor"])]
        for later in events[taken + 1 :]:
            assert later["jti"] in left
    assert [item for item in heard_again(told, str(following)) if item.place is not None] == []


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_a_cursor_is_read_as_it_was_written(outcomes: int, revocations: int, deadline: int) -> None:
    cursor = Cursor(MARK, outcomes, revocations, deadline)
    assert read_cursor(str(cursor), MARK) == cursor
    # Of another ledger, as one is after a recovery, it says nothing: all is told again.
    assert read_cursor(str(cursor), OTHER) == Cursor(OTHER)
