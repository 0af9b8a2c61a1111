"""Strict JSON, after the classes of JSONTestSuite (RFC 8259) and I-JSON (RFC 7493)."""

from __future__ import annotations

import json

import pytest

from counterfoil.core.strict_json import MAX_INTEGER, MIN_INTEGER, parse
from counterfoil.errors import BodyTooLarge, MalformedBody, RequestError

MAX_BYTES = 4096

ACCEPTED = [
    b"{}",
    b" \t\r\n{ } \n",
    b'{"a":null,"b":true,"c":false}',
    b'{"a":[1,-1,0,-0,1.5,1E+2,1e-2,123456789012]}',
    b'{"":0}',
    b'{"a":{"a":{"a":1}}}',  # the same name in other objects is fine
    b'{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9"}',
    b'{"a":"\\ud83d\\ude00"}',  # a whole surrogate pair
    '{"é":"𝄞","\u2028":"\ufeff"}'.encode(),  # U+FEFF inside a string is a character
    b'{"a":"\x7f"}',
    b'{"a":"NaN","b":"{[{[{["}',
    f'{{"a":{MAX_INTEGER},"b":{MIN_INTEGER}}}'.encode(),
    b'{"a":1.7976931348623157e308,"b":4.9e-324,"c":1e-400}',
]

REFUSED = {
    "empty": b"",
    "white space alone": b"  ",
    "array": b"[]",
    "text": b'"{}"',
    "number": b"1",
    "null": b"null",
    "two objects": b"{}{}",
    "trailing comma after": b"{},",
    "trailing garbage": b"{}x",
    "trailing NUL": b"{}\x00",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16 little endian": '{"a":1}'.encode("utf-16-le"),
    "UTF-16 with mark": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32-be"),
    "latin-1": '{"a":"é"}'.encode("latin-1"),
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "overlong NUL": b'{"a":"\xc0\x80"}',
    "raw surrogate (CESU-8)": b'{"a":"\xed\xa0\x80"}',
    "raw surrogate pair (CESU-8)": b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}',
    "above U+10FFFF": b'{"a":"\xf4\x90\x80\x80"}',
    "cut UTF-8": b'{"a":"\xe2\x82"}',
    "lone high surrogate": b'{"a":"\\ud800"}',
    "lone low surrogate": b'{"a":"\\udc00"}',
    "surrogates in the wrong order": b'{"a":"\\udc00\\ud800"}',
    "high surrogate then text": b'{"a":"\\ud800x"}',
    "lone surrogate in upper case": b'{"a":"\\uD800"}',
    "lone surrogate as a name": b'{"\\udfff":1}',
    "lone surrogate deep in a list": b'{"a":[[{"b":["\\ud900"]}]]}',
    "duplicate name": b'{"a":1,"a":1}',
    "duplicate name through an escape": b'{"a":1,"\\u0061":2}',
    "duplicate name, deep": b'{"a":[{"b":{"c":1,"d":2,"c":3}}]}',
    "duplicate empty name": b'{"":1,"":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "-Infinity": b'{"a":-Infinity}',
    "overflow": b'{"a":1e309}',
    "negative overflow": b'{"a":-1e309}',
    "one above 64 bits": f'{{"a":{MAX_INTEGER + 1}}}'.encode(),
    "one below 64 bits": f'{{"a":{MIN_INTEGER - 1}}}'.encode(),
    "2000 digits": b'{"a":' + b"9" * 2000 + b"}",
    "2000 digits after the point": b'{"a":0.' + b"1" * 2000 + b"}",
    "leading zero": b'{"a":01}',
    "leading plus": b'{"a":+1}',
    "bare point": b'{"a":.5}',
    "point without digits": b'{"a":1.}',
    "exponent without digits": b'{"a":1e}',
    "hexadecimal": b'{"a":0x1}',
    "underscore": b'{"a":1_0}',
    "arabic digits": '{"a":\u0663}'.encode(),
    "minus alone": b'{"a":-}',
    "trailing comma in object": b'{"a":1,}',
    "trailing comma in list": b'{"a":[1,]}',
    "leading comma": b'{,"a":1}',
    "missing colon": b'{"a" 1}',
    "missing value": b'{"a":}',
    "name without quotes": b"{a:1}",
    "single quotes": b"{'a':1}",
    "number as a name": b"{1:1}",
    "comment": b'{"a":1/* */}',
    "line comment": b'{"a":1}//',
    "unclosed": b'{"a":1',
    "unclosed text": b'{"a":"b',
    "mismatched": b'{"a":[1}]',
    "raw newline in text": b'{"a":"\n"}',
    "raw tab in text": b'{"a":"\t"}',
    "raw NUL in text": b'{"a":"\x00"}',
    "unknown escape": b'{"a":"\\x41"}',
    "short unicode escape": b'{"a":"\\u12"}',
    "sloppy unicode escape": b'{"a":"\\u 12a"}',
    "upper case escape": b'{"a":"\\U0041"}',
    "capital literal": b'{"a":True}',
    "no-break space": '{\u00a0"a":1}'.encode(),
    "form feed": b"\x0c{}",
}


