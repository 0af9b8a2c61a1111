"""Whatever the bytes: the strict reader agrees with `json.loads`, or refuses."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from counterfoil.core.strict_json import DEFAULT_MAX_DEPTH, parse
from counterfoil.errors import RequestError

MAX_BYTES = 100_000
_integers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_text = st.text(st.characters(exclude_categories=["Cs"]))
_scalars = st.none() | st.booleans() | _integers | st.floats(allow_nan=False, allow_infinity=False)
_values = st.recursive(
    _scalars | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=20,
)
_objects = st.dictionaries(_text, _values, max_size=4)
_tokens = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            '"a"',
            '"b"',
            '"\\ud800"',
            '"\\u0061"',
            "1",
            "-0",
            "1.0",
            "1e999",
            "NaN",
            "-Infinity",
            "null",
            "true",
            " ",
            "\ufeff",
            "\x00",
            "9" * 30,
            '"',
            "\\",
        ]
    ),
    max_size=24,
).map(lambda parts: "".join(parts).encode())


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


@given(st.binary(max_size=64) | _tokens | st.text(max_size=40).map(str.encode))
@example(b'{"a":1,"a":1}')
def test_any_bytes_are_read_like_json_or_refused(body: bytes) -> None:
    try:
        value = parse(body, max_bytes=MAX_BYTES)
    except RequestError:
        return
    assert value == json.loads(body.decode("utf-8"))
    # and there is nothing in it that another reader could not take
    again = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert parse(again, max_bytes=MAX_BYTES) == value


@given(_objects, st.booleans(), st.sampled_from([None, 2]))
def test_every_good_object_is_accepted_exactly(
    value: dict[str, Any],
    ascii_only: bool,  # noqa: FBT001 -- hypothesis passes it
    indent: int | None,
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8")
    if _depth(value) > DEFAULT_MAX_DEPTH:
        return
    read = parse(body, max_bytes=10 * MAX_BYTES)
    assert read == value
    assert json.dumps(read) == json.dumps(value)  # 1, 1.0 and true are told apart


@given(_objects, st.data())
def test_a_cut_body_is_never_accepted(value: dict[str, Any], data: st.DataObject) -> None:
    body = json.dumps(value).encode()
    end = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    try:
        parse(body[:end], max_bytes=10 * MAX_BYTES)
    except RequestError:
        return
    raise AssertionError(body[:end])
