"""Bent and broken SQL through real children: none dies, none is late, none shows too little.

A few thousand texts here, 200,000 in `make prove`.
"""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import Any

import pytest

from commands import read_sql, sql_command
from counterfoil.core.actions.contract import DEFAULT_LIMITS
from counterfoil.core.model import Interpretation
from counterfoil.reading.pool import ReaderPool
from evidence import record
from sql_mutations import mutated
from sql_oracle import missing

HONEST = "SELECT id FROM public.invoices WHERE id = 7"
LOST = {"uncertain.reader_failed", "uncertain.reader_timeout"}
GROUP = 16
WAIT_SECONDS = 30.0


def storm(seed: int, count: int) -> dict[str, Any]:
    """Send `count` mutated texts in groups to one child, with an honest one in each group."""
    random, answers = Random(seed), Counter[str]()
    weak: list[str] = []
    slowest = 0.0
    pool = ReaderPool(1, limits=DEFAULT_LIMITS)
    try:
        first = pool.interpret([sql_command(HONEST)], deadline=time.monotonic() + WAIT_SECONDS)
        child = pool.pids()
        for _ in range(count // GROUP):
            texts = [mutated(random) for _ in range(GROUP)]
            commands = [sql_command(text) for text in (HONEST, *texts)]
            started = time.monotonic()
            honest, *read = pool.interpret(commands, deadline=started + WAIT_SECONDS)
            slowest = max(slowest, time.monotonic() - started)
            assert [honest] == first
            for text, reading in zip(texts, read, strict=True):
                answers[judged(text, reading, weak)] += 1
        return {
            "texts": sum(answers.values()),
            "certain": answers.pop("certain"),
            "lost": sum(answers[code] for code in LOST),
            "child_survived": pool.pids() == child,
            "weaker_than_the_tree": weak,
            "slowest_group_seconds": round(slowest, 3),
            "uncertain": dict(answers.most_common()),
        }
    finally:
        pool.close()


def judged(text: str, reading: Interpretation, weak: list[str]) -> str:
    """Its code, or `certain`; a text whose tree shows more goes to `weak`."""
    if reading.uncertain:
        assert not (*reading.operations, *reading.required, *reading.ambient)
        return reading.uncertain[0].code
    assert reading.operations
    if missing(text, reading):
        weak.append(text)
    return "certain"


def sound(found: dict[str, Any]) -> None:
    assert found["child_survived"]
    assert found["lost"] == 0
    assert found["weaker_than_the_tree"] == []
    assert found["certain"] * 20 > found["texts"]  # else it would only have been noise
    assert len(found["uncertain"]) > 10


def test_mutated_commands_kill_nobody_and_permit_nothing_unseen() -> None:
    sound(storm(11, 2_400))


def test_what_the_child_says_of_a_mutated_command_is_what_this_process_says() -> None:
    texts = [mutated(Random(seed)) for seed in range(300)]
    pool = ReaderPool(1)
    try:
        read = pool.interpret(
            [sql_command(text) for text in texts], deadline=time.monotonic() + WAIT_SECONDS
        )
    finally:
        pool.close()
    assert read == [read_sql(text) for text in texts]


@pytest.mark.prove
def test_two_hundred_thousand_mutated_commands() -> None:
    found = storm(2026, 200_000)
    record(
        "sql_mutations",
        "mutated SQL read by one child: it survives, answers in time and shows what the tree holds",
        seed=2026,
        **found,
    )
    sound(found)
