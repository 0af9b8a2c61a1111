"""Findings name a place and a rule, and never repeat what stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import ConfigError, SchemaViolation
from counterfoil.schema_findings import MAX_FINDINGS, pointer_of
from counterfoil.schemas_registry import SchemaRegistry, arguments_check

SCHEMAS = SchemaRegistry.load(Path(__file__).parents[2] / "schemas")
MINIMAL: dict[str, Any] = {"action": {"name": "t", "properties": {"arguments": {}}}}
TOKEN = "eyJhbGciOiJFUzI1NiJ9." + "c2ln" * 30


def _findings(name: str, value: Any) -> list[tuple[str, ...]]:
    with pytest.raises(SchemaViolation) as caught:
        SCHEMAS.validator(name)(value)
    assert caught.value.findings
    assert (caught.value.pointer, caught.value.detail) == caught.value.findings[0][::2]
    return [tuple(finding) for finding in caught.value.findings]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([], "#"),
        (["a", 0, "b"], "#/a/0/b"),
        (["a/b", "m~n"], "#/a~1b/m~0n"),
        (["c%d", "e^f", "g|h", " ", 'k"l', "é"], "#/c%25d/e%5Ef/g%7Ch/%20/k%22l/%C3%A9"),
        ([""], "#/"),
    ],
)
def test_pointers_have_the_fragment_form_of_rfc_6901(path: list[str | int], expected: str) -> None:
    assert pointer_of(path) == expected


@pytest.mark.parametrize(
    ("document", "finding"),
    [
        ({}, ("#/action", "required", "is missing")),
        ({"action": []}, ("#/action", "type", "must be of type object")),
        (
            {"action": {**MINIMAL["action"], "name": "x" * 257}},
            ("#/action/name", "max_length", "must have at most 256 characters"),
        ),
        (
            {"action": {**MINIMAL["action"], "name": ""}},
            ("#/action/name", "min_length", "must have at least 1 characters"),
        ),
        ({**MINIMAL, "contxt": {}}, ("#/contxt", "unknown_member", "unknown member")),
        (
            {**MINIMAL, "context": {"approval": {}}},
            ("#/context/approval/id", "required", "is missing"),
        ),
    ],
)
def test_each_kind_of_finding_says_where_and_what(
    document: Any, finding: tuple[str, str, str]
) -> None:
    SCHEMAS.validator("authorization_request")(MINIMAL)  # the control
    assert _findings("authorization_request", document) == [finding]


def test_a_token_in_any_place_is_not_repeated() -> None:
    for document in (
        {**MINIMAL, TOKEN: 1},
        {**MINIMAL, "context": {TOKEN: TOKEN}},
        {**MINIMAL, "context": TOKEN},
        {"action": {"name": "t", "properties": {"arguments": TOKEN}}},
        {**MINIMAL, "context": {"call_id": TOKEN * 3, "agent": {TOKEN: {}}}},
    ):
        text = repr(_findings("authorization_request", document))
        assert TOKEN not in text
        assert TOKEN.partition(".")[2] not in text


def test_the_list_of_findings_is_bounded() -> None:
    document = {**MINIMAL, **{f"k{number}": number for number in range(100)}}
    assert len(_findings("authorization_request", document)) == MAX_FINDINGS


def test_arguments_are_held_to_the_schema_of_their_tool() -> None:
    check = arguments_check(
        {
            "type": "object",
            "required": ["sql"],
            "properties": {"sql": {"type": "string"}},
            "additionalProperties": False,
        }
    )
    assert check({"sql": "SELECT 1"}) is None
    assert check({}) == "#/sql is missing"
    assert check({"sql": 1}) == "#/sql must be of type string"
    assert check({"sql": "", "x": 1}) == "#/x unknown member"


@pytest.mark.parametrize(
    "schema", [{"type": 1}, {"$ref": "http://127.0.0.1:9/x.json"}, {"pattern": "("}]
)
def test_an_argument_schema_that_does_not_compile_stops_the_start(schema: Any) -> None:
    with pytest.raises(ConfigError):
        arguments_check(schema)
