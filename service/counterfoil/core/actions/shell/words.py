"""Cuts a command line into commands of literal words, exactly as bash does, or not at all.

Certain are words of plain characters and of quotes in which nothing is expanded, the operators
`|`, `&&`, `||`, `;` and newline, and redirections of the first three descriptors. Everything
that bash would replace by something else (`$`, backticks, globs, `~`, braces, history) is
refused, and so is everything that is more than a list of pipelines. What runs is rendered anew
with every word in single quotes, so that nothing is left to expand (docs/actions/shell.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.actions.contract import Unreadable

MAX_CHARACTERS: Final = 4_096
MAX_COMMANDS: Final = 32
MAX_WORDS: Final = 512

Span = tuple[int, int]

# `~` is expanded at a word's start and after `:` and `=`; `#` begins a comment at its start.
_LETTERS: Final = r"[A-Za-z0-9_@%+=:,./^-]"
# Possessive: a word that does not end where it may is refused at once, not tried in every cut.
_PLAIN: Final = rf"{_LETTERS}++(?:(?:(?<=[A-Za-z0-9_^])~|#){_LETTERS}*+)*+"
_SINGLE: Final = r"'[^'\x00-\x08\x0b-\x1f\x7f]*+'"
_DOUBLE: Final = r'"(?:[^"\\$`\x00-\x08\x0b-\x1f\x7f]|\\[^\x00-\x08\x0b-\x1f\x7f])*+"'
_ESCAPE: Final = r"\\[\x20-\x7e]"
_PIECE: Final = re.compile(rf"({_PLAIN})|({_SINGLE})|({_DOUBLE})|({_ESCAPE})|\\\n")
_END: Final = r"(?=[ \t\n;|&<>]|\Z)"
_WHOLE: Final = re.compile(rf"{_PLAIN}{_END}")
_WORD: Final = re.compile(rf"(?:{_PLAIN}|{_SINGLE}|{_DOUBLE}|{_ESCAPE}|\\\n)++{_END}")
_TOKEN: Final = re.compile(
    r"(?P<gap>(?:[ \t]|\\\n)+)|(?P<comment>#[^\n\x00]*)"
    r"|(?P<operator>&&|\|\||\|(?!&)|;(?!;)|\n)"
    r"|(?P<copy>(?:2>&1|1?>&2)(?=[ \t\n;|&]|\Z))"
    r"|(?P<redirect>[012]?(?:>>|>(?![>&|(])|<(?![<>&(]))[ \t]*)"
    rf"|(?P<plain>(?![0-9]+[<>]){_PLAIN}{_END})"
)
_IN_DOUBLE: Final = re.compile(r'\\([$`"\\])|\\\n')
_DESCRIPTOR: Final = re.compile(r"[0-9]+[<>]")
_JOINS: Final = frozenset({"&&", "||", "|", ";"})


@dataclass(slots=True)
class Simple:
    """One simple command: words, and redirections as (operator, literal target).

    An operator is `<`, `>`, `>>`, `2>` or `2>>`, or `2>&1` and `>&2` with an empty target.
    """

    words: list[str] = field(default_factory=list)
    redirects: list[tuple[str, str]] = field(default_factory=list)
    start: int = 0
    end: int = 0
    named: bool = False  # the first word is written without quotes

    @property
    def span(self) -> Span:
        """Where it stands in the text."""
        return (self.start, self.end)


@dataclass(frozen=True, slots=True)
class Line:
    """Commands in their order; `operators[i]` stands between `commands[i]` and the next."""

    commands: tuple[Simple, ...]
    operators: tuple[str, ...]


def read_line(text: str) -> Line:
    """Read a whole command line.

    Raises:
        Unreadable: `uncertain.shell_syntax`, with the place where certainty ends.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable("uncertain.too_long", f"more than {MAX_CHARACTERS} characters")
    reading = _Reading(text)
    place, match = 0, _TOKEN.match
    while place < len(text):
        found = match(text, place)
        kind = found.lastgroup if found else ""
        if found is None:
            place = reading.word(place)
        elif kind == "plain":
            place = reading.add(found[0], place, found.end(), named=True)
        elif kind == "operator":
            place = reading.operator(found)
        elif kind == "redirect":
            place = reading.redirect(found)
        elif kind == "copy":
            place = reading.copy(found)
        else:
            place = found.end()
    return reading.line()


