"""The tables of a page of docs/, so that what it says can be tested row by row."""

from __future__ import annotations

from pathlib import Path


def rows(page: Path) -> dict[str, list[list[str]]]:
    """Each table's rows under the head of its first column; code marks are taken off."""
    tables: dict[str, list[list[str]]] = {}
    head: str | None = None
    for line in page.read_text("utf-8").splitlines():
        if not line.startswith("|"):
            head = None
            continue
        cells = [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
        if head is None:
            head = cells[0].strip()
            tables[head] = []
        elif not line.startswith("|---"):
            tables[head].append(cells)
    return tables
