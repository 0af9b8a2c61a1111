"""Bent words, paths, calls, plans and code through a real child: none dies, none is late.

Whatever is still certain names a registered target in plain letters and nothing else. A few
thousand here, 200,000 in `make prove`.
"""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import word_attacks as attacks
from action_pages import GIT_LINES
from counterfoil.core.actions.contract import DEFAULT_LIMITS
from counterfoil.core.model import Command, Interpretation
from counterfoil.reading.pool import ReaderPool
from evidence import record
from words import ACCOUNT, API, SHOP

LOST = {"uncertain.reader_failed", "uncertain.reader_timeout"}
GROUP = 16
WAIT_SECONDS = 30.0
CHARACTERS = "\x00\t\n '\"$;()[]{},.:*+-/\\%@#&|<>=?~^`_aZ09é\u0301\u200b\u202e\ud800"
WORDS = [*attacks.GIT.values(), *(line.split(" ") for line in GIT_LINES)]
PATHS = [*attacks.PATHS.values(), attacks.HONEST_PATH, "docs/api/index.md", "/srv/data/shop/a b"]
LINES = [*attacks.LINES.values(), attacks.HONEST_LINE]
CODE = ["import os\nos.system('id')", "print(1)", "(" * 200, "a" + ".b" * 900]
PLAIN = re.compile(r"(arn:aws:[a-z0-9-]*:[a-z0-9-]*:([0-9]{12})?:[^*?$\\]+|\*)")


def bent(random: Random, text: str) -> str:
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        place = random.randrange(len(text) + 1)
        text = text[:place] + random.choice(CHARACTERS) + text[place + random.randint(0, 2) :]
    return text * random.choice((1, 1, 1, 1, 50))


def bent_words(random: Random, words: list[str]) -> list[str]:
    found = list(words)
    for _ in range(random.choice((0, 1, 1, 2))):
        place = random.randrange(len(found) + 1)
        found[place : place + random.randint(0, 2)] = [random.choice(random.choice(WORDS))]
    return [bent(random, word) if random.random() < 0.1 else word for word in found]


def command(family: str, tool: str, name: str, value: Any, resource: Any, **more: Any) -> Command:
    return Command(
        family=family, tool=tool, arguments={name: value, **more}, command_argument=name,
        resource=resource,
    )  # fmt: skip


def git(random: Random) -> Command:
    words = bent_words(random, random.choice(WORDS))
    return command("git", "run_git", "command", words, random.choice((API, SHOP)))


def path(random: Random) -> Command:
    tool = random.choice(("read_file", "delete_file", "list_directory"))
    return command("filesystem", tool, "path", bent(random, random.choice(PATHS)), SHOP)


def line(random: Random) -> Command:
    words = bent_words(random, random.choice(LINES).split(" "))
    return command("cloud", "aws", "command", words, ACCOUNT)


def code(random: Random) -> Command:
    text = bent(random, random.choice(CODE))
    return command("code", "run_code", "code", text, None, language="python")


MAKERS: tuple[Callable[[Random], Command], ...] = (git, git, path, line, code)


def sound(asked: Command, reading: Interpretation) -> None:
    """What is certain is on the registered target, by a plain and whole name."""
    for item in reading.required:
        if asked.resource is not None:
            assert item["locations"] == [asked.resource.location]
        identifier = str(item.get("identifier", "refs/x"))
        if asked.family == "git":
            assert re.fullmatch(r"refs(/[A-Za-z0-9_][A-Za-z0-9_.+=-]*)+", identifier)
        elif asked.family == "filesystem":
            assert not {"..", ""} & set(identifier.split("/"))
            assert identifier.isprintable()
        elif asked.family == "cloud":
            assert PLAIN.fullmatch(identifier)


def storm(seed: int, count: int) -> dict[str, Any]:
    random, answers, certain = Random(seed), Counter[str](), Counter[str]()
    honest = command("filesystem", "read_file", "path", "a", SHOP)
    pool = ReaderPool(1, limits=DEFAULT_LIMITS)
    slowest = 0.0
    try:
        first = pool.interpret([honest], deadline=time.monotonic() + WAIT_SECONDS)
        child = pool.pids()
        for _ in range(count // GROUP):
            commands = [random.choice(MAKERS)(random) for _ in range(GROUP)]
            started = time.monotonic()
            again, *read = pool.interpret([honest, *commands], deadline=started + WAIT_SECONDS)
            slowest = max(slowest, time.monotonic() - started)
            assert [again] == first
            for asked, reading in zip(commands, read, strict=True):
                if reading.uncertain:
                    assert not (*reading.operations, *reading.required, *reading.ambient)
                    answers[reading.uncertain[0].code] += 1
                else:
                    assert reading.operations
                    sound(asked, reading)
                    certain[asked.family] += 1
        return {
            "commands": sum(answers.values()) + sum(certain.values()),
            "certain": dict(certain.most_common()),
            "lost": sum(answers[name] for name in LOST),
            "child_survived": pool.pids() == child,
            "slowest_group_seconds": round(slowest, 3),
            "uncertain": dict(answers.most_common()),
        }
    finally:
        pool.close()


def held(found: dict[str, Any]) -> None:
    assert found["child_survived"]
    assert found["lost"] == 0
    assert set(found["certain"]) == {"git", "filesystem", "cloud", "code"}
    assert len(found["uncertain"]) > 10


def test_mutated_words_kill_nobody_and_reach_nothing_else() -> None:
    held(storm(9, 1_600))


@pytest.mark.prove
def test_two_hundred_thousand_mutated_words() -> None:
    found = storm(2026, 200_000)
    record(
        "word_mutations",
        "mutated git, paths, AWS lines and code read by one child: it survives, answers in time "
        "and names nothing but what is registered",
        seed=2026,
        **found,
    )
    held(found)
