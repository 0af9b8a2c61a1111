# ruff: noqa: RUF001 -- letters that look like others are what this is about
"""Text that somebody hostile may have written, cut into pieces so that a person sees all of it.

Characters that show nothing, or that change how others are shown, are pieces of their own with
a name: controls, format characters (bidirectional ones and tags among them), white space that
is not a space, fillers, variation selectors, and what has no meaning in Unicode. Nothing is
left out and nothing is shortened: the pieces' texts are the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

Span: TypeAlias = "tuple[int, int]"

MAX_HINTS: Final = 20
_PLAIN: Final = "\n\t"
_UNUSUAL: Final = re.compile(r"[^\x20-\x7e\n\t]")
_SHOWS_NOTHING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
# Default_Ignorable_Code_Point of other categories (UAX #44), and the blank Braille pattern
_FILLERS: Final = frozenset(
    [
        *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    ]
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_TOGETHER: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
_STYLED: Final = frozenset({"FULLWIDTH", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "CIRCLED"})
# Letters of other scripts that are drawn like a Latin one (UTS #39, the usual ones)
_LIKE_LATIN: Final = frozenset("аеорсухіјѕԁӏһԛԝАВЕКМНОРСТХІЈЅԌҮοΑΒΕΖΗΙΚΜΝΟΡΤΥΧνօսոցհ")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `marks` are the numbers of the spans that it lies in.

    `hidden` names a character that would not be seen; empty for text that is.
    """

    text: str
    marks: tuple[int, ...] = ()
    hidden: str = ""


def pieces(text: str, spans: Sequence[Span | None] = ()) -> list[Piece]:
    """Cut a text at its spans and at its hidden characters.

    Args:
        text: all of it.
        spans: [start, end) in characters; None, and what lies outside, marks nothing.
    """
    known = [
        (number, max(span[0], 0), min(span[1], len(text)))
        for number, span in enumerate(spans)
        if span is not None
    ]
    cuts = sorted(
        {0, len(text), *(at for _, *ends in known for at in ends if 0 <= at <= len(text))}
    )
    found: list[Piece] = []
    for start, end in pairwise(cuts):
        marks = tuple(number for number, first, last in known if first <= start and end <= last)
        found += _seen(text[start:end], marks)
    return found


def hidden_name(character: str) -> str:
    """What a character is called that a person would not see; empty for one that they do."""
    if character in _PLAIN or not _is_hidden(character):
        return ""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}{' ' if name else ''}{name}"


def lookalikes(text: str) -> list[str]:
    """Words that may be read as others: of two scripts, or drawn like Latin ones.

    A hint for a person and no more: an honest text may hold such words.
    """
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii() or word in found:
            continue
        if _may_mislead(word):
            found[word] = None
        if len(found) == MAX_HINTS:
            break
    return list(found)


def scripts_of(word: str) -> list[str]:
    """The scripts of a word's letters, by their Unicode names."""
    return sorted({_script(letter) for letter in word})


def _may_mislead(word: str) -> bool:
    scripts = {_script(letter) for letter in word}
    mixed = len(scripts) > 1 and not scripts <= _TOGETHER
    return mixed or bool(scripts & _STYLED) or all(letter in _LIKE_LATIN for letter in word)


def _seen(text: str, marks: tuple[int, ...]) -> list[Piece]:
    found, start = [], 0
    for match in _UNUSUAL.finditer(text):
        name = hidden_name(match[0])
        if not name:
            continue
        if start < match.start():
            found.append(Piece(text[start : match.start()], marks))
        found.append(Piece(match[0], marks, name))
        start = match.end()
    if start < len(text):
        found.append(Piece(text[start:], marks))
    return found


@lru_cache(maxsize=4096)
def _is_hidden(character: str) -> bool:
    if character == " ":
        return False
    return unicodedata.category(character) in _SHOWS_NOTHING or ord(character) in _FILLERS


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split(" ")[0]
