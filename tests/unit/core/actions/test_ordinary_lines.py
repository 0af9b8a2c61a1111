"""Ordinary command lines are read, and each that is not has a way to be written that is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from counterfoil.core.actions.uncertain import UNCERTAIN
from evidence import record
from shell_read import read_shell

CORPUS = Path(__file__).parents[3] / "corpora" / "shell_lines.txt"
PAGE = CORPUS.parents[2] / "docs" / "actions" / "shell.md"
CERTAIN = 0.6


def lines() -> list[tuple[str, str]]:
    rows = [row for row in CORPUS.read_text("utf-8").splitlines() if not row.startswith("#")]
    return [(row.partition(" ")[0], unescaped(row.partition(" ")[2])) for row in rows]


def unescaped(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")


def judged() -> tuple[Counter[str], Counter[str], dict[str, str]]:
    """How many there are and how many are certain, by kind; and what is said of the others."""
    asked, certain, doubts = Counter[str](), Counter[str](), {}
    for kind, line in lines():
        asked[kind] += 1
        reading = read_shell(line)
        if reading.uncertain:
            doubts[line] = reading.uncertain[0].code
        else:
            certain[kind] += 1
    return asked, certain, doubts


def test_ordinary_lines_are_certain_and_the_others_have_a_rewrite() -> None:
    asked, certain, doubts = judged()
    assert asked.total() >= 300
    assert certain.total() >= CERTAIN * asked.total(), Counter(doubts.values())
    for line, code in doubts.items():
        assert UNCERTAIN[code].solution, line
        assert code != "uncertain.shell_syntax", line  # each names what it is about
    said = (
        f"Of {asked.total()} ordinary lines (`tests/corpora/shell_lines.txt`) {certain.total()} are"
    )
    assert said in PAGE.read_text("utf-8")


@pytest.mark.prove
def test_evidence_of_ordinary_lines() -> None:
    asked, certain, doubts = judged()
    record(
        "shell_ordinary_work",
        "ordinary lines of coding agents (tests/corpora/shell_lines.txt): how many are certain, by kind",
        lines=dict(asked),
        certain=dict(certain),
        share=round(certain.total() / asked.total(), 3),
        uncertain=doubts,
    )
