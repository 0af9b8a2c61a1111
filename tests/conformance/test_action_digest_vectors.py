"""The published vectors of the action digest hold, and each part of the action is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.canonical import (
    NotCanonical,
    action_digest,
    canonical_bytes,
    judged_action,
    reference_bytes,
)
from counterfoil.core.model import Actor, Resource, Subject

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "action_digest.json").read_text(encoding="utf-8")
)


def computed(value: dict[str, Any]) -> str:
    actor, resource = value["actor"], value["resource"]
    judged = judged_action(
        tenant=value["tenant"],
        subject=Subject(issuer=value["subject"]["iss"], sub=value["subject"]["sub"]),
        actor=actor and Actor(issuer=actor["iss"], sub=actor["sub"]),
        name=value["action"]["name"],
        family=value["action"]["family"],
        resource=resource and Resource(**resource),
    )
    return action_digest(judged, value["arguments"], floats=True)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_published_vector_holds(vector: dict[str, Any]) -> None:
    assert canonical_bytes(vector["value"], floats=True).decode() == vector["canonical"]
    assert computed(vector["value"]) == vector["action_digest"]


@pytest.mark.parametrize(
    ("path", "other"),
    [
        (("tenant",), "other"),
        (("subject", "iss"), "https://idp.example.com/"),
        (("subject", "sub"), "Alice"),
        (("actor", "iss"), "x"),
        (("actor", "sub"), "x"),
        (("actor",), None),
        (("action", "name"), "run_sql2"),
        (("action", "family"), "shell"),
        (("resource", "type"), "x"),
        (("resource", "id"), "x"),
        (("resource", "location"), "x"),
        (("resource",), None),
        (("arguments", "sql"), "CREATE TABLE public.invoices (id int) "),
    ],
    ids=lambda v: ".".join(v) if isinstance(v, tuple) else "",
)
def test_each_part_of_the_action_changes_the_digest(path: tuple[str, ...], other: object) -> None:
    value = json.loads(json.dumps(VECTORS[0]["value"]))
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = other
    assert computed(VECTORS[0]["value"]) == VECTORS[0]["action_digest"]
    assert computed(value) != VECTORS[0]["action_digest"]


@pytest.mark.parametrize("value", [{"x": 1.5}, {"x": [1.0]}, {"x": {"y": 1e3}}])
def test_undeclared_fraction_has_no_canonical_form(value: dict[str, Any]) -> None:
    assert canonical_bytes({"x": 1}) == b'{"x":1}'
    with pytest.raises(NotCanonical):
        canonical_bytes(value)


@pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}])
def test_value_outside_json_has_no_canonical_form(value: dict[str, Any]) -> None:
    with pytest.raises(NotCanonical):
        canonical_bytes(value, floats=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_fast_form_is_the_reference_form(value: Any) -> None:
    def outcome(make: Callable[[Any], bytes]) -> bytes | None:
        try:
            return make(value)
        except NotCanonical:
            return None

    assert outcome(lambda v: canonical_bytes(v, floats=True)) == outcome(reference_bytes)


@given(json_values, json_values)
def test_canonical_form_is_injective_and_reads_back(left: Any, right: Any) -> None:
    assert json.loads(canonical_bytes(left)) == left
    same = canonical_bytes(left) == canonical_bytes(right)
    assert same == (json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True))
