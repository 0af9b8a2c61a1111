"""Mutated manifests kill no reader, take no longer than their bound, and spoil no neighbour."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import pytest

from commands import MANIFEST, manifest_command
from counterfoil.reading.pool import ReaderPool
from evidence import record

SEED = 19
FEW, MANY = 1_500, 200_000
GROUP = 16
WAIT_SECONDS = 30.0
BOUND_SECONDS = 1.0
LOST = {"uncertain.reader_failed", "uncertain.reader_timeout"}
PARTS = [
    *("&a ", "*a", "!!int ", "<<: ", "---\n", "...\n", "{", "}", "[", "]", '"', "'", "|", ">", "#"),
    *("\t", "\r", "\0", "\ufeff", "\u2028", "\x85", "\ud800", "é", "\\x00", "0_o12", ".inf", "y"),
    *("[" * 200, "{a: " * 60, "- " * 200, "a" * 3_000, "9" * 400, "hostNetwork: true\n", "\n"),
]


def mutated(chance: random.Random) -> str:
    """The honest manifest with a few parts inserted, doubled, cut or moved."""
    text = MANIFEST
    for _ in range(chance.randrange(1, 5)):
        first, second = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        change = chance.randrange(4)
        if change == 0:
            text = text[:first] + chance.choice(PARTS) + text[first:]
        elif change == 1:
            text = text[:second] + text[first:]
        elif change == 2:
            text = text[:first] + text[second:] or "a"
        else:
            text = text[second:] + text[first:second] + text[:first]
    return text


def storm(count: int) -> dict[str, Any]:
    """Send mutated manifests in groups to one child, with an honest one in each group."""
    chance, answers = random.Random(SEED), Counter[str]()  # noqa: S311 -- repeatable
    pool = ReaderPool(1)
    slowest = 0.0
    try:
        first = pool.interpret(
            [manifest_command(MANIFEST)], deadline=time.monotonic() + WAIT_SECONDS
        )
        child = pool.pids()
        for _ in range(count // GROUP):
            texts = [MANIFEST, *(mutated(chance) for _ in range(GROUP))]
            started = time.monotonic()
            honest, *read = pool.interpret(
                [manifest_command(text) for text in texts], deadline=started + WAIT_SECONDS
            )
            slowest = max(slowest, time.monotonic() - started)
            assert [honest] == first
            for reading in read:
                answers[reading.uncertain[0].code if reading.uncertain else "certain"] += 1
                assert not (reading.uncertain and (reading.operations or reading.required))
        return {
            "texts": sum(answers.values()),
            "certain": answers.pop("certain", 0),
            "lost": sum(answers[code] for code in LOST),
            "child_survived": pool.pids() == child,
            "slowest_group_seconds": round(slowest, 3),
            "uncertain": dict(answers.most_common()),
        }
    finally:
        pool.close()


def test_mutated_manifests_kill_nobody_and_spoil_no_neighbour() -> None:
    found = storm(FEW)
    assert found["child_survived"]
    assert found["lost"] == 0
    assert found["certain"] < found["texts"] / 2


@pytest.mark.prove
def test_many_mutated_manifests() -> None:
    found = storm(MANY)
    record(
        "kubernetes_mutations", "mutated manifests, read in a supervised child", seed=SEED, **found
    )
    assert found["child_survived"]
    assert found["lost"] == 0
    assert found["slowest_group_seconds"] < GROUP * BOUND_SECONDS
