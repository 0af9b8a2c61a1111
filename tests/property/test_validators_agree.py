"""The compiled validator gives the verdicts, and finds the places, of the reference one.

`jsonschema` (2020-12, format checks on) is the reference. One thing is corrected in it: a
schema's pattern is ECMA-262, where `$` is the end of the text; Python's `$` also matches
before a last newline, which would let "…\n" through.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema.validators import extend
from referencing import Registry, Resource

from counterfoil.errors import SchemaViolation
from counterfoil.schemas_registry import SchemaRegistry

ROOT = Path(__file__).parents[2]
SCHEMAS = SchemaRegistry.load(ROOT / "schemas")


def _pattern(
    _validator: Any, pattern: str, instance: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError("pattern")


_Reference: Any = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
_registry: Any = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.schemas.values()]
)
REFERENCE = {
    name: _Reference(
        schema,
        registry=_registry,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    for name, schema in SCHEMAS.schemas.items()
}
COMPILED = {name: SCHEMAS.compiled(name) for name in SCHEMAS.schemas}

DIGEST = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
_REQUEST: dict[str, Any] = {
    "action": {"name": "run_sql", "properties": {"arguments": {"sql": "SELECT 1", "n": [1, {}]}}},
    "resource": {"type": "postgresql", "id": "orders", "properties": {"location": "pg://a/b"}},
    "context": {
        "prompt": "p",
        "task": "t",
        "agent": {"framework": "autogen", "name": "coder"},
        "call_id": "c",
        "approval": {"id": "apr_1"},
    },
}
GOOD: dict[str, dict[str, Any]] = {
    "authorization_request": _REQUEST,
    "authorization_batch": {"actions": [_REQUEST, {"action": _REQUEST["action"]}]},
    "outcome": {"status": "error", "excerpt": "x", "length": 3, "sha256": DIGEST},
    "problem": {
        "type": "urn:counterfoil:problem:request.schema",
        "title": "t",
        "status": 422,
        "code": "request.schema",
        "solution": "s",
        "request_id": "r",
        "errors": [{"pointer": "#/a", "code": "type", "detail": "d"}],
    },
    "health": {
        "status": "pass",
        "version": "1",
        "checks": {"a:b": [{"status": "pass", "time": "t"}]},
    },
}
HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    -0.0,
    1,
    1.0,
    3.0,
    1.5,
    -1,
    2**53,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**70,
    1e300,
    9007199254740991.0,
    9007199254740992.0,
    5e-324,
    "",
    " ",
    "\x00",
    "\n",
    "run_sql\n",
    DIGEST + "\n",
    DIGEST[:-1] + "\n",
    DIGEST[:-1] + "é",
    DIGEST[:-1] + "\u0663",
    "error",
    "error\n",
    "Failed",
    "𝄞" * 64,
    "𝄞" * 128,
    "𝄞" * 256,
    "𝄞" * 257,
    "e\u0301" * 128,
    "e\u0301" * 129,
    "x" * 4096,
    "x" * 4097,
    "x" * 65_536,
    "x" * 65_537,
    "urn:counterfoil:problem:request.schema\n",
    "#\n",
    "#/\n",
    "#/\u2028",
    "2026-11-24T03:10:00Z",
    [],
    [[]],
    [1] * 17,
    {},
    {"": 0},
    {"a": 1},
    {"x" * 257: 1},
    {"𝄞" * 256: 1},
    {f"k{n}": n for n in range(256)},
    {f"k{n}": n for n in range(257)},
    {"subject": {}},
    {"$ref": "#"},
    {"__proto__": 1},
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from _places(child, (*path, key))


def _changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    target = changed
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return changed


def _named(path: Iterable[Any]) -> tuple[Any, ...]:
    """A path without empty names, which the compiled validator leaves out."""
    return tuple(part for part in path if part != "")


def _agree(name: str, document: Any) -> None:
    expected = REFERENCE[name].is_valid(document)
    assert COMPILED[name].is_valid(document) is expected, document
    if expected or isinstance(document, bool):
        return
    places = {(_named(e.instance_path), e.kind.name) for e in COMPILED[name].iter_errors(document)}
    wanted = {
        (_named(e.absolute_path), str(e.validator)) for e in REFERENCE[name].iter_errors(document)
    }
    # for a name that is too long, one blames the object and one the length within it
    blame = {"minLength": "propertyNames", "maxLength": "propertyNames"}
    names = {(path, key) for path, key in places ^ wanted if key not in {*blame, "propertyNames"}}
    assert not names, document


@pytest.mark.parametrize("name", GOOD)
def test_both_accept_the_control(name: str) -> None:
    assert COMPILED[name].is_valid(GOOD[name])
    assert REFERENCE[name].is_valid(GOOD[name])


@pytest.mark.parametrize("name", GOOD)
def test_verdicts_agree_with_every_hostile_value_at_every_place(name: str) -> None:
    for path, value in product(_places(GOOD[name]), HOSTILE):
        _agree(name, _changed(GOOD[name], path, value))


@pytest.mark.parametrize("name", GOOD)
def test_verdicts_agree_with_every_member_removed_or_added(name: str) -> None:
    for path in _places(GOOD[name]):
        parent = GOOD[name]
        for part in path[:-1]:
            parent = parent[part]
        if path and isinstance(parent, dict):
            smaller = {key: item for key, item in parent.items() if key != path[-1]}
            _agree(name, _changed(GOOD[name], path[:-1], smaller))
            _agree(name, _changed(GOOD[name], path[:-1], {**parent, "extra": None, "": 0}))


_json: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(HOSTILE) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["action", "name", "properties", "id", "é"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_verdicts_agree_on_documents_changed_at_random(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(GOOD)))
    document: Any = GOOD[name]
    for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
        path = data.draw(st.sampled_from(list(_places(document))))
        document = _changed(document, path, data.draw(_json))
    _agree(name, document)


def test_patterns_use_only_what_all_regular_expressions_share() -> None:
    """`\\d`, `\\w`, `\\s` and `.` mean other characters in Rust, Python and ECMAScript."""
    found = 0
    for name in GOOD:
        schema = SCHEMAS.schemas[name]
        for path in _places(schema):
            if path and path[-1] == "pattern" and isinstance(value := _at(schema, path), str):
                found += 1
                outside = re.sub(r"\[[^\]]*\]|\\\.", "", value)
                assert not re.search(r"\\[dwsbDWSB]|\.", outside), (name, value)
                assert value.startswith("^"), (name, value)
                assert value.endswith("$"), (name, value)
    assert found


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def test_a_hostile_document_is_refused_with_few_findings() -> None:
    validate = SCHEMAS.validator("authorization_batch")
    with pytest.raises(SchemaViolation) as caught:
        validate({"actions": [{} for _ in range(50_000)]})
    assert len(caught.value.findings) == 1
