"""No reading shows less than its parse tree, and more text never shows less."""

# ruff: noqa: S311, S608
# Seeded choices, so that a failure can be repeated; the statements are made up.

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import read_sql
from counterfoil.core.model import Interpretation
from sql_grammar import statement
from sql_jobs import JOBS
from sql_oracle import missing

SEEDS = st.integers(min_value=0, max_value=2**32)
WORDS = sorted({word for job in JOBS for word in job.split()})


def shown(reading: Interpretation) -> set[tuple[str, str, tuple[str, ...] | None]]:
    return {(item.verb, str(item.object), item.columns) for item in reading.operations}


@pytest.mark.parametrize("text", JOBS)
def test_every_job_shows_what_its_tree_holds(text: str) -> None:
    assert missing(text, read_sql(text)) == []


def test_the_second_reader_notices_what_is_missing() -> None:
    other = read_sql("SELECT id FROM public.a")
    assert missing("SELECT id FROM public.b", other) == ["relation b"]
    assert missing("DELETE FROM public.a", other) == ["delete a"]
    assert missing("SELECT id FROM public.a FOR UPDATE", other) == ["lock"]
    assert missing("SELECT set_config('a', id, true) FROM public.a", other)
    assert missing("SELECT public.f(id) FROM public.a", other)
    assert missing("SELECT id FROM public.a", other) == []


@settings(max_examples=300)
@given(SEEDS)
def test_a_mutated_job_shows_what_its_tree_holds(seed: int) -> None:
    random = Random(seed)
    words = random.choice(JOBS).split()
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(words))
        words[place : place + random.randint(0, 1)] = [random.choice(WORDS)]
    text = " ".join(words)
    reading = read_sql(text)
    if not reading.uncertain:
        assert missing(text, reading) == []


@settings(max_examples=200)
@given(SEEDS)
def test_a_further_statement_never_removes_an_operation(seed: int) -> None:
    random = Random(seed)
    first, second = random.choice(JOBS), statement(random)[0]
    alone, both = read_sql(first), read_sql(f"{first}; {second}")
    assert both.uncertain or shown(alone) <= shown(both)
    assert not both.required or not both.uncertain


@settings(max_examples=200)
@given(SEEDS)
def test_one_unknown_part_anywhere_permits_nothing(seed: int) -> None:
    text, _ = statement(Random(seed))
    assert not read_sql(text).uncertain
    for unknown in (
        f"{text}; SELECT pg_sleep(1)",
        f"SELECT public.f(1); {text}",
        f"{text}; SELECT 1::public.mine",
        f"{text}; SELECT 1 OPERATOR(public.+) 2",
        f"WITH x AS ({text}) SELECT public.f(1) FROM x" if text.startswith("SELECT") else "DO ''",
    ):
        reading = read_sql(unknown)
        assert reading.uncertain
        assert not (*reading.operations, *reading.required, *reading.ambient)
        assert reading.execute is None


SPELLINGS = (
    'SELECT "id" FROM "public"."invoices" WHERE "note" = \'a\'',
    "select ID from PUBLIC.Invoices where NOTE = E'\\x61'",
    'SELECT U&"\\0069d" FROM public.invoices WHERE note = $q$a$q$',
    "SELECT id FROM orders.public.invoices WHERE note = U&'\\0061'",
    "SELECT/**/id\nFROM public . invoices -- ;\n WHERE note='a';",
    "SELECT id FROM invoices WHERE note = 'a'",
    "(SELECT id FROM invoices WHERE (note) = ('a'))",
    'SELECT ALL i.id FROM invoices AS i WHERE i."note" = $$a$$',
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_equivalent_spellings_are_the_same_action(text: str) -> None:
    plain = read_sql("SELECT id FROM public.invoices WHERE note = 'a'")
    other = read_sql(text)
    assert shown(other) == shown(plain)
    assert other.required == plain.required
    assert other.ambient == plain.ambient
