"""Reads YAML or JSON documents strictly: what readers disagree about is refused.

The API server (a go-yaml v2 fork), PyYAML and kubectl read 35 of 104 odd texts each in
its own way. What passes here, all read alike; and what runs is the canonical JSON of the
value that was read, never the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from counterfoil.core.actions.contract import Unreadable


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number with a fraction, as it was written. Only a quantity may be one."""

    text: str


Value: TypeAlias = "bool | int | str | Decimal | list[Value] | dict[str, Value] | None"
Document: TypeAlias = tuple[Value, tuple[int, int]]
"""A value, and where it stands in the text."""

MAX_DOCUMENTS: Final = 32
MAX_NODES: Final = 4_000  # 18,000 cost the event reader 109 ms
MAX_DEPTH: Final = 24

# Tab, NEL and the Unicode line ends: a line "in a comment" becomes a field in some readers.
# A carriage return is read alike where a line feed follows it.
_REFUSED_TEXT: Final = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]|\r(?!\n)"
)
_REFUSED_VALUE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})", re.ASCII)
# File modes: `0644` is octal to the server, and runs as the number that it is.
_OCTAL: Final = re.compile(r"0[0-7]{2,4}", re.ASCII)
# At most 15 digits: more would be rounded by the server, which reads a double.
_DECIMAL: Final = re.compile(r"-?(?=[0-9.]{3,16}\Z)(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
# What the server (a go-yaml v2 fork) takes for a number, and a little more: it drops every `_`
# first, so `0_o12` is 10. Whole matches only: `100m`, `1.4-alpine`, `10.0.0.5` and
# `10.0.0.5:80` are text to it; so are dates.
_ODD: Final = re.compile(
    r"(?!\d+(?:\.\d+){2,}\Z)[-+.]*[0-9][0-9.]*(?:[eE][-+]?[0-9.]*)?"
    r"|[-+.]*0[xXoObB][0-9a-fA-F.+-]*"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|~|=|<<|[yYnN]|",
    re.ASCII,
)
# kubectl cuts the text at every line that begins so, before any parser reads it.
_ODD_MARKER: Final = re.compile(r"^---(?! *(?:#.*)?\r?$)", re.MULTILINE)
_WORDS: Final = frozenset({"yes", "no", "on", "off", "true", "false", "null"})
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


def read_documents(text: str) -> list[Document]:
    """The values that `text` means to every reader, in order.

    Raises:
        Unreadable: readers may differ about it, or it holds no document, or too many.
        RecursionError: JSON nested beyond what the standard reader takes.
    """
    if text.lstrip(" \n").startswith("{"):
        value = _read_json(text)
        _check(value)
        return [(value, (0, len(text)))]
    odd = _REFUSED_TEXT.search(text)
    if odd is not None:
        raise Unreadable(
            "uncertain.manifest_control_character", f"U+{ord(odd.group()):04X}", odd.span()
        )
    marker = _ODD_MARKER.search(text)
    if marker is not None:
        raise Unreadable("uncertain.manifest_feature", "---", marker.span())
    return _Events(text).documents()


def _read_json(text: str) -> Value:
    try:
        value: Value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_number,
            parse_float=_decimal,
        )
    except ValueError as error:
        raise Unreadable("uncertain.manifest_syntax", "not strict JSON") from error
    return value


def _decimal(number: str) -> Decimal:
    if not _DECIMAL.fullmatch(number):
        _refuse_number(number)
    return Decimal(number)


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unreadable("uncertain.manifest_duplicate_key")
    return value


def _refuse_number(number: str) -> NoReturn:
    raise Unreadable("uncertain.manifest_scalar", number[:32])


def _check(value: Value) -> None:
    """Bounds and characters of a JSON value, which its reader does not know."""
    nodes = 0
    level: list[Value] = [value]
    for _ in range(MAX_DEPTH):
        following: list[Value] = []
        nodes += len(level)
        for item in level:
            if isinstance(item, dict):
                following += item.values()
                following += item.keys()
            elif isinstance(item, list):
                following += item
            elif isinstance(item, str):
                check_text(item)
        if not following:
            break
        level = following
    else:
        raise Unreadable("uncertain.too_deep")
    if nodes > MAX_NODES * 2:  # keys were counted too
        raise Unreadable("uncertain.too_deep")


