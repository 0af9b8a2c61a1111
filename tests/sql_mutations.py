"""Broken and bent SQL from a seed: jobs, ORM statements and attacks, cut, spliced and misspelt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

from sql_attacks import ALLOWED, ATTACKS
from sql_jobs import JOBS

_ORM = json.loads((Path(__file__).parent / "corpora/orm_statements.json").read_text("utf-8"))
SEEDS: Final[Sequence[str]] = (
    *JOBS,
    *ALLOWED,
    *ATTACKS.values(),
    *(sql for _, sql in _ORM["statements"]),
)
_WORDS: Final = sorted({word for text in SEEDS for word in text.split() if len(word) < 40})
_PLAIN: Final = re.compile(r"\b[a-z_]{2,}\b|\b\d+\b")
_NAMES: Final = (
    "id",
    "total",
    "public",
    "invoices",
    "secret",
    "q",
    "pg_class",
    "lower",
    "f",
    "7",
    "oid",
)
_CHARACTERS: Final = (
    "\x00\x01\t\n'\"$;()[]{},.:*+-/\\%@#&|<>=?~^`_aZ09éß\ufffd\u202e\ud800\U0001f600"
)
_BRACKETS: Final = (("(", ")"), ("SELECT (", ")"), ("WITH q AS (", ") SELECT 1 FROM q"), ("[", "]"))


def mutated(random: Random) -> str:
    """One text, somewhere between daily work and noise."""
    text = random.choice(SEEDS)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        text = random.choice(_CHANGES)(random, text)
    return text[:20_000]


def _word(random: Random, text: str) -> str:
    words = text.split(" ")
    place = random.randrange(len(words))
    words[place : place + random.randint(0, 2)] = [random.choice(_WORDS)]
    return " ".join(words)


def _name(random: Random, text: str) -> str:
    """Another name or number in a name's or number's place."""
    found = list(_PLAIN.finditer(text))
    if not found:
        return text
    place = random.choice(found)
    return text[: place.start()] + random.choice(_NAMES) + text[place.end() :]


def _space(random: Random, text: str) -> str:
    return text.replace(
        " ", random.choice(("\n", "\t ", " /* ; */ ", " -- x\n")), random.randint(1, 5)
    )


def _swap(random: Random, text: str) -> str:
    words = text.split(" ")
    one, two = random.randrange(len(words)), random.randrange(len(words))
    words[one], words[two] = words[two], words[one]
    return " ".join(words)


def _character(random: Random, text: str) -> str:
    place = random.randint(0, len(text))
    return text[:place] + random.choice(_CHARACTERS) + text[place + random.randint(0, 2) :]


def _cut(random: Random, text: str) -> str:
    start, end = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
    return text[:start] + text[end:]


def _splice(random: Random, text: str) -> str:
    other = random.choice(SEEDS)
    return text[: random.randint(0, len(text))] + other[random.randint(0, len(other)) :]


def _join(random: Random, text: str) -> str:
    return text + random.choice((";", " ; ", "\n", " UNION ", " --", "/*")) + random.choice(SEEDS)


def _nest(random: Random, text: str) -> str:
    before, after = random.choice(_BRACKETS)
    times = random.choice((1, 1, 1, 2, 5, 60, 400))
    return before * times + text + after * times


def _repeat(random: Random, text: str) -> str:
    start = random.randint(0, len(text))
    piece = text[start : start + random.randint(1, 30)]
    return text[:start] + piece * random.choice((2, 3, 50, 500)) + text[start:]


_CHANGES: Final[Sequence[Callable[[Random, str], str]]] = (
    *(_name, _name, _name, _name, _space, _space, _word, _word, _swap, _character),
    *(_cut, _splice, _join, _nest, _repeat),
)
