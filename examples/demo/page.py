"""What the demo prints: a page for people, with modest colour in a terminal and none elsewhere."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterable
from typing import TextIO

_RESET = "\x1b[0m"
_STYLES = {
    "title": "\x1b[1m",
    "quiet": "\x1b[2m",
    "good": "\x1b[32m",
    "bad": "\x1b[31m",
    "wait": "\x1b[33m",
    "plain": "",
}
_MIN_COLUMNS, _MAX_COLUMNS, _PIPE_COLUMNS = 60, 110, 100
_LABEL_COLUMNS = 10
TOLD_COLUMNS = 13
"""How far in the texts stand that `counterfoil trail` and `approvals` print."""
_MARGIN = "  "


class Page:
    """Prints at once, so that progress is visible wherever the output goes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._columns = max(
            _MIN_COLUMNS, min(shutil.get_terminal_size((_PIPE_COLUMNS, 0)).columns, _MAX_COLUMNS)
        )
        self._colour = wants_colour(out)
        self._tick = "✓" if _can_say("✓“”…·", out) else "ok:"

    def title(self, text: str) -> None:
        """Begin a part of the page."""
        self._put(f"\n{self._paint(text, 'title')}")

    def text(self, text: str, style: str = "plain") -> None:
        """Say something in whole sentences."""
        for line in textwrap.wrap(text, self._columns, break_on_hyphens=False):
            self._put(self._paint(line, style))

    def line(self, label: str, text: str, style: str = "plain") -> None:
        """Say what one party did, under its name; a long text goes on below itself."""
        room = self._columns - len(_MARGIN) - _LABEL_COLUMNS
        wrapped = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
        for number, part in enumerate(wrapped):
            name = f"{'' if number else label:<{_LABEL_COLUMNS}}"
            self._put(f"{_MARGIN}{self._paint(name, style)}{part}")

    def tick(self, claim: str) -> None:
        """Say what was checked and holds."""
        room = self._columns - len(_MARGIN) - len(self._tick) - 1
        for number, part in enumerate(textwrap.wrap(claim, room, break_on_hyphens=False)):
            mark = " " * len(self._tick) if number else self._tick
            self._put(f"{_MARGIN}{self._paint(mark, 'good')} {part}")

    def command(self, text: str, *, in_part: bool = False) -> None:
        """Show a command as it was typed; what it printed follows, or the lines that matter."""
        note = self._paint("   # in part", "quiet") if in_part else ""
        self._put(f"{_MARGIN}{self._paint('$ ' + text, 'title')}{note}")

    def quote(self, lines: Iterable[str], style: str = "quiet", *, hang: int = 2) -> None:
        """Show what a command printed; what is too long goes on `hang` columns further in."""
        room = self._columns - 2 * len(_MARGIN)
        for line in lines:
            below = " " * (len(line) - len(line.lstrip()) + hang)
            for part in textwrap.wrap(line, room, subsequent_indent=below, break_on_hyphens=False):
                self._put(f"{_MARGIN * 2}{self._paint(part, style)}")

    def gap(self) -> None:
        """Leave one line free."""
        self._put("")

    def _put(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def _paint(self, text: str, style: str) -> str:
        code = _STYLES[style]
        return f"{code}{text}{_RESET}" if self._colour and code and text.strip() else text


def wants_colour(out: TextIO) -> bool:
    """Whether to colour: in a terminal that can, where nobody asked not to (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _can_say(text: str, out: TextIO) -> bool:
    try:
        text.encode(out.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
