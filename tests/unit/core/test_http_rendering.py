"""A request is rendered as itself, and what is not exactly one request is not rendered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.actions.contract import DEFAULT_LIMITS
from counterfoil.core.actions.http import interpret
from counterfoil.core.model import Command
from counterfoil.core.renderings import NotRenderable, http, render_all

ORIGIN = "https://api.example.com"
SHA = "ab" * 32


def _may(target: str = "/v1/orders", method: str = "GET", **more: Any) -> dict[str, Any]:
    base = {"type": "http", "locations": [ORIGIN], "identifier": target, "actions": [method]}
    return {**base, "operations": [0], **more}


def test_requests_stand_there_as_they_are_sent() -> None:
    rendering = render_all(
        [
            _may("/v1/orders?q=a%20b&x=%5B1%5D"),
            _may("/v1/orders", "POST", body_sha256=SHA),
            _may("/v1/orders", "POST", body_sha256=SHA, operations=[3]),
        ]
    )["http"]
    assert rendering == {
        "requests": [
            {"method": "POST", "url": f"{ORIGIN}/v1/orders", "body_sha256": SHA},
            {"method": "GET", "url": f"{ORIGIN}/v1/orders?q=a%20b&x=%5B1%5D"},
        ]
    }


NONE: dict[str, dict[str, Any]] = {
    "two-methods": _may(actions=["GET", "POST"]),
    "any-method": _may(method="*"),
    "small-letters": _may(method="get"),
    "trace": _may(method="TRACE"),
    "connect": _may(method="CONNECT"),
    "two-origins": _may(locations=[ORIGIN, "https://other.example.com"]),
    "origin-with-a-path": _may(locations=[f"{ORIGIN}/v1"]),
    "origin-with-a-slash": _may(locations=[f"{ORIGIN}/"]),
    "user-name": _may(locations=["https://api.example.com@evil.example"]),
    "another-scheme": _may(locations=["ftp://api.example.com"]),
    "upper-case-host": _may(locations=["https://API.example.com"]),
    "no-path": _may(""),
    "relative": _may("v1/orders"),
    "absolute": _may(f"{ORIGIN}/v1"),
    "fragment": _may("/v1#x"),
    "space": _may("/v1 HTTP/1.1"),
    "line": _may("/v1\r\nX-Evil: 1"),
    "last-newline": _may("/v1\n"),
    "backslash": _may("/v1\\x"),
    "small-escape": _may("/v1/%c3%a9"),
    "half-escape": _may("/v1/%4"),
    "letters-beyond-ascii": _may("/v1/é"),
    "half-a-digest": _may(body_sha256="ab"),
    "digest-in-capitals": _may(body_sha256=SHA.upper()),
    "unknown-member": _may(headers=["x"]),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_not_one_request_is_not_rendered(name: str) -> None:
    assert render_all([_may()])
    with pytest.raises(NotRenderable):
        render_all([_may(), NONE[name]])


FORGED: dict[str, Any] = {
    "no-list": {"requests": {}},
    "another-member": {"requests": [], "more": []},
    "no-url": {"requests": [{"method": "GET"}]},
    "header": {"requests": [{"method": "GET", "url": f"{ORIGIN}/", "header": "x"}]},
    "fragment": {"requests": [{"method": "GET", "url": f"{ORIGIN}/#x"}]},
    "user": {"requests": [{"method": "GET", "url": "https://a@b/"}]},
    "no-path": {"requests": [{"method": "GET", "url": ORIGIN}]},
    "no-digest": {"requests": [{"method": "GET", "url": f"{ORIGIN}/", "body_sha256": ""}]},
    "brackets": {"requests": [{"method": "GET", "url": "https://[x/"}]},
}


@pytest.mark.parametrize("name", FORGED)
def test_what_no_gateway_would_read_as_meant_does_not_read_back(name: str) -> None:
    with pytest.raises(NotRenderable):
        http.parse_back(FORGED[name])


_TARGETS = st.from_regex(r"/[A-Za-z0-9._~!$&'()*+,;=:@?-]{1,20}(/[a-z0-9?&=-]{1,9}){0,3}", fullmatch=True)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["GET", "POST"]), _TARGETS, st.none() | st.just(SHA)), min_size=1, max_size=5))  # fmt: skip
def test_rendered_requests_are_exactly_the_permitted(asked: list[tuple[str, str, Any]]) -> None:
    more = [({} if body is None else {"body_sha256": body}) for *_, body in asked]
    permissions = [_may(t, m, **x) for (m, t, _), x in zip(asked, more, strict=True)]
    rendering: Any = render_all(permissions)["http"]
    read = {(one["method"], one["url"], one.get("body_sha256")) for one in rendering["requests"]}
    assert read == {(m, ORIGIN + t, body) for m, t, body in asked}


def test_what_was_read_from_a_call_is_rendered_whole() -> None:
    arguments = {"method": "POST", "url": f"{ORIGIN}/v1/orders?x=O'Neill", "body": "{}"}
    read = interpret(
        Command(
            tool="http_request",
            family="http",
            arguments=arguments,
            command_argument="url",
            resource=None,
        ),
        DEFAULT_LIMITS,
    )
    rendering: Any = render_all(read.required)["http"]
    (request,) = rendering["requests"]
    assert request["url"] == f"{ORIGIN}/v1/orders?x=O%27Neill"
    assert request["body_sha256"] == read.required[0]["body_sha256"]
