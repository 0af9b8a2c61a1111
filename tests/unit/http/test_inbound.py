"""What is taken from a request, and what is refused before anything reads it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from simulators.http_door import MAX_BYTES, Door

TOKEN = "eyJh.eyJz.c2ln"


@pytest.fixture
def door() -> Door:
    return Door()


class Unreadable(BytesIO):
    """A body that must not be read: reading it is the failure."""

    def read(self, _size: int | None = -1) -> bytes:
        raise AssertionError("the body was read")


class Reset(BytesIO):
    """A connection that is reset while the body comes."""

    def read(self, _size: int | None = -1) -> bytes:
        raise ConnectionResetError


def test_the_honest_request_is_taken_as_it_is(door: Door) -> None:
    answer = door.send(b'{"a":1}', HTTP_IDEMPOTENCY_KEY='"k-1"')
    assert (answer.status, answer.json) == (
        200,
        {"length": 7, "token": "abc.def.ghi", "key": "k-1"},
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Length"] == str(len(answer.data))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; profile=x ; charset = utf-8",
        "application/json;",
    ],
)
def test_json_is_accepted_with_parameters(door: Door, media_type: str) -> None:
    assert door.send(CONTENT_TYPE=media_type).status == 200


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "text/plain",  # what a page of another origin can send without a preflight
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonp",
        "application/json, text/plain",
        "text/plain; application/json",
        "application/problem+json",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/\u212ason",
    ],
)
def test_other_media_types_are_refused(door: Door, media_type: str | None) -> None:
    answer = door.send(CONTENT_TYPE=media_type)
    assert answer.status == 415
    assert answer.problem()["code"] == "request.media_type"


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity", "x", ""])
def test_a_compressed_body_is_refused(door: Door, coding: str) -> None:
    assert door.send(HTTP_CONTENT_ENCODING="identity").status == 200
    assert door.send(HTTP_CONTENT_ENCODING=coding).status == 415


@pytest.mark.parametrize("length", [MAX_BYTES + 1, 10**30, "0" * 3000 + "1"])
def test_a_body_declared_too_large_is_refused_unread(door: Door, length: object) -> None:
    assert door.send(b"x" * MAX_BYTES).json["length"] == MAX_BYTES
    answer = door.send(CONTENT_LENGTH=str(length), **{"wsgi.input": Unreadable()})
    assert answer.status == 413
    assert str(MAX_BYTES) in answer.problem()["detail"]


@pytest.mark.parametrize("length", ["-1", "+2", "2.0", " 2", "0x2", "1_0", "\u0662", "2, 2", "two"])
def test_a_length_that_is_no_number_is_refused(door: Door, length: str) -> None:
    answer = door.send(CONTENT_LENGTH=length, **{"wsgi.input": Unreadable()})
    assert (answer.status, answer.problem()["code"]) == (400, "request.malformed")


@pytest.mark.parametrize("length", [None, "", "0"])
def test_no_length_is_an_empty_body(door: Door, length: str | None) -> None:
    answer = door.send(CONTENT_LENGTH=length, **{"wsgi.input": Unreadable()})
    assert answer.json["length"] == 0


def test_a_body_shorter_than_declared_is_refused(door: Door) -> None:
    assert door.send(b"12345", CONTENT_LENGTH="6").status == 400


def test_a_reset_while_reading_is_not_a_failure_of_ours(door: Door) -> None:
    assert door.send(CONTENT_LENGTH="6", **{"wsgi.input": Reset()}).status == 400


def _chunked(body: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "CONTENT_LENGTH": None,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": BytesIO(body),
        **changes,
    }


@pytest.mark.parametrize(("size", "status"), [(0, 200), (MAX_BYTES, 200), (MAX_BYTES + 1, 413)])
def test_chunks_are_bounded_while_they_are_read(door: Door, size: int, status: int) -> None:
    stream = BytesIO(b"x" * size + b"y" * 1_000_000)
    body = BytesIO(b"x" * size) if status == 200 else stream
    answer = door.send(**_chunked(b"", **{"wsgi.input": body}))
    assert answer.status == status
    if status == 413:
        assert stream.tell() <= MAX_BYTES + 1
    else:
        assert answer.json["length"] == size


@pytest.mark.parametrize("change", [{"CONTENT_LENGTH": "2"}, {"wsgi.input_terminated": None}])
def test_chunks_with_a_length_or_without_an_end_are_refused(
    door: Door, change: dict[str, Any]
) -> None:
    assert door.send(**_chunked(b"{}")).status == 200
    assert door.send(**_chunked(b"{}", **change)).status == 400


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "BeArEr "])
def test_the_bearer_scheme_ignores_case(door: Door, scheme: str) -> None:
    assert door.send(HTTP_AUTHORIZATION=f"{scheme} {TOKEN}").json["token"] == TOKEN


def test_no_authorization_is_no_token(door: Door) -> None:
    assert door.send(HTTP_AUTHORIZATION=None).json["token"] is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} ",
        f" Bearer {TOKEN}",
        f"Bearer\t{TOKEN}",
        f"Bearer {TOKEN},Bearer {TOKEN}",  # two headers, joined by the server
        f"Bearer {TOKEN}, Bearer x",
        f"Bearer {TOKEN} x",
        f'Bearer token="{TOKEN}"',
        f"Bearer {TOKEN}\n",
        f"Bearer {TOKEN}\x00",
        f"Bearer {TOKEN}é",
        "Bearer =",
        "Bearer a=b",
        "Bearer " + "a" * 16_384,
    ],
)
def test_authorization_that_is_not_one_token_is_refused(door: Door, header: str) -> None:
    answer = door.send(HTTP_AUTHORIZATION=header)
    assert answer.status == 401
    assert answer.problem()["code"] == "identity.invalid_token"
    assert TOKEN.encode() not in answer.data


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (' "a b" ', "a b"),
        (r'"a\"b\\c"', 'a"b\\c'),
        ('"' + "x" * 255 + '"', "x" * 255),
        ("x" * 255, "x" * 255),
    ],
)
def test_idempotency_keys_are_strings_or_tokens(door: Door, header: str, key: str) -> None:
    assert door.send(HTTP_IDEMPOTENCY_KEY=header).json["key"] == key


@pytest.mark.parametrize(
    "header",
    [
        "",
        '""',
        '"a',
        'a"',
        r'"a\b"',
        '"a","b"',
        "a,b",
        "a b",
        '"é"',
        '"a\n"',
        "a;p=1",
        '"a";p',
        '"' + "x" * 256 + '"',
        "x" * 256,
        "'a'\t'b'",
        ":YWJj:\x00",
    ],
)
def test_idempotency_keys_of_another_form_are_refused(door: Door, header: str) -> None:
    answer = door.send(HTTP_IDEMPOTENCY_KEY=header)
    assert (answer.status, answer.problem()["code"]) == (400, "request.header")
