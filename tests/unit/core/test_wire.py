"""Shapes and model cannot drift, and nothing in a body is proof of identity."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core.model import AuthorizationRequest, Context, OutcomeReport
from counterfoil.core.wire import RequestReader
from counterfoil.errors import BodyTooLarge, SchemaViolation
from counterfoil.schemas_registry import SchemaRegistry

SCHEMAS = SchemaRegistry.load(Path(__file__).parents[3] / "schemas")
READER = RequestReader(
    max_bytes=65_536,
    validate_request=SCHEMAS.validator("authorization_request"),
    validate_batch=SCHEMAS.validator("authorization_batch"),
    validate_outcome=SCHEMAS.validator("outcome"),
)
REQUEST_SCHEMAS = ["authorization_request", "authorization_batch", "outcome"]
MINIMAL = {"action": {"name": "run_sql", "properties": {"arguments": {}}}}


def _full(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """A value that holds every member which the schema names."""
    if "$ref" in schema:
        return _full(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: _full(item, root) for name, item in schema.get("properties", {}).items()}
    if schema["type"] == "integer":
        return 7
    return "A" * schema.get("minLength", 43)


def _body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_every_member_of_a_request_reaches_the_model() -> None:
    schema = SCHEMAS.schemas["authorization_request"]
    (request,) = READER.read(_body(_full(schema, schema)), batch=False)
    assert isinstance(request, AuthorizationRequest)
    for value in (request, request.context):
        for field in dataclasses.fields(value):
            assert getattr(value, field.name) is not None, field.name
    # Whether a prompt is the run's own, no request can say.
    names = {field.name for field in dataclasses.fields(Context)} - {"approval_id", "prompt_of_run"}
    assert names | {"approval"} == set(schema["$defs"]["context"]["properties"])


def test_every_member_of_an_outcome_reaches_the_model() -> None:
    schema = SCHEMAS.schemas["outcome"]
    report = READER.read_outcome(_body(_full(schema, schema)))
    assert {field.name for field in dataclasses.fields(OutcomeReport)} == set(schema["properties"])
    assert None not in dataclasses.astuple(report)


def test_a_batch_keeps_the_order_of_its_items() -> None:
    items = [
        {"action": {"name": f"tool_{n}", "properties": {"arguments": {"n": n}}}} for n in range(16)
    ]
    requests = READER.read(_body({"actions": items}), batch=True)
    assert [(r.action_name, r.arguments) for r in requests] == [
        (f"tool_{n}", {"n": n}) for n in range(16)
    ]


@pytest.mark.parametrize("count", [0, 17])
def test_a_batch_is_bounded(count: int) -> None:
    with pytest.raises(SchemaViolation):
        READER.read(_body({"actions": [MINIMAL] * count}), batch=True)


@pytest.mark.parametrize(
    ("batch", "value", "pointer"),
    [
        (False, {**MINIMAL, "subject": {"type": "user", "id": "alice"}}, "#/subject"),
        (True, {"actions": [{**MINIMAL, "subject": {}}]}, "#/actions/0/subject"),
        (True, {"actions": [MINIMAL], "subject": {}}, "#/subject"),
    ],
)
def test_a_subject_in_the_body_is_refused(batch: bool, value: Any, pointer: str) -> None:  # noqa: FBT001 -- a table's column
    READER.read(_body({"actions": [MINIMAL]} if batch else MINIMAL), batch=batch)  # the control
    with pytest.raises(SchemaViolation) as caught:
        READER.read(_body(value), batch=batch)
    assert caught.value.pointer == pointer
    assert "bearer token" in caught.value.detail


@pytest.mark.parametrize("place", ["", "action", "action/properties", "resource", "context"])
def test_unknown_members_are_refused_with_their_place(place: str) -> None:
    value: dict[str, Any] = {
        **MINIMAL,
        "resource": {"type": "postgresql", "id": "orders", "properties": {}},
        "context": {"agent": {}, "approval": {"id": "apr_1"}},
    }
    value = json.loads(json.dumps(value))
    READER.read(_body(value), batch=False)  # the control
    target = value
    for part in filter(None, place.split("/")):
        target = target[part]
    target["tenant"] = "other"
    with pytest.raises(SchemaViolation) as caught:
        READER.read(_body(value), batch=False)
    pointer = f"#/{place}/tenant" if place else "#/tenant"
    assert [f.pointer for f in caught.value.findings] == [pointer]
    assert caught.value.findings[0].code == "unknown_member"


def test_bounds_of_bytes_hold_for_every_body() -> None:
    long = _body({**MINIMAL, "context": {"prompt": "x" * 65_536}})
    for read in (lambda: READER.read(long, batch=False), lambda: READER.read_outcome(long)):
        with pytest.raises(BodyTooLarge):
            read()


def _schemas_within(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in _schemas_within(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(found for item in schema.values() for found in _schemas_within(item))]


@pytest.mark.parametrize("name", REQUEST_SCHEMAS)
def test_every_object_of_a_request_schema_is_closed_and_every_text_bounded(name: str) -> None:
    for schema in _schemas_within(SCHEMAS.schemas[name]):
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            assert schema["unevaluatedProperties"] is False
        if schema.get("type") == "string":
            assert "maxLength" in schema
        if schema.get("type") == "array":
            assert "maxItems" in schema