@pytest.mark.parametrize("body", ACCEPTED)
def test_plain_json_is_read_as_it_stands(body: bytes) -> None:
    assert parse(body, max_bytes=MAX_BYTES) == json.loads(body)


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_could_read_differently_is_refused(name: str) -> None:
    with pytest.raises(MalformedBody):
        parse(REFUSED[name], max_bytes=MAX_BYTES)


def test_a_byte_order_mark_is_named_as_what_it_is() -> None:
    with pytest.raises(MalformedBody, match="byte order mark"):
        parse(b"\xef\xbb\xbf{}", max_bytes=MAX_BYTES)


def test_integers_stay_integers_and_are_exact() -> None:
    value = parse(b'{"a":1152921504606846977,"b":1.0,"c":true}', max_bytes=MAX_BYTES)
    assert value["a"] == 2**60 + 1
    assert [type(item) for item in value.values()] == [int, float, bool]


@pytest.mark.parametrize(("length", "fits"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_size_is_bounded_exactly(length: int, fits: bool) -> None:  # noqa: FBT001 -- a table's column
    body = b'{"a":"' + b"x" * (length - 8) + b'"}'
    assert len(body) == length
    if fits:
        assert parse(body, max_bytes=MAX_BYTES)
    else:
        with pytest.raises(BodyTooLarge):
            parse(body, max_bytes=MAX_BYTES)


def _nested(levels: int, opening: bytes, closing: bytes) -> bytes:
    return b'{"a":' + opening * (levels - 1) + b"0" + closing * (levels - 1) + b"}"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_bounded_exactly(opening: bytes, closing: bytes) -> None:
    assert parse(_nested(8, opening, closing), max_bytes=MAX_BYTES, max_depth=8)
    with pytest.raises(BodyTooLarge):
        parse(_nested(9, opening, closing), max_bytes=MAX_BYTES, max_depth=8)


def test_brackets_beside_each_other_are_not_depth() -> None:
    body = b'{"a":[' + b",".join([b"[{}]"] * 200) + b'],"b":"' + b"[" * 500 + b'"}'
    assert parse(body, max_bytes=MAX_BYTES, max_depth=4) == json.loads(body)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 60_000, b'{"a":' + b"[" * 200_000])
def test_a_tower_of_brackets_is_refused_and_not_a_crash(body: bytes) -> None:
    with pytest.raises(RequestError):
        parse(body, max_bytes=1_000_000)


def test_refusals_quote_nothing_of_the_body() -> None:
    secret = b"eyJhbGciOiJFUzI1NiJ9"
    for name, body in REFUSED.items():
        with pytest.raises(RequestError) as caught:
            parse(body.replace(b"{", b'{"' + secret + b'":0,', 1), max_bytes=MAX_BYTES)
        assert secret.decode() not in str(caught.value), name
