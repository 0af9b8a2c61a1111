"""The pages on clusters and registries say what the tests run."""

from __future__ import annotations

import pytest

from target_pages import PAGES, TABLES, written


@pytest.mark.parametrize("name", ["kubernetes", "registry"])
def test_the_tables_of_a_page_are_those_of_the_code(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text("utf-8")
    assert text == written(text), "run tests/target_pages.py"


def test_each_table_stands_on_a_page() -> None:
    text = "".join((PAGES / f"{name}.md").read_text("utf-8") for name in ("kubernetes", "registry"))
    assert all(f"<!-- table: {name} -->" in text for name in TABLES)
