"""What templates say of texts that others wrote: marked, made visible, and with hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from counterfoil.core.model import JsonValue
from counterfoil.core.visible import Piece, Span, lookalikes, pieces, scripts_of


def shown(text: str, spans: Sequence[Span | None] = ()) -> dict[str, Any]:
    """A text as pieces, and what a person should know of it."""
    parts = pieces(text, spans)
    return {"parts": parts, "hidden": sum(1 for part in parts if part.hidden), "hints": hints(text)}


def hints(text: str) -> list[str]:
    """One sentence for each word that may be read as another."""
    return [
        f"“{word}” holds letters of {' and '.join(scripts_of(word))}"
        if len(scripts_of(word)) > 1
        else f"“{word}” is written in {scripts_of(word)[0]}, and looks like other letters"
        for word in lookalikes(text)
    ]


def line(text: object) -> list[Piece]:
    """A short text for one line."""
    return pieces(str(text))


def as_text(value: JsonValue) -> str:
    """An argument as text: itself where it is text, else as JSON, whole."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def arguments_shown(
    arguments: Mapping[str, JsonValue], command: str | None, spans: Sequence[Span | None]
) -> list[dict[str, Any]]:
    """Every argument whole, the command first and marked."""
    names = sorted(arguments, key=lambda name: (name != command, name))
    return [
        {
            "name": name,
            "command": name == command,
            **shown(as_text(arguments[name]), spans if name == command else ()),
        }
        for name in names
    ]


def span_of(item: Mapping[str, Any]) -> Span | None:
    """The span of an operation, None where it has none."""
    span = item.get("span")
    return (int(span[0]), int(span[1])) if isinstance(span, Sequence) and len(span) == 2 else None  # noqa: PLR2004 -- start and end
