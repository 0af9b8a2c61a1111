"""The text: bounds before the parser, its statements, spans, names.

Checks, in this order, because each guards the next:
1. bytes: 16,384, 8 times below the shortest text seen to crash libpg_query;
2. characters: NUL ends the text for the C parser, so what follows it would run unread;
3. comment marks: nested comments cost the parser quadratic time;
4. the parser itself, PostgreSQL's own grammar;
5. every statement of the text, a bounded number of them: none is passed over.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import NamedTuple

import orjson
import pgparse

from counterfoil.core.actions.contract import Limits, Unreadable, check_size
from counterfoil.core.actions.database.lists import KEYWORDS
from counterfoil.core.actions.database.tree import Node, as_node, kind_of

# pgparse reads the tree that libpg_query writes with whatever stands here: the standard library's
# reader takes longer than the grammar itself (docs/adr/0055-reading-costs-less.md).
pgparse.json = SimpleNamespace(loads=orjson.loads)

_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_COMMENT_MARKS = 64  # 8,192 nested `/*` take the parser 54 ms, 64 no time at all
MAX_STATEMENTS = 64  # a migration has under 20; each is shown to whoever approves
MAX_NAME_BYTES = 62  # the server cuts at 63: a longer name may be another object's

_PART = r'(?:[uU]&)?(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
NAME = re.compile(rf"{_PART}(?:\s*\.\s*{_PART})*")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Statement(NamedTuple):
    """One statement of the text: its kind, its fields, its [start, end) in characters."""

    kind: str
    fields: Node
    start: int
    end: int


def parse_all(text: str, limits: Limits) -> list[Statement]:
    """All statements in `text`, in order; at least one.

    Raises:
        Unreadable: a bound is passed, the grammar refuses, or there is none.
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
    except ValueError as refusal:
        if str(refusal).startswith("depth limit"):  # orjson ends at 1,024 levels
            raise Unreadable("uncertain.too_deep") from refusal
        # the tree is not JSON: a name cut inside a character
        raise Unreadable("uncertain.sql_syntax", "the parse tree cannot be read") from refusal
    if not statements:
        raise Unreadable("uncertain.sql_empty")
    if len(statements) > MAX_STATEMENTS:
        raise Unreadable("uncertain.too_deep", f"more than {MAX_STATEMENTS} statements")
    return [_statement(text, as_node(item)) for item in statements]


def _statement(text: str, item: Node) -> Statement:
    kind, fields = kind_of(as_node(item.get("stmt")))
    place, length = item.get("stmt_location", 0), item.get("stmt_len")
    start, end = 0, len(text)
    if isinstance(length, int):
        first = place if isinstance(place, int) else 0
        start, end = character(text, first), character(text, first + length)
    elif isinstance(place, int) and place:
        start = character(text, place)
    while start < end and text[start] in " \t\n":
        start += 1
    return Statement(kind, fields, start, end)


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
