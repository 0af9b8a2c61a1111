"""Approve similar: a person's answer in advance to actions that differ in a few words only.

    given ──an action that fits──▶ used (times) ──▶ used up
      └──▶ ended by somebody, or by time

A template is an approved action's own arguments with holes. What stood in a hole was a whole
word of an argument, once; what may stand there is of one type:

    one_of   some words, each written out
    prefix   words that begin so
    number   whole numbers between two bounds, written plainly

Everything else of the arguments is equal, character for character. What comes to stand in a
hole is one word of ASCII letters, digits and underscores, so it ends nothing and begins nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue, SimilarTerms
from counterfoil.errors import TemplateUnusable

_WORD: Final = re.compile(r"[A-Za-z0-9_]{1,63}", re.ASCII)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)

Words: TypeAlias = Mapping[str, str]
"""What stood in each hole → what stands there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """One word of one argument that may be another; exactly one of the three types is set."""

    argument: str
    value: str
    one_of: tuple[str, ...] | None = None
    prefix: str | None = None
    number: tuple[int, int] | None = None

    def takes(self, word: str) -> bool:
        """Whether this word may stand here."""
        if not _WORD.fullmatch(word):
            return False
        if self.one_of is not None:
            return word in self.one_of
        if self.prefix is not None:
            return word.startswith(self.prefix)
        if self.number is None or not _NUMBER.fullmatch(word):
            return False
        return self.number[0] <= int(word) <= self.number[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a person approved in advance; `person` is None where they were erased.

    `version` is the number of its events, `until` in seconds since the epoch.
    """

    id: str
    holes: tuple[Hole, ...]
    uses: int
    until: int
    person: tuple[str, str] | None
    groups: tuple[str, ...]
    used: int = 0
    ended: bool = False

    @property
    def version(self) -> int:
        """How many events it has."""
        return 1 + self.used + self.ended

    def is_open(self, now: float) -> bool:
        """Whether it still answers."""
        known = self.person is not None and bool(self.holes)
        return known and not self.ended and self.used < self.uses and now < self.until

    def with_use(self) -> Template:
        """One use later."""
        return replace(self, used=self.used + 1)


def read_holes(value: JsonValue) -> tuple[Hole, ...]:
    """The holes of `schemas/approval_answer.json`, or of the record."""
    return tuple(_hole(cast("JsonObject", item)) for item in cast("Sequence[JsonValue]", value))


def holes_json(holes: Sequence[Hole]) -> list[JsonValue]:
    """As they came."""
    found: list[JsonValue] = []
    for hole in holes:
        kind: JsonObject = {}
        if hole.one_of is not None:
            kind = {"one_of": list(hole.one_of)}
        elif hole.prefix is not None:
            kind = {"prefix": hole.prefix}
        elif hole.number is not None:
            kind = {"number": {"least": hole.number[0], "most": hole.number[1]}}
        found.append({"argument": hole.argument, "value": hole.value, **kind})
    return found


def check_template(
    holes: Sequence[Hole], arguments: JsonObject, *, uses: int, seconds: int, terms: SimilarTerms
) -> None:
    """Whether these holes fit the action that is answered, within what policy lets be given.

    Raises:
        TemplateUnusable: more or longer than policy lets; a hole that is not one whole word of
            its argument, or a word that would not fit its own hole; two holes for one word.
    """
    if uses > terms.uses or seconds > terms.seconds:
        raise TemplateUnusable(f"at most {terms.uses} uses within {terms.seconds} seconds")
    if len({hole.value for hole in holes}) != len(holes):
        raise TemplateUnusable("each hole has a word of its own")
    if any(not hole.takes(hole.value) for hole in holes):
        raise TemplateUnusable("what was asked for does not fit its own hole")
    if words_of(holes, arguments, arguments) is None:
        raise TemplateUnusable("a hole is one whole word, once in its argument")


def words_of(holes: Sequence[Hole], asked: JsonObject, now: JsonObject) -> Words | None:
    """What stands in each hole of the arguments `now`; None where they are not `asked` with holes.

    Neither side's arguments have another member, and nothing beside the holes differs.
    """
    if asked.keys() != now.keys() or not {hole.argument for hole in holes} <= asked.keys():
        return None
    found: dict[str, str] = {}
    for name, text in asked.items():
        own = [hole for hole in holes if hole.argument == name]
        if not own:
            # Bytes, for Python has True == 1 and 1 == 1.0.
            if canonical_bytes(text, floats=True) != canonical_bytes(now[name], floats=True):
                return None
            continue
        words = _words_of_text(own, text, now[name])
        if words is None:
            return None
        found |= words
    return found


def _words_of_text(holes: Sequence[Hole], asked: JsonValue, now: JsonValue) -> Words | None:
    if not isinstance(asked, str) or not isinstance(now, str):
        return None
    places: list[tuple[int, Hole]] = []
    for hole in holes:
        found = [m.start() for m in _whole(hole.value).finditer(asked)]
        if len(found) != 1:
            return None
        places.append((found[0], hole))
    pattern, at = "", 0
    ordered = sorted(places, key=lambda place: place[0])
    for start, hole in ordered:
        pattern += re.escape(asked[at:start]) + "([A-Za-z0-9_]{1,63})"
        at = start + len(hole.value)
    match = re.fullmatch(pattern + re.escape(asked[at:]), now, re.ASCII)
    if match is None:
        return None
    words = zip((hole for _, hole in ordered), match.groups(), strict=True)
    found_words = {hole.value: word for hole, word in words if hole.takes(word)}
    return found_words if len(found_words) == len(holes) else None


def same_but_for(words: Words, asked: JsonValue, now: JsonValue) -> bool:
    """Whether two readings are the same, but that each hole's word became the other.

    Places in the text (`span`) are left out: they move with a word's length.
    """
    if isinstance(asked, Mapping) and isinstance(now, Mapping):
        names = asked.keys() - {"span"}
        return names == now.keys() - {"span"} and all(
            same_but_for(words, asked[name], now[name]) for name in names
        )
    if isinstance(asked, list) and isinstance(now, list):
        return len(asked) == len(now) and all(
            same_but_for(words, one, other) for one, other in zip(asked, now, strict=True)
        )
    if isinstance(asked, str) and isinstance(now, str):
        return now == _put(words, asked)
    if isinstance(asked, bool) or isinstance(now, bool) or type(asked) is not type(now):
        return asked is now
    return asked == now or words.get(str(asked)) == str(now)


def _put(words: Words, text: str) -> str:
    """All words of a text exchanged at once: none is put where another has just been."""
    return re.sub(r"[A-Za-z0-9_]+", lambda m: words.get(m[0], m[0]), text)


def _whole(word: str) -> re.Pattern[str]:
    """The word where no letter, digit or underscore of any script stands beside it."""
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def _hole(value: JsonObject) -> Hole:
    one_of, number = value.get("one_of"), value.get("number")
    bounds = cast("Mapping[str, float]", number)
    return Hole(
        argument=cast("str", value["argument"]),
        value=cast("str", value["value"]),
        one_of=None if one_of is None else tuple(cast("Sequence[str]", one_of)),
        prefix=cast("str | None", value.get("prefix")),
        number=None if number is None else (int(bounds["least"]), int(bounds["most"])),
    )
