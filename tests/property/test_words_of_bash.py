"""Words that are certain, against what real bash hands to a program."""

# ruff: noqa: S311
# Seeded choices, so that a failure can be repeated.

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.shell.words import Line, quoted, read_line
from evidence import record
from shell_read import words_of_a_program, words_of_bash

PIECES = (
    *"abcXY019_@%+=:,./-^~#!*?[]{}()<>&|;$`\"'\\ \t\n",
    *("'", '"', "\\", " ", "'a b'", '"a b"', '"a\\"b"', '"a\\\\b"', '"\\$x"', '"a\\nb"', "\\ "),
    *("\\\n", "\\'", "''", '""', "$x", "$(x)", "`x`", "$'a'", '$"a"', "~", "~/x", "a~", "a:~", "a=~"),
    *("{a,b}", "a{1..3}", "*", "?", "[a]", "!", "!!", "#", "a#b", " #c", "x=1", "-n", "--x=y", "2", "12"),
    *("&&", "||", "|", ";", "\n", ";;", "&", "2>&1", ">", ">>", "<", "<<", "<<<", ">&2", "&>", "|&", "<("),
    *("\u00e9", "'\u00e9'", '"\u4e2d"', "\u00a0", "\x01", "'\x07'", "\x7f", "\r", "time", "if", "coproc"),
)  # fmt: skip
JOINED = 40
"""So many lines go to one bash: a start costs more than they do."""


def bent(random: Random) -> str:
    return "SHOW " + "".join(random.choice(PIECES) for _ in range(random.randrange(1, 9)))


def read(text: str) -> Line | None:
    try:
        return read_line(text)
    except Unreadable:
        return None


def plain(line: Line | None) -> list[list[str]] | None:
    """Words of lines that print one row each: one list of commands, nothing redirected."""
    if line is None or set(line.operators) - {";"} or any(c.redirects for c in line.commands):
        return None
    if any(command.words[0] != "SHOW" for command in line.commands):
        return None
    return [command.words[1:] for command in line.commands]


def compared(seed: int, count: int, folder: Path) -> dict[str, Any]:
    random, found = Random(seed), Counter[str]()
    otherwise: list[str] = []
    batch: list[tuple[str, list[list[str]]]] = []
    while found["certain"] < count:
        text = bent(random)
        found["lines"] += 1
        words = plain(read(text))
        if words is None:
            continue
        found["certain"] += 1
        batch.append((text, words))
        if len(batch) == JOINED:
            otherwise += differences(batch, folder)
            batch = []
    return {**found, "read_otherwise": otherwise + differences(batch, folder)}


def differences(batch: list[tuple[str, list[list[str]]]], folder: Path) -> list[str]:
    """The lines of a batch that bash cuts otherwise; asked one by one where any differs."""
    text = "\n".join(line for line, _ in batch)
    wanted = [row for _, rows in batch for row in rows]
    if words_of_bash(text, folder) == wanted:
        return []
    return [repr(line) for line, rows in batch if words_of_bash(line, folder) != rows]


def test_words_are_those_of_bash(tmp_path: Path) -> None:
    assert compared(9, 800, tmp_path)["read_otherwise"] == []


def test_a_word_in_quotes_is_itself_to_bash(tmp_path: Path) -> None:
    random = Random(7)
    words = ["".join(random.choice(PIECES) for _ in range(6)) for _ in range(200)]
    text = "SHOW " + " ".join(quoted(word) for word in words)
    assert words_of_bash(text, tmp_path) == [words]
    assert words_of_a_program(text, tmp_path) == words


def test_an_expansion_that_is_read_as_text_would_be_seen(tmp_path: Path) -> None:
    """The oracle sees what a careless reader would miss."""
    assert words_of_bash("SHOW a{1,2} ~ $HOME", tmp_path) == [
        ["a1", "a2", "/home/nobody", "/home/nobody"]
    ]
    for text in ("SHOW a{1,2}", "SHOW ~", "SHOW $HOME", "SHOW *", "SHOW $(date)"):
        assert read(text) is None


@pytest.mark.prove
def test_a_hundred_thousand_lines(tmp_path: Path) -> None:
    found = compared(2026, 100_000, tmp_path)
    what = "bent command lines: the words of those that are certain, against real bash"
    record("shell_words", what, seed=2026, **found)
    assert found["read_otherwise"] == []
