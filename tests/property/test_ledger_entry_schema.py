"""The published schema of a leaf and the code that checks leaves say the same of every document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.entry import (
    HASH,
    ID,
    KEY_ID,
    KIND,
    NAME,
    TIME,
    WORD,
    from_b64url,
    leaf_problem,
)
from counterfoil.core.times import rfc3339
from counterfoil.resources import packaged

SCHEMA = json.loads((packaged("schemas") / "ledger_entry.json").read_text())
validator = jsonschema_rs.validator_for(SCHEMA)

words = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.from_regex(WORD, fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(NAME, fullmatch=True), inner, max_size=3)
    ),
    max_leaves=6,
)
names = st.lists(st.from_regex(NAME, fullmatch=True), max_size=3, unique=True)
hashes = st.binary(min_size=32, max_size=32).map(b64url)
leaves = names.flatmap(
    lambda fields: st.fixed_dictionaries(
        {
            "v": st.just(1),
            "event": st.from_regex(KIND, fullmatch=True),
            "event_id": st.from_regex(ID, fullmatch=True),
            "time": st.floats(0, 4_000_000_000).map(rfc3339),
            "origin": st.sampled_from(["ledger.example.test/00/log/a", "x", "~" * 512]),
            "tenant": st.text(max_size=128),
            "subject_key": st.binary(min_size=16, max_size=16).map(b64url)
            if fields
            else st.none() | st.binary(min_size=16, max_size=16).map(b64url),
            "decision_id": st.none() | st.from_regex(ID, fullmatch=True),
            "plain": st.dictionaries(st.from_regex(NAME, fullmatch=True), words, max_size=4),
            "commitments": st.fixed_dictionaries(dict.fromkeys(fields, hashes)),
            "sealed": st.fixed_dictionaries(dict.fromkeys(fields, hashes)),
        }
    )
)
others = st.sampled_from(
    [
        *(None, True, 0, 2, -1, 2**53, -(2**53), "", "x", "X", " ", "a b", "é", "a\n", "\u2028"),
        *("evt_" + "0" * 26, "evt_" + "0" * 25, "2026-01-01T00:00:00Z", "x" * 600, "t" * 129),
        *("2026-01-01T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z", "a" * 43, "A" * 43),
        *("A" * 22, "AAAAAAAAAAAAAAAAAAAAAB", [], {}, [" "], {"A": 1}, {"a": " "}, {"a": "A" * 43}),
        *({"a": {"b": [{"c": None}]}}, {"a": {"b": [{"c": " "}]}}, [[[["deep"]]]]),
    ]
)


@given(leaves)
def test_what_the_schema_allows_the_code_allows(leaf: dict[str, Any]) -> None:
    assert validator.is_valid(leaf)
    assert leaf_problem(leaf) is None
    assert leaf_problem(json.loads(canonical_bytes(leaf))) is None


@given(
    leaf=leaves,
    name=st.sampled_from([*SCHEMA["properties"], "more"]),
    value=others,
    remove=st.booleans(),
)
def test_schema_and_code_agree_on_changed_leaves(
    *, leaf: dict[str, Any], name: str, value: Any, remove: bool
) -> None:
    changed = {**leaf, name: value}
    if remove:
        del changed[name]
    problem = leaf_problem(changed)
    if problem in {
        "commitments and sealed name different fields",
        "sealed fields without a key",
    }:
        return  # what a schema cannot say of two members together
    assert validator.is_valid(changed) is (problem is None), problem


@given(st.recursive(others, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_code_judges_any_document_without_failing(value: Any) -> None:
    assert (leaf_problem(value) is None) is validator.is_valid(value)


def test_the_schema_names_exactly_the_fields_of_a_leaf() -> None:
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"])
    assert SCHEMA["unevaluatedProperties"] is False
    for name in SCHEMA["required"]:
        assert leaf_problem(dict.fromkeys(set(SCHEMA["required"]) - {name})) is not None


@given(st.binary(max_size=70))
def test_base64url_comes_back(data: bytes) -> None:
    assert from_b64url(b64url(data)) == data


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_only_the_one_spelling_of_a_hash_and_a_key_id_is_a_hash_and_a_key_id(
    hashed: bytes, key_id: bytes
) -> None:
    assert HASH.fullmatch(b64url(hashed))
    assert KEY_ID.fullmatch(b64url(key_id))
    assert TIME.fullmatch(rfc3339(0.0))


def test_the_schema_file_is_where_the_package_looks() -> None:
    assert Path(packaged("schemas") / "checkpoint.json").is_file()
