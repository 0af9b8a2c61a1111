"""Ordinary work is read, not waved off: what ORMs emit, and corpora that are not ours to keep.

`COUNTERFOIL_CORPORA` names a folder of `*.sql` files in sub-folders (PostgreSQL's regression
tests, TPC-H, TPC-DS …) for `make prove`; without it only the ORMs' statements are measured.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pgparse
import pytest

from commands import read_sql
from counterfoil.core.actions.database.lexer import tokens
from evidence import record
from sql_oracle import missing

ORMS = json.loads(
    (Path(__file__).parents[1] / "corpora" / "orm_statements.json").read_text("utf-8")
)
REFUSED = {
    "uncertain.sql_cascade",  # only a catalogue tells what it reaches
    "uncertain.sql_index_owner",  # likewise
    "uncertain.sql_type",  # an enum that an earlier action made
    "uncertain.sql_function",  # set_config: Django sets the time zone of its session
}


def test_what_orms_emit_is_read_but_for_a_few_known_kinds() -> None:
    texts = [text for _, text in ORMS["statements"]]
    assert len(texts) >= 300
    doubts = Counter(
        reading.uncertain[0].code for text in texts if (reading := read_sql(text)).uncertain
    )
    assert set(doubts) <= REFUSED
    assert 1 - doubts.total() / len(texts) >= 0.97


def test_the_corpus_is_of_the_versions_that_its_capture_names() -> None:
    named = (Path(__file__).parents[1] / "orm_capture/requirements.txt").read_text("utf-8")
    pinned = dict(line.split("==") for line in named.splitlines() if "==" in line)
    made_by = {name: version for name, version in ORMS["made_by"].items() if name != "postgresql"}
    assert len(made_by) == 4
    assert made_by.items() <= pinned.items()


@pytest.mark.parametrize("source", sorted({source for source, _ in ORMS["statements"]}))
def test_no_orms_statement_is_read_as_weaker_than_its_tree(source: str) -> None:
    for origin, text in ORMS["statements"]:
        if origin == source:
            assert missing(text, read_sql(text)) == []


def statements(folder: Path) -> Iterator[str]:
    """Each statement of the folder's files; psql's own lines and COPY's data are left out."""
    for file in sorted(folder.rglob("*.sql")):
        kept, data = [], False
        for line in file.read_text("utf-8", "replace").split("\n"):
            if data:
                data = line != "\\."
            elif not line.startswith("\\"):
                kept.append(line)
                words = line.lower()
                data = "from stdin" in words and words.rstrip().endswith(";")
        text, start = "\n".join(kept), 0
        for token in tokens(text, 0, len(text)):
            if token.text == ";":
                yield text[start : token.end].strip()
                start = token.end


def measured(folder: Path) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    certain: Counter[str] = Counter()
    doubts: Counter[str] = Counter()
    weaker: list[str] = []
    for text in statements(folder):
        try:
            trees = pgparse.parse(text)
        except (pgparse.PGQueryError, ValueError):
            continue
        if not trees:
            continue
        kind = next(iter(trees[0]["stmt"]))
        reading = read_sql(text)
        kinds[kind] += 1
        if reading.uncertain:
            doubts[reading.uncertain[0].code] += 1
        else:
            certain[kind] += 1
            weaker += [text] if missing(text, reading) else []
    return {
        "valid": kinds.total(),
        "certain": certain.total(),
        "weaker_than_the_tree": weaker,
        "by_kind": {kind: f"{certain[kind]} of {count}" for kind, count in kinds.most_common(40)},
        "doubts": dict(doubts.most_common()),
    }


@pytest.mark.prove
@pytest.mark.skipif("COUNTERFOIL_CORPORA" not in os.environ, reason="no corpora at hand")
def test_corpora_crash_nothing_and_are_never_read_as_weaker() -> None:
    found = {
        folder.name: measured(folder)
        for folder in sorted(Path(os.environ["COUNTERFOIL_CORPORA"]).iterdir())
        if folder.is_dir()
    }
    texts = [text for _, text in ORMS["statements"]]
    certain = sum(not read_sql(text).uncertain for text in texts)
    record(
        "sql_coverage",
        "how much of corpora is read with certainty, without a catalogue",
        orms={"made_by": ORMS["made_by"], "valid": len(texts), "certain": certain},
        corpora=found,
    )
    assert found
    for name, measure in found.items():
        assert measure["certain"], name
        assert all("for update" in text.lower() for text in measure["weaker_than_the_tree"])
