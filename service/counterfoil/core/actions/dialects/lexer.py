"""What may stand in a text at all, character by character, before a parser sees it.

Each of these is read in one way on one server and in another on the next: MySQL's double
quotes (sql_mode ANSI_QUOTES) and backslashes (NO_BACKSLASH_ESCAPES), its comments that run
(`/*! */`), `--` without a blank, `||` (PIPES_AS_CONCAT), user variables. So they are refused,
whatever they would mean. The same rules hold for the canonical text, where no comment and no
bare name is left.

Sources: MySQL 8.4 manual §11.1, §11.2, §11.7, §7.1.11; sqlite.org/lang.html "Quirks".
"""

from __future__ import annotations

import re
from typing import Final

from counterfoil.core.actions.contract import Unreadable

MAX_DEPTH: Final = 24
"""Parentheses: sqlglot tries alternatives inside each, and recurses from about 200."""

MYSQL: Final = "mysql"
SQLITE: Final = "sqlite"

_CONTROL: Final = re.compile(
    r"[^\n\t\x20-\x7e\u00a1-\u061b\u061d-\u1fff\u2010-\u2027\u2030-\u205f\u2070-\ud7ff"
    r"\ue000-\ufdcf\ufdf0-\ufefe\uff00-\ufff8\ufffc\ufffd]"
)
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_COMMON: Final = rf"""
      (?P<space>[ \t\n]+)
    | (?P<line>--[ \t][^\n]*(?:\n|\Z)|--\n)
    | (?P<block>/\*(?![!+M])[^*/]*\*/)
    | (?P<string>'(?:[^'\\]|'')*')
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.]))
    | (?P<word>{_NAME})
    | (?P<tick>`{_NAME}`(?!`))
"""
_MARKS: Final = {
    MYSQL: r"<=>|<>|!=|<=|>=|-(?!-)|[+*/%(),.=<>;]",
    SQLITE: r"<>|!=|==|<=|>=|\|\||-(?!-)|[+*/%(),.=<>;]",
}
_QUOTED: Final = {MYSQL: "", SQLITE: rf'| (?P<quoted>"{_NAME}"(?!")|\[{_NAME}\])'}
_TOKENS: Final = {
    dialect: re.compile(
        f"{_COMMON} {_QUOTED[dialect]} | (?P<mark>{_MARKS[dialect]})", re.VERBOSE | re.ASCII
    )
    for dialect in (MYSQL, SQLITE)
}
_REASONS: Final = (
    ("/*!", "uncertain.sql_executable_comment"),
    ("/*M!", "uncertain.sql_executable_comment"),
    ("/*+", "uncertain.sql_executable_comment"),
    ("/*", "uncertain.sql_comment"),
    ("--", "uncertain.sql_comment"),
    ("#", "uncertain.sql_comment"),
    ('"', "uncertain.sql_quoting"),
    ("'", "uncertain.sql_quoting"),
    ("`", "uncertain.sql_dialect_name"),
    ("[", "uncertain.sql_dialect_name"),
    ("\\", "uncertain.sql_quoting"),
    ("||", "uncertain.sql_mode"),
    ("&&", "uncertain.sql_mode"),
    ("!", "uncertain.sql_mode"),
    ("@", "uncertain.sql_variable"),
    (":=", "uncertain.sql_variable"),
    ("?", "uncertain.sql_parameter"),
    (":", "uncertain.sql_parameter"),
    ("$", "uncertain.sql_parameter"),
)
_STRING_PREFIXES: Final = frozenset({"n", "x", "b"})


def listed(text: str) -> frozenset[str]:
    """The words of a list, as it is kept in the code."""
    return frozenset(text.split())


def scan(text: str, dialect: str) -> list[str]:
    """Check a text; returns its words (names, key words, values), lower case, in order.

    Raises:
        Unreadable: anything in it could be read in two ways.
    """
    bad = _CONTROL.search(text)
    if bad is not None:
        raise Unreadable("uncertain.sql_control_character", "", bad.span())
    tokens, at, depth, last = _TOKENS[dialect], 0, 0, ""
    words: list[str] = []
    while at < len(text):
        found = tokens.match(text, at)
        if found is None:
            raise _doubt(text, at)
        kind, token = found.lastgroup or "", found[0]
        if kind == "string":
            _check_string(last, text, at)
        if token == "(":  # noqa: S105 -- a parenthesis, no secret
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable("uncertain.too_deep", f"more than {MAX_DEPTH} levels")
        elif token == ")":  # noqa: S105
            depth -= 1
        if kind not in {"space", "line", "block"}:
            last = token if kind in {"word", "string"} else kind
            if kind in {"word", "string", "number", "tick", "quoted"}:
                words.append(_plain(kind, token))
        at = found.end()
    return words


def _plain(kind: str, token: str) -> str:
    """A word as it is compared: names and key words without quotes and case."""
    if kind in {"tick", "quoted"}:
        return token[1:-1].lower()
    return token.lower() if kind == "word" else token


def _check_string(last: str, text: str, at: int) -> None:
    """Two strings in a row are one; a word before one may be its character set or its type."""
    lowered = last.lower()
    if last.startswith("'") or lowered.startswith("_"):
        raise Unreadable("uncertain.sql_quoting", "two readings of a string", (at, at + 1))
    if lowered in _STRING_PREFIXES and at and text[at - 1] not in " \t\n":
        raise Unreadable("uncertain.sql_quoting", "a prefix of a string", (at, at + 1))


def _doubt(text: str, at: int) -> Unreadable:
    for start, code in _REASONS:
        if text.startswith(start, at):
            return Unreadable(code, start, (at, at + len(start)))
    code = "uncertain.sql_dialect_name" if ord(text[at]) > 127 else "uncertain.sql_construct"  # noqa: PLR2004
    return Unreadable(code, text[at], (at, at + 1))
