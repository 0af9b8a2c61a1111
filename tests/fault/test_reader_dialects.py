"""MySQL and SQLite are read in the same confined children, where a resource asks for it."""

# ruff: noqa: S608
# The statements are made up: nothing runs them.

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

import pytest

from commands import SQLITE, codes, dialect_command, read_dialect, read_sql, sql_command
from counterfoil.core.actions.uncertain import UNCERTAIN
from counterfoil.reading.pool import ReaderPool
from dialect_attacks import attacks
from dialect_jobs import jobs

MUTATED = 400
CHARACTERS = "\x00'\"`;()*,.-/\\#@!|&:?[]{}$é\u202e\ud800 \nSELECTFROMidx0"


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    made = ReaderPool(1, dialects=True)
    yield made
    made.close()


def soon() -> float:
    return time.monotonic() + 60


@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_the_child_reads_as_this_process_does(pool: ReaderPool, dialect: str) -> None:
    texts = [*jobs(dialect), *attacks(dialect).values()]
    answers = pool.interpret([dialect_command(dialect, sql) for sql in texts], deadline=soon())
    for sql, answer in zip(texts, answers, strict=True):
        assert answer == read_dialect(dialect, sql), sql
    honest = sql_command("SELECT id FROM public.invoices")
    assert pool.interpret([honest], deadline=soon()) == [read_sql("SELECT id FROM public.invoices")]


def test_a_child_without_them_reads_nothing_for_such_a_resource() -> None:
    pool = ReaderPool(1)
    try:
        (answer,) = pool.interpret([dialect_command("mysql", "SELECT 1")], deadline=soon())
        assert codes(answer) == ["uncertain.resource_type"]
    finally:
        pool.close()


def mutated(random: Random, texts: list[str]) -> str:
    """A text cut, spliced with another, and misspelt."""
    text, other = random.choice(texts), random.choice(texts)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        match random.randrange(4):
            case 0:
                text = text[:at] + random.choice(CHARACTERS) + text[at:]
            case 1:
                text = text[:at] + text[at + random.randint(1, 8) :]
            case 2:
                text = text[:at] + other[random.randrange(len(other)) :]
            case _:
                word = random.choice(other.split() or ["x"])
                text = f"{text[:at]} {word} {text[at:]}"
    return text


@pytest.mark.parametrize("dialect", ["mysql", "sqlite"])
def test_mutated_texts_kill_no_child_and_are_read_alike_or_doubted(
    pool: ReaderPool, dialect: str
) -> None:
    random = Random(8)  # noqa: S311 -- a seed, so that a failure can be repeated
    texts = [*jobs(dialect), *attacks(dialect).values()]
    sent = [mutated(random, texts) for _ in range(MUTATED)]
    before = pool.pids()
    answers = pool.interpret([dialect_command(dialect, sql) for sql in sent], deadline=soon())
    assert pool.pids() == before
    certain = 0
    for sql, answer in zip(sent, answers, strict=True):
        if answer.uncertain:
            assert not answer.operations
            assert not answer.required
            assert set(codes(answer)) <= set(UNCERTAIN) - {"uncertain.reader_failed"}, sql
            continue
        certain += 1
        # What runs is a text of its own: read again, it means and writes the same.
        assert answer.execute is not None
        again = read_dialect(dialect, str(answer.execute.arguments["sql"]))
        assert again.required == answer.required, sql
        assert again.execute is not None
        assert again.execute.arguments["sql"] == answer.execute.arguments["sql"]
    assert certain >= MUTATED // 50  # some are still work


def test_a_text_of_the_greatest_length_and_depth_is_answered_in_time(pool: ReaderPool) -> None:
    deep = "SELECT " + "(" * 23 + "1" + ")" * 23
    wide = "SELECT id FROM invoices WHERE id IN (" + ", ".join(["1"] * 3900) + ")"
    chain = "SELECT id FROM invoices WHERE " + " AND ".join(["a = 1"] * 400)
    answers = pool.interpret(
        [dialect_command(SQLITE.type, sql) for sql in (deep, wide, chain)], deadline=soon()
    )
    for answer in answers:
        assert set(codes(answer)) <= {"uncertain.too_deep"}
