"""Laws of reading: never an error, never moved by white space, exactly what is touched."""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from commands import MANIFEST, codes, read_manifest, read_sql, uses
from counterfoil.core.actions.contract import DEFAULT_LIMITS, interpret
from counterfoil.core.actions.images import parse_image
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.actions.uncertain import UNCERTAIN
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import Command, Interpretation
from sql_grammar import respaced, statement

SEEDS = st.integers(min_value=0, max_value=2**32)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
PIECES = st.sampled_from(
    [
        *("SELECT", "FROM", "WHERE", "WITH", "AS", "INSERT INTO", "VALUES", "UPDATE", "SET"),
        *("DELETE", "public.a", "a", "b", "(", ")", ",", "*", "1", "'x'", "=", ".", ";", "::"),
        *("JOIN", "LATERAL", "ON", "USING", "RETURNING", "CREATE TABLE", "int", "ROW", "NULL"),
        *("EXISTS", "IN", "ANY", "GROUP BY", "ORDER BY", "UNION", "OVER", "RECURSIVE", "CASE"),
        *("DROP TABLE", "ALTER TABLE public.a", "CASCADE", "ADD", "DROP", "ALTER a", "TYPE", "int"),
        *("RENAME", "TO", "COLUMN", "CHECK (a > 1)", "SET", "NOT NULL", "IF EXISTS", "public.a,"),
        *("$1", '"q"', "[1]", "/*", "*/", "--", "\n", "\0", "DEFAULT", "ON CONFLICT", "DO UPDATE"),
    ]
)


def check(reading: Interpretation) -> None:
    """One answer or the other, never both, never neither."""
    found = codes(reading)
    assert set(found) <= set(UNCERTAIN)
    assert "uncertain.reader_failed" not in found
    assert bool(found) != bool(reading.operations)
    for item in (*reading.required, *reading.ambient):
        canonical_bytes(item)
    for operation in reading.operations:
        canonical_bytes(operation.object)
        canonical_bytes(operation.details)


@given(ANY_TEXT)
def test_no_text_makes_the_sql_reader_fail(text: str) -> None:
    check(read_sql(text))


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14).map(" ".join))
def test_no_heap_of_sql_words_makes_the_reader_fail(text: str) -> None:
    check(read_sql(text))


@settings(max_examples=200)
@given(SEEDS, st.data())
def test_no_damaged_statement_makes_the_reader_fail(seed: int, data: st.DataObject) -> None:
    text, _ = statement(Random(seed))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    check(read_sql(text[:start] + data.draw(ANY_TEXT | PIECES) + text[end:]))


@settings(max_examples=300)
@given(SEEDS)
def test_a_statement_yields_exactly_what_it_touches(seed: int) -> None:
    text, expected = statement(Random(seed))
    found = {use: set(columns or ()) for use, columns in uses(read_sql(text)).items()}
    assert found == {
        (verb, name.replace('"', "")): columns for (verb, name), columns in expected.items()
    }


@settings(max_examples=200)
@given(SEEDS)
def test_white_space_and_comments_change_nothing(seed: int) -> None:
    text, _ = statement(Random(seed))
    changed = respaced(Random(seed), text)
    first, second = read_sql(text), read_sql(changed)
    assert first.required == second.required
    assert [item.object for item in first.operations] == [item.object for item in second.operations]
    assert uses(first) == uses(second)


@given(SEEDS)
def test_reading_twice_is_reading_once(seed: int) -> None:
    text, _ = statement(Random(seed))
    assert read_sql(text) == read_sql(text)


@given(ANY_TEXT)
def test_no_text_makes_the_manifest_reader_fail(text: str) -> None:
    check(read_manifest(text))


@settings(max_examples=200)
@given(st.data())
def test_no_damaged_manifest_makes_the_reader_fail(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(MANIFEST)))
    end = data.draw(st.integers(start, min(len(MANIFEST), start + 12)))
    check(read_manifest(MANIFEST[:start] + data.draw(ANY_TEXT) + MANIFEST[end:]))


@given(st.from_regex(r"[a-z0-9]+(\.|_|__|-)?[a-z0-9]+(/[a-z0-9]{1,9}){0,3}", fullmatch=True))
def test_an_image_written_in_full_reads_as_itself(reference: str) -> None:
    image = parse_image(reference)
    assert parse_image(image.text) == image
    assert image.repository == image.text.rpartition(":")[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["database", "kubernetes", "shell"]), ANY_TEXT, JSON)
def test_no_arguments_make_a_reader_fail(family: str, name: str, value: object) -> None:
    command = Command(
        family=family,
        tool="t",
        arguments={name: value},  # type: ignore[dict-item]  # any JSON at all
        command_argument=name,
        resource=None,
    )
    assert codes(interpret(command, FAMILIES, DEFAULT_LIMITS))
