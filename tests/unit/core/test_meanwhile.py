"""Work done while an answer is awaited: once, in time, and its errors are its owner's."""

from __future__ import annotations

import pytest

from counterfoil.core.meanwhile import Meanwhile, together


def test_work_is_done_once_by_whoever_comes_first() -> None:
    numbers = iter(range(10))
    work = Meanwhile(lambda: next(numbers))
    work()
    work()
    assert work.value() == 0
    assert next(numbers) == 1


def test_work_that_nobody_did_meanwhile_is_done_where_it_is_needed() -> None:
    assert Meanwhile(lambda: 7).value() == 7


def test_an_error_reaches_its_owner_and_not_who_sends_for_the_group() -> None:
    def fails() -> int:
        raise ValueError("mine")

    done: list[int] = []
    work, other = Meanwhile(fails), Meanwhile(lambda: done.append(1))
    together([work, None, other])()
    assert done == [1]
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            work.value()