def check_text(text: str, span: tuple[int, int] | None = None) -> None:
    """Refuse control characters and line separators that came out of an escape.

    Raises:
        Unreadable: there is one.
    """
    odd = _REFUSED_VALUE.search(text)
    if odd is not None:
        code = "uncertain.manifest_control_character"
        raise Unreadable(code, f"U+{ord(odd.group()):04X}", span)


class _Events:
    """Builds the value out of the C parser's events, by the strict rules."""

    def __init__(self, text: str) -> None:
        self._parser = yaml.CSafeLoader(text)
        self._nodes = 0

    def documents(self) -> list[Document]:
        try:
            found = self._documents()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            span = (mark.index, mark.index + 1) if mark is not None else None
            raise Unreadable("uncertain.manifest_syntax", "not valid YAML", span) from error
        finally:
            self._parser.dispose()
        if not found:
            raise Unreadable("uncertain.manifest_syntax", "no document")
        return found

    def _next(self) -> Event:
        event = self._parser.get_event()
        if event is None:  # after the stream's end
            raise Unreadable("uncertain.manifest_syntax", "no document")
        return event

    def _documents(self) -> list[Document]:
        found: list[Document] = []
        self._next()  # the stream's start
        while not isinstance(start := self._next(), StreamEndEvent):
            if not isinstance(start, DocumentStartEvent):
                raise Unreadable("uncertain.manifest_syntax", "no document", _span(start))
            if start.version is not None or start.tags:
                raise _feature("a directive", start)
            first = self._next()
            if not _is_nothing(first):
                begin = _span(first)
                value = self._value(first, 1)
                end = self._end()
                found.append((value, ((begin or end)[0], end[1])))
            else:
                self._end()
            if len(found) > MAX_DOCUMENTS:
                raise Unreadable("uncertain.too_deep", f"more than {MAX_DOCUMENTS} documents")
        return found

    def _end(self) -> tuple[int, int]:
        end = self._next()
        if isinstance(end, DocumentEndEvent) and end.explicit:
            raise _feature("...", end)
        return _span(end) or (0, 0)

    def _value(self, event: Event, depth: int) -> Value:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise Unreadable("uncertain.too_deep", "", _span(event))
        if isinstance(event, AliasEvent):
            raise _feature("an alias", event)
        if not isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            raise Unreadable("uncertain.manifest_syntax", "", _span(event))
        if event.anchor is not None:
            raise _feature("an anchor", event)
        if event.tag is not None:
            raise _feature("a tag", event)
        if isinstance(event, ScalarEvent):
            return _scalar(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(depth)
        return self._sequence(depth)

    def _mapping(self, depth: int) -> dict[str, Value]:
        result: dict[str, Value] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._value(event, depth)
            if not isinstance(key, str):
                raise Unreadable("uncertain.manifest_scalar", "a key", _span(event))
            if key == "<<":
                raise _feature("a merge key", event)
            if key in result:
                raise Unreadable("uncertain.manifest_duplicate_key", key[:64], _span(event))
            result[key] = self._value(self._next(), depth + 1)
        return result

    def _sequence(self, depth: int) -> list[Value]:
        result: list[Value] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            result.append(self._value(event, depth + 1))
        return result


def _scalar(event: ScalarEvent) -> Value:
    text: str = event.value
    if event.style:  # quoted or a block: text to every reader; '' is plain
        check_text(text, _span(event))
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text) and text != "-0":
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _ODD.fullmatch(text.replace("_", "")) or text.lower() in _WORDS:
        raise Unreadable("uncertain.manifest_scalar", text[:64], _span(event))
    return text


def _is_nothing(event: Event) -> bool:
    """A document of white space and comments: every reader passes over it."""
    if not isinstance(event, ScalarEvent):
        return False
    bare = event.anchor is None and event.tag is None
    return bare and not event.style and event.value == ""


def _span(event: Event) -> tuple[int, int] | None:
    start, end = event.start_mark, event.end_mark
    return None if start is None or end is None else (start.index, end.index)


def _feature(name: str, event: Event) -> Unreadable:
    return Unreadable("uncertain.manifest_feature", name, _span(event))
