"""The tree that orjson reads is the one that the standard library would read."""

from __future__ import annotations

import json

import orjson
import pgparse
import pytest

from commands import doubt
from sql_attacks import ATTACKS
from sql_jobs import JOBS


def test_each_tree_is_the_same_by_either_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*JOBS, *ATTACKS.values()]
    assert pgparse.json.loads is orjson.loads

    def trees() -> list[object]:
        found: list[object] = []
        for text in texts:
            try:
                found.append(pgparse.parse(text))
            except pgparse.PGQueryError as refusal:
                found.append(refusal.message)
            except (ValueError, RecursionError):  # half a character, or deeper than either reads
                found.append(None)
        return found

    quick = trees()
    monkeypatch.setattr(pgparse, "json", json)
    assert trees() == quick


@pytest.mark.parametrize("sql", ["SELECT 1" + "+1" * 3_000, "SELECT " + "NOT " * 2_000 + "true"])
def test_a_tree_too_deep_for_its_reader_is_doubted(sql: str) -> None:
    assert doubt(sql) == "uncertain.too_deep"
