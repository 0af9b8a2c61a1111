# ruff: noqa: RUF001 -- letters that look like others are what this is about
"""A person who approves sees every character, and is told of letters that look like others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.visible import hidden_name, lookalikes, pieces

# One of each way to hide or to turn text (Trojan Source, CVE-2021-42574, and its relatives)
HIDING = {
    "\u202e": "RIGHT-TO-LEFT OVERRIDE",
    "\u2066": "LEFT-TO-RIGHT ISOLATE",
    "\u200b": "ZERO WIDTH SPACE",
    "\u200d": "ZERO WIDTH JOINER",
    "\ufeff": "ZERO WIDTH NO-BREAK SPACE",
    "\u00ad": "SOFT HYPHEN",
    "\u00a0": "NO-BREAK SPACE",
    "\u3000": "IDEOGRAPHIC SPACE",
    "\u2028": "LINE SEPARATOR",
    "\u3164": "HANGUL FILLER",
    "\u2800": "BRAILLE PATTERN BLANK",
    "\u034f": "COMBINING GRAPHEME JOINER",
    "\ufe0f": "VARIATION SELECTOR-16",
    "\U000e0041": "TAG LATIN CAPITAL LETTER A",
    "\x00": "",
    "\x1b": "",
    "\r": "",
    "\x7f": "",
    "\x9b": "",
    "\ue000": "",
    "\uffff": "",
    "\ud800": "",
}


@pytest.mark.parametrize("character", HIDING)
def test_what_hides_or_turns_text_is_a_piece_with_its_name(character: str) -> None:
    found = pieces(f"DROP{character}TABLE")
    assert [part.text for part in found] == ["DROP", character, "TABLE"]
    assert found[1].hidden.startswith(f"U+{ord(character):04X}")
    assert HIDING[character] in found[1].hidden
    assert not found[0].hidden
    assert not found[2].hidden


@pytest.mark.parametrize("text", ["SELECT 1;\n\tFROM t", "Größe", "日本語", "naïve", "🙂", "עברית"])
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert [part.text for part in pieces(text)] == [text]


@given(
    st.text(alphabet=st.characters(codec=None)),
    st.lists(st.none() | st.tuples(st.integers(-3, 40), st.integers(-3, 40)), max_size=5),
)
def test_nothing_is_left_out_shortened_or_marked_beyond_its_span(
    text: str, spans: list[tuple[int, int] | None]
) -> None:
    found = pieces(text, spans)
    assert "".join(part.text for part in found) == text
    assert all(part.text for part in found)
    at = 0
    for part in found:
        assert len(part.text) == 1 or not part.hidden
        for character in part.text:
            assert bool(hidden_name(character)) == bool(part.hidden)
            inside = [n for n, it in enumerate(spans) if it is not None and it[0] <= at < it[1]]
            assert list(part.marks) == inside
            at += 1


def test_a_part_of_two_operations_has_both_numbers() -> None:
    found = pieces("abcdef", [(0, 4), None, (2, 6)])
    assert [(part.text, part.marks) for part in found] == [
        ("ab", (0,)), ("cd", (0, 2)), ("ef", (2,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word",
    ["pаypal", "usеrs", "αdmin", "ΡUBLIC", "раypal", "аре", "ｄｒｏｐ", "𝗱𝗿𝗼𝗽", "Ⲣublic"],
)
def test_a_word_that_may_be_read_as_another_is_named(word: str) -> None:
    assert lookalikes(f"DROP TABLE public.{word}, orders") == [word]


@pytest.mark.parametrize(
    "text", ["DROP TABLE users", "Größe naïve Žluťoučký", "таблица пользователей", "日本のテスト漢字", "ελληνικά κείμενα", "한국어"]
)  # fmt: skip
def test_an_honest_word_of_any_script_is_not(text: str) -> None:
    assert lookalikes(text) == []


def test_hints_are_few_however_many_words_there_are() -> None:
    assert (
        len(lookalikes(" ".join(f"а{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(600))))
        == 20
    )
