"""Ordinary calls of HTTP APIs are read, and what is not read has a way on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from counterfoil.core.actions.uncertain import UNCERTAIN
from evidence import record
from requests_read import read_request

CORPUS = Path(__file__).parents[3] / "corpora" / "http_calls.txt"
PAGE = CORPUS.parents[2] / "docs" / "actions" / "http.md"
HEADER = re.compile(r" ([A-Za-z][A-Za-z-]+): ")
CERTAIN = 0.95


class Call(NamedTuple):
    kind: str
    method: str
    url: str
    more: dict[str, Any]


def calls() -> list[Call]:
    return [call(line) for line in CORPUS.read_text("utf-8").splitlines() if line[0] != "#"]


def call(line: str) -> Call:
    head, bar, body = line.partition(" | ")
    kind, method, rest = head.split(" ", 2)
    url, *pairs = HEADER.split(rest)
    more: dict[str, Any] = {"headers": dict(zip(pairs[::2], pairs[1::2], strict=True))}
    return Call(kind, method, url, more | ({"body": body} if bar else {}))


def judged() -> tuple[Counter[str], Counter[str], dict[str, str]]:
    """How many there are and how many are certain, by kind; and what is said of the others."""
    asked, certain, doubts = Counter[str](), Counter[str](), {}
    for item in calls():
        asked[item.kind] += 1
        reading = read_request(item.url, item.method, **item.more)
        if reading.uncertain:
            doubts[f"{item.method} {item.url}"] = reading.uncertain[0].code
        else:
            certain[item.kind] += 1
    return asked, certain, doubts


def test_ordinary_requests_are_certain() -> None:
    asked, certain, doubts = judged()
    assert asked.total() >= 140
    assert certain.total() >= CERTAIN * asked.total(), doubts
    for code in doubts.values():
        assert UNCERTAIN[code].solution
    said = (
        f"Of {asked.total()} ordinary calls (`tests/corpora/http_calls.txt`) {certain.total()} are"
    )
    assert said in PAGE.read_text("utf-8")


@pytest.mark.prove
def test_evidence_of_ordinary_requests() -> None:
    asked, certain, doubts = judged()
    record(
        "http_ordinary_work",
        "ordinary calls of HTTP APIs (tests/corpora/http_calls.txt): how many are certain, by kind",
        calls=dict(asked),
        certain=dict(certain),
        share=round(certain.total() / asked.total(), 3),
        uncertain=doubts,
    )