class _Reading:
    """What was read so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.commands: list[Simple] = []
        self.operators: list[str] = []
        self.current = Simple()
        self.count = 0

    def add(self, word: str, start: int, end: int, *, named: bool) -> int:
        """One more word of the current command."""
        current = self.current
        if not current.words:
            current.named = named
            self._begin(start)
        current.words.append(word)
        current.end = end
        self.count += 1
        if self.count > MAX_WORDS:
            raise Unreadable("uncertain.too_deep", f"more than {MAX_WORDS} words")
        return end

    def word(self, place: int) -> int:
        """A word with quotes in it, or what is none."""
        word, end = self._quoted(place)
        return self.add(word, place, end, named=False)

    def _quoted(self, place: int) -> tuple[str, int]:
        found = _WORD.match(self.text, place)
        if found is None or _DESCRIPTOR.match(self.text, place):
            end = place
            while piece := _PIECE.match(self.text, end):
                end = piece.end()
            raise _doubt("not a literal word", (end, min(end + 1, len(self.text))))
        return "".join(map(_literal, _PIECE.finditer(found[0]))), found.end()

    def operator(self, found: re.Match[str]) -> int:
        """`|`, `&&`, `||`, `;` or a newline, which may also mean nothing."""
        operator = found[0]
        empty = not self.current.words and not self.current.redirects
        if operator == "\n" and empty and (not self.operators or self.operators[-1] in _JOINS):
            return found.end()
        if not self.current.words:
            raise _doubt("an operator without a command before it", found.span())
        self.commands.append(self.current)
        self.operators.append(";" if operator == "\n" else operator)
        self.current = Simple()
        if len(self.commands) >= MAX_COMMANDS:
            raise Unreadable("uncertain.too_deep", f"more than {MAX_COMMANDS} commands")
        return found.end()

    def redirect(self, found: re.Match[str]) -> int:
        """A file for a descriptor."""
        sign = found[0].rstrip(" \t")
        number, sign = (sign[0], sign[1:]) if sign[0].isdigit() else ("", sign)
        if (sign == "<" and number not in {"", "0"}) or (sign != "<" and number == "0"):
            raise _doubt("an unusual redirection", found.span())
        whole = _WHOLE.match(self.text, found.end())
        word, end = (whole[0], whole.end()) if whole else self._quoted(found.end())
        self._begin(found.start())
        self.current.redirects.append((f"{'2' if number == '2' else ''}{sign}", word))
        self.current.end = end
        return end

    def copy(self, found: re.Match[str]) -> int:
        """One descriptor as a copy of another."""
        self._begin(found.start())
        self.current.redirects.append(("2>&1" if found[0] == "2>&1" else ">&2", ""))
        self.current.end = found.end()
        return found.end()

    def _begin(self, start: int) -> None:
        if not self.current.end:
            self.current.start = start

    def line(self) -> Line:
        """The whole line."""
        if self.current.words or self.current.redirects:
            self.commands.append(self.current)
        elif self.operators and self.operators[-1] == ";":
            self.operators.pop()
        elif self.operators:
            end = len(self.text)
            raise _doubt("an operator without a command after it", (end - 1, end))
        if not self.commands or not self.commands[-1].words:
            raise _doubt("no command", (0, len(self.text)))
        return Line(tuple(self.commands), tuple(self.operators))


def _literal(piece: re.Match[str]) -> str:
    plain, single, double, escape = piece.groups()
    if plain:
        return str(plain)
    if single:
        return str(single[1:-1])
    if double:
        return _IN_DOUBLE.sub(lambda found: found[1] or "", double[1:-1])
    return str(escape[1]) if escape else ""


def _doubt(why: str, span: Span) -> Unreadable:
    return Unreadable("uncertain.shell_syntax", why, span)


def quoted(word: str) -> str:
    """One word so that no shell finds anything in it but itself (POSIX 2.2.2)."""
    return "'" + word.replace("'", "'\\''") + "'"
