"""The tables of docs/actions are what the readers say today."""

from __future__ import annotations

import pytest

from action_pages import PAGES, TABLES, filled


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_it_is_read(name: str) -> None:
    page = (PAGES / TABLES[name][0]).read_text("utf-8")
    assert filled(name, page) == page, "write it anew: .venv/bin/python tests/action_pages.py"
    assert page.count("\n| ") > 5
