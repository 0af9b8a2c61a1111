"""docs/actions/http.md says what is so: each row of its tables is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import codes
from counterfoil.core.actions.http.hosts import power_of
from requests_read import read_request
from unit_tables import rows

PAGE = Path(__file__).parents[4] / "docs" / "actions" / "http.md"
TABLES = rows(PAGE)


@pytest.mark.parametrize("row", TABLES["sent"], ids=str)
def test_what_is_sent_runs_as_the_page_says(row: list[str]) -> None:
    execute = read_request(row[0]).execute
    assert execute is not None
    assert execute.arguments["url"] == row[1]


@pytest.mark.parametrize("row", TABLES["uncertain"], ids=str)
def test_what_the_page_calls_uncertain_is(row: list[str]) -> None:
    assert codes(read_request(row[0])) == [row[1]]


@pytest.mark.parametrize("row", TABLES["host"], ids=str)
def test_powers_are_those_of_the_page(row: list[str]) -> None:
    assert (power_of(row[0]) or "none") == row[1]
