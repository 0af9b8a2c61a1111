"""docs/actions/shell.md says what is so: each row of its tables is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import codes
from shell_read import read_shell, rendered
from unit_tables import rows

TABLES = rows(Path(__file__).parents[4] / "docs" / "actions" / "shell.md")


@pytest.mark.parametrize("row", TABLES["sent"], ids=str)
def test_what_is_sent_runs_as_the_page_says(row: list[str]) -> None:
    assert rendered(row[0]) == row[1]


@pytest.mark.parametrize("row", TABLES["uncertain"], ids=str)
def test_what_the_page_calls_uncertain_is(row: list[str]) -> None:
    assert codes(read_shell(row[0])) == [row[1]]
