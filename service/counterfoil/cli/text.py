"""What people, agents and commands said, as text that is safe to print."""

from __future__ import annotations

import json

from counterfoil.core.model import JsonValue


def opened(data: bytes) -> JsonValue:
    """A payload field as JSON where it is JSON, else as text."""
    text = data.decode(errors="replace")
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, (str, int, float)) else value


def members(value: JsonValue) -> dict[str, JsonValue]:
    """The members of an object; none of anything else."""
    return dict(value) if isinstance(value, dict) else {}


def items(value: JsonValue) -> list[JsonValue]:
    """The items of a list; none of anything else."""
    return list(value) if isinstance(value, list) else []


def compact(value: JsonValue) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def shown(text: str) -> str:
    """Text with everything escaped that a terminal could act on."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
