"""One digest: the published vectors, and freezing that nobody can reach into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_counterfoil.canonical import action_digest, canonical, frozen_object, parsed

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "action_digest.json"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(VECTORS.read_text())
    return [vector for vector in found if "action_digest" in vector]


def test_there_are_vectors() -> None:
    assert len(vectors()) >= 5


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
def test_published_vector(vector: dict[str, Any]) -> None:
    value = vector["value"]
    assert canonical(value).decode() == vector["canonical"]
    assert action_digest(value, value["arguments"]) == vector["action_digest"]


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_frozen_object_is_its_own_copy(value: dict[str, Any]) -> None:
    try:
        frozen = frozen_object(value)
    except ValueError:
        return  # lone surrogates
    assert parsed(frozen) == value
    assert canonical(parsed(frozen)) == frozen


@pytest.mark.parametrize(
    "value",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {1: "a"},
        {"a": (1,)},
        {"a": {1}},
        {"a": "\ud800"},
        {"a": object()},
    ],
)
def test_what_json_cannot_carry_is_not_frozen(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- any of json's own
        frozen_object(value)
    frozen_object({"a": 1})  # control


def test_large_neighbouring_integers_differ() -> None:
    judged = {"action": {"name": "n", "family": "f"}}
    digests = {action_digest(judged, {"n": n}) for n in (2**60, 2**60 + 1)}
    assert len(digests) == 2
