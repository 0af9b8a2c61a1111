"""Smaller or plainer texts that might be allowed where a text is not: supposed, never run.

Each comes from the text's own tokens by one or a few small steps, and means nothing until
the reader has read it and policy has judged it. Whoever asks drops what reaches further than
the text that was sent (`core/remedy.narrower`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

from counterfoil.core.actions.database.lexer import Token, tokens
from counterfoil.core.actions.database.lists import KEYWORDS
from counterfoil.core.model import JsonValue, Operation, Uncertainty

KEY_VALUE: Final = "0"  # stands for the row that is meant: which one is the person's to say
_MAX_SCHEMAS: Final = 4
_KEYED: Final = frozenset({"update", "delete"})

Text = tuple[str, str]
"""What was done, and the text."""
_Limits = Sequence[Mapping[str, JsonValue]]
_Step = tuple[str, tuple[tuple[int, int, str], ...]]


def without_statements(text: str, offending: Sequence[tuple[int, int]]) -> Iterator[Text]:
    """The text without the statements in which the offending places lie."""
    parts = _statements(text)
    kept = [part for part in parts if not any(part[0] <= start < part[1] for start, _ in offending)]
    if kept and len(kept) < len(parts):
        yield (
            "leave the refused statement out",
            "; ".join(text[start:end].strip() for start, end in kept),
        )


def qualified(text: str, doubts: Sequence[Uncertainty], schemas: Sequence[str]) -> Iterator[Text]:
    """The text with a schema before the name whose place is not sure."""
    spans = [item.span for item in doubts if item.code == "uncertain.sql_unqualified_name"]
    if len(spans) != 1 or spans[0] is None:
        return
    start, _ = spans[0]
    for schema in schemas[:_MAX_SCHEMAS]:
        yield "name the schema", f"{text[:start]}{_quoted(schema)}.{text[start:]}"


def held_to_limits(
    text: str, operations: Sequence[Operation], access: Mapping[str, JsonValue]
) -> Iterator[Text]:
    """The text held to the limits of the rights to its operations: columns, rows, keys.

    Args:
        text: one statement.
        operations: what it does.
        access: the tenant's `database` data.
    """
    found = list(tokens(text, 0, len(text)))
    if len(_statements(text)) != 1:
        return
    steps: list[_Step] = []
    for operation in operations:
        limits = _limits(operation, access)
        if operation.verb == "select" and operation.span is not None:
            steps += _columns(found, operation, limits)
            steps += _rows(text, found, operation, limits)
        if operation.verb in _KEYED:
            steps += _key(text, found, operation, limits)
    for count in range(1, len(steps) + 1):
        for chosen in combinations(steps, count):
            edits = [edit for _, part in chosen for edit in part]
            yield ", ".join(name for name, _ in chosen), _edited(text, edits)


def _limits(operation: Operation, access: Mapping[str, JsonValue]) -> _Limits:
    at: JsonValue = access
    for name in ("database", "schema", "kind"):
        at = at.get(str(operation.object.get(name))) if isinstance(at, Mapping) else None
    rights = at.get(operation.verb) if isinstance(at, Mapping) else None
    values = rights.values() if isinstance(rights, Mapping) else ()
    return [value for value in values if isinstance(value, Mapping)]


def _columns(found: Sequence[Token], operation: Operation, limits: _Limits) -> Iterator[_Step]:
    """Name open columns in place of `*`, or leave closed ones out of the list."""
    name = operation.object.get("name")
    closed: set[str] = set()
    for limit in limits:
        per_table = limit.get("not_columns")
        listed = per_table.get(str(name)) if isinstance(per_table, Mapping) else None
        closed |= set(listed) if isinstance(listed, Mapping) else set()
    if not closed:
        return
    stars = [
        i
        for i, token in enumerate(found)
        if i and token.text == "*" and found[i - 1].name == "select"
    ]
    if len(stars) == 1 and operation.columns:
        columns = [column for column in operation.columns if column not in closed]
        if columns:
            star = found[stars[0]]
            listing = ", ".join(_quoted(column) for column in columns)
            yield "name the columns", ((star.start, star.end, listing),)
        return
    start = next((i for i, token in enumerate(found) if token.name == "from"), len(found))
    edits = []
    for i, token in enumerate(found[:start]):
        if token.name not in closed:
            continue
        first = i - 2 if found[i - 1].text == "." else i
        if found[first - 1].text == ",":
            edits.append((found[first - 1].start, token.end, ""))
        elif i + 1 < len(found) and found[i + 1].text == ",":
            edits.append((found[first].start, found[i + 1].end, ""))
    if edits:
        yield "leave the closed columns out", tuple(edits)


def _rows(
    text: str, found: Sequence[Token], operation: Operation, limits: _Limits
) -> Iterator[_Step]:
    most = max(
        (rows for limit in limits if isinstance(rows := limit.get("max_rows"), int)), default=None
    )
    limited = operation.details.get("limit")
    if most is None or (isinstance(limited, int) and limited <= most):
        return
    places = [i for i, token in enumerate(found) if token.name == "limit"]
    if places and places[-1] + 1 < len(found):
        number = found[places[-1] + 1]
        yield f"ask for {most} rows", ((number.start, number.end, str(most)),)
    elif not places:
        end = _end(text, found)
        yield f"ask for {most} rows", ((end, end, f" LIMIT {most}"),)


def _key(
    text: str, found: Sequence[Token], operation: Operation, limits: _Limits
) -> Iterator[_Step]:
    keys = list(_keys(str(operation.object.get("name")), limits))
    returning = next((token.start for token in found if token.name == "returning"), None)
    at = _end(text, found) if returning is None else returning
    where = any(token.name == "where" for token in found)
    space = "" if returning is None else " "
    for key in keys[:1]:
        condition = " AND ".join(f"{_quoted(column)} = {KEY_VALUE}" for column in key)
        word = "AND" if where else "WHERE"
        lead = " " if returning is None else ""
        yield "say which row by its key", ((at, at, f"{lead}{word} {condition}{space}"),)


def _keys(name: str, limits: _Limits) -> Iterator[list[str]]:
    for limit in limits:
        per_table = limit.get("keys")
        listed = per_table.get(name) if isinstance(per_table, Mapping) else None
        for key in listed if isinstance(listed, list) else ():
            if isinstance(key, list):
                yield [str(column) for column in key]


def _statements(text: str) -> list[tuple[int, int]]:
    """The places of the statements, split at semicolons outside of names and strings."""
    parts, start, last = [], 0, None
    for token in tokens(text, 0, len(text)):
        if token.text == ";":
            if last is not None:
                parts.append((start, token.start))
            start, last = token.end, None
        else:
            last = token
    if last is not None:
        parts.append((start, last.end))
    return parts


def _end(text: str, found: Sequence[Token]) -> int:
    last = next((token for token in reversed(found) if token.text != ";"), None)
    return len(text) if last is None else last.end


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _quoted(name: str) -> str:
    plain = name.isascii() and name.islower() and name.isidentifier() and name not in KEYWORDS
    return name if plain else '"' + name.replace('"', '""') + '"'
