"""Bent URLs and command lines through real children: none dies, none is late.

A few thousand here, 200,000 in `make prove`.
"""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from counterfoil.core.model import Command
from counterfoil.reading.pool import ReaderPool
from evidence import record
from requests_read import request_command
from shell_attacks import ALLOWED, ATTACKS
from shell_read import REGISTERED, shell_command

URLS = (
    "https://orders.example.com/v1/orders/17?limit=20&filter[x]=1",
    "http://user@[::1]:8080/a%20b/../c;d?q=%2541#f",
)
LINES = (*ALLOWED.values(), *ATTACKS.values())
ODD = (
    "\0",
    "\n",
    "'",
    '"',
    "\\",
    "$(",
    "`",
    "{" * 40,
    "(" * 200,
    "%" * 99,
    "\u202e",
    "a" * 3000,
    "|",
    "&&",
    "<<",
)
LOST = {"uncertain.reader_failed", "uncertain.reader_timeout"}
GROUP = 16
WAIT_SECONDS = 30.0


def bent(random: Random, texts: tuple[str, ...]) -> str:
    text = random.choice(texts)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        piece = random.choice(
            (random.choice(ODD), chr(random.randrange(1, 0x300)), random.choice(texts))
        )
        text = text[:at] + piece + text[at + random.choice((0, 1, 4)) :]
    return text


def command(random: Random) -> Command:
    make: Callable[[str], Command] = random.choice((request_command, shell_command))
    return make(bent(random, URLS if make is request_command else LINES))


def storm(seed: int, count: int) -> dict[str, Any]:
    random, answers = Random(seed), Counter[str]()
    slowest = 0.0
    pool = ReaderPool(1, registered=REGISTERED)
    try:
        honest = shell_command("cat src/a.py")
        first = pool.interpret([honest], deadline=time.monotonic() + WAIT_SECONDS)
        assert first[0].operations
        child = pool.pids()
        for _ in range(count // GROUP):
            commands = [honest, *(command(random) for _ in range(GROUP))]
            started = time.monotonic()
            control, *read = pool.interpret(commands, deadline=started + WAIT_SECONDS)
            slowest = max(slowest, time.monotonic() - started)
            assert [control] == first
            for reading in read:
                answers[reading.uncertain[0].code if reading.uncertain else "certain"] += 1
        return {
            "texts": sum(answers.values()),
            "certain": answers.pop("certain"),
            "lost": sum(answers[code] for code in LOST),
            "child_survived": pool.pids() == child,
            "slowest_group_seconds": round(slowest, 3),
            "uncertain": dict(answers.most_common()),
        }
    finally:
        pool.close()


def sound(found: dict[str, Any]) -> None:
    assert found["child_survived"]
    assert found["lost"] == 0
    assert found["certain"] * 50 > found["texts"]  # else it would only have been noise
    assert len(found["uncertain"]) > 10


def test_mutated_lines_and_urls_kill_nobody() -> None:
    sound(storm(9, 1_600))


@pytest.mark.prove
def test_two_hundred_thousand_mutated_lines_and_urls() -> None:
    found = storm(2026, 200_000)
    what = "mutated URLs and command lines read by one child: it survives and answers in time"
    record("shell_mutations", what, seed=2026, **found)
    sound(found)
