"""The parts of a command that reasons are about, quoted back to whoever wrote it.

An agent learns which of its own words were refused, and nothing that it did not send: no data
of policy, no other people's rights (docs/adr/0024-what-a-denial-tells.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from counterfoil.core.actions.contract import Unreadable, command_text
from counterfoil.core.case import Case
from counterfoil.core.model import JsonValue, Reason

MAX_PARTS: Final = 3
MAX_CHARACTERS: Final = 80


def parts_of(reason: Reason, case: Case) -> list[str]:
    """The places that a reason names, as text; none where it names none, or there is no text."""
    try:
        text = command_text(case.located.command)
    except Unreadable:
        return []
    quoted = (_short(text[start:end]) for start, end in _spans(reason, case))
    return list(dict.fromkeys(part for part in quoted if part))[:MAX_PARTS]


def _spans(reason: Reason, case: Case) -> Iterator[tuple[int, int]]:
    details = reason.details or {}
    listed = details.get("operations")
    for index in listed if isinstance(listed, list) else ():
        operations = case.reading.operations
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(operations):
            span = operations[index].span
            if span is not None:
                yield span
    place = _pair(details.get("span"))
    if place is not None:
        yield place


def _pair(value: JsonValue) -> tuple[int, int] | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:  # noqa: PLR2004
        return None
    start, end = value
    return (start, end) if isinstance(start, int) and isinstance(end, int) else None


def _short(part: str) -> str:
    flat = " ".join(part.split())
    return flat if len(flat) <= MAX_CHARACTERS else f"{flat[: MAX_CHARACTERS - 1]}…"
