"""Bars as SVG, made here: no script draws, and nothing of a label is anything but text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.visible import Piece
from counterfoil.http.console.words import line

ROW_PIXELS: Final = 24
WIDTH_PIXELS: Final = 320
LABEL_PIXELS: Final = 130
MOST_BARS: Final = 8
LABEL_CHARACTERS: Final = 18
EFFECTS: Final = frozenset({"allow", "deny", "needs_approval", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar; `label` is short, `title` whole, `kind` a class of the style sheet or nothing."""

    label: str
    title: list[Piece]
    count: int
    width: int
    y: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure with its words."""

    name: str
    title: str
    bars: list[Bar]
    height: int


def chart(name: str, title: str, counts: Sequence[tuple[str, int]]) -> Chart:
    """Bars for the greatest counts, the rest in one."""
    first, rest = counts[:MOST_BARS], counts[MOST_BARS:]
    whole = [*first, ("others", sum(count for _, count in rest))] if rest else list(first)
    most = max((count for _, count in whole), default=1)
    room = WIDTH_PIXELS - LABEL_PIXELS - 50
    bars = [
        Bar(
            label=_short(label),
            title=line(label),
            count=count,
            width=max(round(room * count / most), 1),
            y=number * ROW_PIXELS,
            kind=label if label in EFFECTS else "",
        )
        for number, (label, count) in enumerate(whole)
    ]
    return Chart(name=name, title=title, bars=bars, height=max(len(bars), 1) * ROW_PIXELS)


def _short(text: str) -> str:
    seen = "".join(it.hidden.split(" ")[0] if it.hidden else it.text for it in line(text))
    return seen if len(seen) <= LABEL_CHARACTERS else seen[: LABEL_CHARACTERS - 1] + "…"
