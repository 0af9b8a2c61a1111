"""Where names and strings stand in the text, for what the parser gives no place.

PostgreSQL's own lexical rules (its scan.l) under `standard_conforming_strings = on`. Only
places come from here, never meanings: a place is used where the token there says what the
parse tree says, and a text that was changed at such a place is parsed and read again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from counterfoil.core.actions.database.lists import KEYWORDS

_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\n]+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<other_string>(?:[nNbBxX]|[uU]&)'(?:[^']|'')*'|[uU]&"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\d\w*(?:\.\w*)?|\$\d+)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|\\)")
_COMMENT: Final = re.compile(r"/\*|\*/")
_LOWER: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
)  # the server folds ASCII alone


def _unescaped(escape: re.Match[str]) -> str:
    """One escape of `U&"…"` under its usual escape character; another one is not found."""
    code = escape[1] or escape[2]
    if code is None:
        return "\\"
    number = int(code, 16)
    return chr(number) if number <= sys.maxunicode else ""


class Token(NamedTuple):
    """One token: what it is, its text, and its [start, end) in characters."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def name(self) -> str | None:
        """The identifier that it is, None for anything else."""
        if self.kind == "word":
            return self.text.translate(_LOWER)
        if self.kind == "other_string" and self.text.endswith('"'):
            return _ESCAPE.sub(_unescaped, self.text[3:-1].replace('""', '"'))
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else None

    @property
    def value(self) -> str | None:
        """The text of a plain string literal, None for anything else."""
        return self.text[1:-1].replace("''", "'") if self.kind == "string" else None


class Path(NamedTuple):
    """A dotted name: its parts and where it stands."""

    parts: tuple[str, ...]
    start: int
    end: int


def tokens(text: str, start: int, end: int) -> Iterator[Token]:
    """The tokens of a part of the text, without white space and comments."""
    at = start
    while at < end:
        found = _TOKEN.match(text, at, end)
        if found is None:  # cannot be: `mark` takes any character
            return
        kind = found.lastgroup or ""
        if kind == "comment":
            at = _after_comment(text, at, end)
            continue
        at = found.end()
        if found["dollar"] is not None:
            close = text.find(found["dollar"], at, end)
            at = end if close < 0 else close + len(found["dollar"])
            kind = "other_string"
        if kind != "space":
            yield Token(kind, text[found.start() : at], found.start(), at)


def _after_comment(text: str, at: int, end: int) -> int:
    depth = 0
    for mark in _COMMENT.finditer(text, at, end):
        depth += 1 if mark.group() == "/*" else -1
        if not depth:
            return mark.end()
    return end


def paths(found: Sequence[Token]) -> Iterator[Path]:
    """The dotted names among the tokens; reserved words alone are none."""
    at = 0
    while at < len(found):
        name = found[at].name
        dotted = at + 1 < len(found) and found[at + 1].text == "."
        if name is None or (found[at].kind == "word" and name in KEYWORDS and not dotted):
            at += 1
            continue
        first, parts = found[at], [name]
        while at + 2 < len(found) and found[at + 1].text == ".":
            following = found[at + 2].name
            if following is None:
                break
            parts.append(following)
            at += 2
        yield Path(tuple(parts), first.start, found[at].end)
        at += 1


def places(text: str, start: int, end: int, wanted: Sequence[Sequence[str]]) -> list[Path | None]:
    """Where each of the names stands, in their order; None from the first that is not found."""
    candidates = paths(list(tokens(text, start, end)))
    return [
        next((path for path in candidates if path.parts == tuple(name)), None) for name in wanted
    ]
