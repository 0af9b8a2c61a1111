"""Routing, hosts, ids and numbers of the lean door."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from counterfoil.http.hosts import HostRule
from simulators.http_door import Door, honest, send

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/nope",
        "/echo/",
        "//echo",
        "/Echo",
        "/echo/../echo",
        "/items//part",
        "/items/a/b/part",
        "/echo\x00",
        "/ÿþ",
        "/" + "a" * 5000,
        "/items/" + "a" * 5000 + "/part",
        "echo",
        "*",
    ],
)
def test_a_path_that_is_not_ours_is_404_and_never_a_redirect(door: Door, path: str) -> None:
    assert door.send().status == 200  # the control
    for method in ("GET", "POST"):
        answer = door.send(PATH_INFO=path, REQUEST_METHOD=method)
        assert answer.problem()["code"] == "request.not_found"
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "post", "X"]
)
def test_another_method_is_405_with_the_allowed_ones(door: Door, method: str) -> None:
    answer = door.send(REQUEST_METHOD=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    if method != "HEAD":
        assert answer.problem()["code"] == "request.method_not_allowed"


def test_405_holds_for_paths_with_variables_too(door: Door) -> None:
    assert door.send(PATH_INFO="/items/a/part", REQUEST_METHOD="GET").json == {"item": "a"}
    answer = door.send(PATH_INFO="/items/a/part")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_answers_like_get_without_a_body(door: Door) -> None:
    full = door.send(PATH_INFO="/items/a/part", REQUEST_METHOD="GET")
    head = door.send(PATH_INFO="/items/a/part", REQUEST_METHOD="HEAD")
    assert (head.status, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(full.data))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8282", "localhost:8282", "LOCALHOST:8282", "[::1]:8282"]
)
def test_loopback_hosts_are_ours(host: str) -> None:
    assert Door(HostRule.loopback(8282)).send(HTTP_HOST=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:8282",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:82820",
        "localhost.evil.example:8282",
        "127.0.0.1:8282,evil.example",
        "127.0.0.1:8282@evil.example",
        "0.0.0.0:8282",
        "127.1:8282",
        " 127.0.0.1:8282",
        "localhost.:8282",
    ],
)
def test_foreign_hosts_are_refused_on_every_path(host: str | None) -> None:
    """DNS rebinding: a page whose own name points at the loopback service."""
    door = Door(HostRule.loopback(8282))
    for path in ("/echo", "/fail", "/items/a/part", "/nope"):
        answer = door.send(HTTP_HOST=host, PATH_INFO=path)
        assert (answer.status, answer.problem()["code"]) == (421, "request.host")


def test_without_a_rule_any_host_is_served(door: Door) -> None:
    assert door.send(HTTP_HOST="counterfoil.example.com").status == 200


@pytest.mark.parametrize("ident", ["a", "req-1.2_3~4", "A" * 128])
def test_a_well_formed_request_id_is_echoed(door: Door, ident: str) -> None:
    assert door.send(HTTP_X_REQUEST_ID=ident).headers["X-Request-ID"] == ident


@pytest.mark.parametrize(
    "ident",
    [None, "", "A" * 129, "a b", "a\r\nX-Evil: 1", "a\n", "é", "<script>", "-a", '"a"', "a,b"],
)
def test_any_other_request_id_is_replaced(door: Door, ident: str | None) -> None:
    assert door.send(HTTP_X_REQUEST_ID=ident).headers["X-Request-ID"] == "req_1"


@pytest.mark.parametrize(
    ("parent", "state", "expected"),
    [
        (TRACE, None, (TRACE, None)),
        (TRACE, "a=1,b=2", (TRACE, "a=1,b=2")),
        (TRACE, "a=1\r\nX: 1", (TRACE, None)),
        (TRACE, "a" * 513, (TRACE, None)),
        (None, "a=1", (None, None)),
        (TRACE.upper(), None, (None, None)),
        (TRACE + "\n", None, (None, None)),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", None, (None, None)),
        ("00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01", None, (None, None)),
        (f"{TRACE},{TRACE}", None, (None, None)),
    ],
)
def test_trace_context_passes_if_well_formed(
    door: Door,
    parent: str | None,
    state: str | None,
    expected: tuple[str | None, str | None],
) -> None:
    headers = door.send(HTTP_TRACEPARENT=parent, HTTP_TRACESTATE=state).headers
    assert (headers.get("traceparent"), headers.get("tracestate")) == expected


def test_every_answer_is_counted_by_rule_and_never_by_path(door: Door) -> None:
    door.send()
    door.send(PATH_INFO="/items/alice/part", REQUEST_METHOD="GET")
    door.send(PATH_INFO="/secret-path")
    text = generate_latest(door.metrics.registry).decode()
    assert 'counterfoil_http_answers_total{code="",rule="/echo",status="200"} 1.0' in text
    assert (
        'counterfoil_http_answers_total{code="",rule="/items/<item_id>/part",status="200"} 1.0'
        in text
    )
    assert (
        'counterfoil_http_answers_total{code="request.not_found",rule="unmatched",status="404"} 1.0'
        in text
    )
    assert 'counterfoil_http_seconds_count{rule="/echo"} 1.0' in text
    assert "alice" not in text
    assert "secret-path" not in text


def test_two_applications_share_nothing() -> None:
    first, second = Door(), Door()
    send(first.app, honest())
    assert "http_answers_total{" not in generate_latest(second.metrics.registry).decode()
