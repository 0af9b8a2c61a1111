"""The machine's clock and randomness."""

from __future__ import annotations

import threading
from itertools import pairwise

from counterfoil.core.entry import ID
from counterfoil.system import RandomIds, SystemClock


def test_an_id_has_the_form_that_a_record_takes() -> None:
    for prefix in ("dec", "evt", "str", "jti", "req"):
        made = RandomIds().new(prefix)
        assert ID.fullmatch(made)
        assert made.startswith(f"{prefix}_")


def test_no_two_ids_are_alike_whoever_makes_them() -> None:
    made: list[str] = []

    def make() -> None:
        ids = RandomIds()
        made.extend(ids.new("dec") for _ in range(5_000))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == len(made) == 20_000


def test_eighty_bits_of_an_id_are_random() -> None:
    tails = [int(RandomIds().new("dec")[-20:], 16) for _ in range(2_000)]
    ones = [sum(tail >> bit & 1 for tail in tails) for bit in range(80)]
    assert min(ones) > 800  # a fixed or counted bit would be at 0, at 2000, or near them
    assert max(ones) < 1_200


def test_ids_of_one_moment_lie_together_in_an_index() -> None:
    heads = {RandomIds().new("dec")[:10] for _ in range(100)}
    assert len(heads) <= 2


def test_the_monotonic_clock_never_runs_backwards() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(10_000)]
    assert all(earlier <= later for earlier, later in pairwise(readings))


def test_the_time_is_utc_seconds_with_a_fraction() -> None:
    now = SystemClock().now()
    assert now > 1_750_000_000
    assert isinstance(now, float)
