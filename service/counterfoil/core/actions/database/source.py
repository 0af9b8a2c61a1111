"""The statement's text: bounds before the parser, exactly one statement, spans, names.

Checks, in this order, because each guards the next:
1. bytes: 16,384, 8 times below the shortest text seen to crash libpg_query;
2. characters: NUL ends the text for the C parser, so what follows it would run unread;
3. comment marks: nested comments cost the parser quadratic time;
4. the parser itself, PostgreSQL's own grammar;
5. one statement: the second one is what an injection adds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pgparse

from counterfoil.core.actions.contract import Limits, Unreadable, check_size
from counterfoil.core.actions.database.lists import KEYWORDS
from counterfoil.core.actions.database.tree import Node, as_node, kind_of

_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_COMMENT_MARKS = 64  # 8,192 nested `/*` take the parser 54 ms, 64 no time at all
MAX_NAME_BYTES = 62  # the server cuts at 63: a longer name may be another object's

_PART = r'(?:[uU]&)?(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
NAME = re.compile(rf"{_PART}(?:\s*\.\s*{_PART})*")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def parse_one(text: str, limits: Limits) -> tuple[str, Node]:
    """The kind and the fields of the one statement in `text`.

    Raises:
        Unreadable: a bound is passed, the grammar refuses, or there is not exactly one.
        RecursionError: nested deeper than the parser's tree can be read.
    """
    check_size(text, limits.sql_bytes)
    odd = _REFUSED.search(text)
    if odd is not None:
        detail = f"U+{ord(odd.group()):04X}"
        raise Unreadable("uncertain.sql_control_character", detail, odd.span())
    if text.count("/*") > MAX_COMMENT_MARKS:
        raise Unreadable("uncertain.too_deep", f"more than {MAX_COMMENT_MARKS} comments")
    try:
        statements = pgparse.parse(text)
    except pgparse.PGQueryError as refusal:
        raise Unreadable(
            "uncertain.sql_syntax", refusal.message, _around(text, refusal.position - 1)
        ) from refusal
    except ValueError as refusal:  # the tree is not JSON: a name cut inside a character
        raise Unreadable("uncertain.sql_syntax", "the parse tree cannot be read") from refusal
    if len(statements) != 1:
        raise _not_one(text, statements)
    return kind_of(as_node(as_node(statements[0]).get("stmt")))


def _not_one(text: str, statements: list[Mapping[str, object]]) -> Unreadable:
    if not statements:
        return Unreadable("uncertain.sql_empty")
    second = statements[1].get("stmt_location", 0)
    start = character(text, second if isinstance(second, int) else 0)
    return Unreadable(
        "uncertain.sql_several_statements", f"{len(statements)} statements", (start, len(text))
    )


def character(text: str, byte_offset: int) -> int:
    """The index in characters of a UTF-8 byte offset (the parser counts bytes)."""
    if text.isascii():
        return min(byte_offset, len(text))
    return len(text.encode()[:byte_offset].decode(errors="ignore"))


def span_at(text: str, byte_offset: int) -> tuple[int, int] | None:
    """The name that stands at `byte_offset`, as [start, end) in characters."""
    return None if byte_offset < 0 else _around(text, character(text, byte_offset))


def _around(text: str, start: int) -> tuple[int, int]:
    start = max(0, min(start, len(text)))
    name = NAME.match(text, start)
    return start, name.end() if name else min(start + 1, len(text))


def checked_name(name: str) -> str:
    """`name`, when every server reads it as we do.

    Raises:
        Unreadable: it may have been cut at 63 bytes, or it holds an upper-case letter
            beyond ASCII, which a server in a one-byte encoding folds and another does not.
    """
    if name.isascii():
        if len(name) > MAX_NAME_BYTES:
            raise Unreadable("uncertain.sql_name", "longer than 62 bytes")
    elif len(name.encode()) > MAX_NAME_BYTES or name != name.lower():
        raise Unreadable("uncertain.sql_name", "too long, or upper case beyond ASCII")
    return name


def quoted(name: str) -> str:
    """`name` as an SQL identifier, quoted only where the server's `quote_ident` would."""
    if _PLAIN.fullmatch(name) and name not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'
