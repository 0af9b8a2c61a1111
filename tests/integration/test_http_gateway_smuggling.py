"""What a holder of a key sends by hand: framing, headers and targets that readers differ about.

Each attack goes with the right key. It is refused, or what arrives is the decided request alone;
the control is the same bytes without the attack.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway_world import STANDING, World, gateway, unheard
from simulators.raw_upstream import RawUpstream, raw_upstream

TARGET, BODY = "/v1/orders?limit=2", "item=1"
LENGTH = f"Content-Length: {len(BODY)}"
SMUGGLED = "GET /v1/secrets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n\r\n"


@pytest.fixture(scope="module")
def api() -> Iterator[RawUpstream]:
    with raw_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def world(api: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with gateway(tmp_path_factory.mktemp("gateway"), api.origin, seconds=5) as one:
        yield one


@pytest.fixture
def upstream(api: RawUpstream) -> RawUpstream:
    api.forget()
    return api


def _request(*headers: str, line: str = f"POST {TARGET} HTTP/1.1", body: str = BODY) -> str:
    lines = [line, "Host: gateway", "Authorization: Bearer KEY", *headers]
    return "\r\n".join(lines) + "\r\n\r\n" + body


HEADERS: dict[str, tuple[str, ...]] = {
    "host-of-another": (LENGTH, "Host: evil.example"),
    "forwarded-host": (LENGTH, "X-Forwarded-Host: evil.example"),
    "forwarded": (LENGTH, "Forwarded: for=127.0.0.1"),
    "override": (LENGTH, "X-HTTP-Method-Override: DELETE"),
    "original-url": (LENGTH, "X-Original-URL: /admin"),
    "rewrite-url": (LENGTH, "X-Rewrite-URL: /admin"),
    "own-credential": (LENGTH, "Cookie: session=1"),
    "own-key": (LENGTH, "X-Api-Key: 1"),
    "second-authorization": (LENGTH, "Authorization: Basic YTpi"),
    "proxy-authorization": (LENGTH, "Proxy-Authorization: Basic YTpi"),
    "hop-by-hop": (LENGTH, "Connection: close, content-type"),
    "named-authorization": (LENGTH, "Connection: authorization"),
    "keep-alive": (LENGTH, "Keep-Alive: timeout=5"),
    "te": (LENGTH, "TE: trailers"),
    "trailer": (LENGTH, "Trailer: x-method"),
    "upgrade": (LENGTH, "Connection: upgrade", "Upgrade: websocket"),
    "h2c": (LENGTH, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"),
    "expect": (LENGTH, "Expect: 100-continue"),
    "encoded-body": (LENGTH, "Content-Encoding: gzip"),
    "soap": (LENGTH, "SOAPAction: delete"),
    "unknown": (LENGTH, "X-Custom: 1"),
    "underscore": (LENGTH, "Content_Type: text/plain"),
    "twice": (LENGTH, "Accept: a/b", "Accept: c/d"),
    "folded": (LENGTH, "Accept: a/b\r\n x: y"),
    "space-before-colon": (LENGTH, "Accept : a/b"),
    "no-name": (LENGTH, ": a"),
    "empty": (LENGTH, "Accept:"),
    "nul": (LENGTH, "Accept: a\x00b"),
    "bare-line-feed": (LENGTH, "Accept: a\nX-Evil: 1"),
    "bare-return": (LENGTH, "Accept: a\rX-Evil: 1"),
    "beyond-ascii": (LENGTH, "Accept: \xe9"),
    "form-method": (LENGTH, "Content-Type: application/x-www-form-urlencoded", "Expect: x"),
    "chunked": ("Transfer-Encoding: chunked",),
    "chunked-and-length": (LENGTH, "Transfer-Encoding: chunked"),
    "length-and-chunked": ("Transfer-Encoding: chunked", LENGTH),
    "identity": (LENGTH, "Transfer-Encoding: identity"),
    "odd-chunked": (LENGTH, "Transfer-Encoding: xchunked"),
    "hidden-chunked": (LENGTH, "Transfer-Encoding:\x0bchunked"),
    "two-lengths": (LENGTH, LENGTH),
    "two-other-lengths": (LENGTH, "Content-Length: 0"),
    "list-of-lengths": (f"{LENGTH}, {len(BODY)}",),
    "plus-length": (f"Content-Length: +{len(BODY)}",),
    "hexadecimal-length": ("Content-Length: 0x6",),
    "short-length": ("Content-Length: 3",),
    "no-length": (),
}


@pytest.mark.parametrize("name", HEADERS)
def test_header_that_could_change_what_a_request_is_is_refused(
    world: World, upstream: RawUpstream, name: str
) -> None:
    holder = world.may("POST", TARGET, BODY)
    body = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n" if "chunked" in name else BODY
    answer = holder.raw(_request(*HEADERS[name], body=body))
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert unheard(upstream)
    assert holder.raw(_request(LENGTH, "Accept: a/b")).startswith(b"HTTP/1.1 200 ")
    assert upstream.head[1]["accept"] == "a/b"


LINES: dict[str, str] = {
    "absolute": f"POST http://gateway{TARGET} HTTP/1.1",
    "absolute-elsewhere": f"POST http://evil.example{TARGET} HTTP/1.1",
    "authority": "CONNECT evil.example:443 HTTP/1.1",
    "star": "OPTIONS * HTTP/1.1",
    "trace": f"TRACE {TARGET} HTTP/1.1",
    "small-letters": f"post {TARGET} HTTP/1.1",
    "made-up-method": f"POSTX {TARGET} HTTP/1.1",
    "fragment": f"POST {TARGET}#x HTTP/1.1",
    "two-slashes": f"POST /{TARGET} HTTP/1.1",
    "slashes-of-a-host": f"POST //evil.example{TARGET} HTTP/1.1",
    "user": f"POST @evil.example{TARGET} HTTP/1.1",
    "dots": "POST /v1/x/../orders?limit=2 HTTP/1.1",
    "dots-escaped": "POST /v1/x/%2e%2e/orders?limit=2 HTTP/1.1",
    "escaped-letter": "POST /v1/%6frders?limit=2 HTTP/1.1",
    "escaped-question": "POST /v1/orders%3Flimit=2 HTTP/1.1",
    "backslash": "POST \\v1\\orders?limit=2 HTTP/1.1",
    "parameters": "POST /v1/orders;x=1?limit=2 HTTP/1.1",
    "tab": f"POST\t{TARGET}\tHTTP/1.1",
    "space-inside": f"POST {TARGET} x HTTP/1.1",
    "nul": f"POST {TARGET}\x00 HTTP/1.1",
    "version-9": f"POST {TARGET}",
    "version-2": f"POST {TARGET} HTTP/2.0",
    "version-odd": f"POST {TARGET} HTTP/1.10",
    "split": f"POST {TARGET} HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/secrets HTTP/1.1",
}


@pytest.mark.parametrize("name", LINES)
def test_target_that_is_not_the_decided_bytes_is_refused(
    world: World, upstream: RawUpstream, name: str
) -> None:
    holder = world.may("POST", TARGET, BODY)
    answer = holder.raw(_request(LENGTH, line=LINES[name]))
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert unheard(upstream)
    assert holder.raw(_request(LENGTH)).startswith(b"HTTP/1.1 200 ")


def test_what_follows_a_request_on_its_connection_is_nobodys(
    world: World, upstream: RawUpstream
) -> None:
    both = (*world.decided("POST", TARGET, BODY), *world.decided("GET", "/v1/secrets"))
    holder = world.holder(both)
    answer = holder.raw(_request(LENGTH) + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()
    assert len(upstream.heard) == 1
    assert SMUGGLED.encode()[:10] not in upstream.heard[0]
    # The control: on a connection of its own it goes through.
    assert holder.raw(SMUGGLED).startswith(b"HTTP/1.1 200 ")


def test_a_refused_body_is_not_read_as_a_request(world: World, upstream: RawUpstream) -> None:
    holder = world.may("GET", "/v1/secrets")
    hidden = SMUGGLED.replace("KEY", holder.key)
    length = f"Content-Length: {len(hidden)}"
    for framing in (length, "Transfer-Encoding: chunked", "Content-Length: 0"):
        refused = holder.raw(_request(framing, body=hidden))
        assert refused.count(b"HTTP/1.") == 1
        assert unheard(upstream)
    assert holder.raw(SMUGGLED).startswith(b"HTTP/1.1 200 ")


def test_body_that_changes_the_method_by_another_media_type_is_refused(
    world: World, upstream: RawUpstream
) -> None:
    """Judged as JSON it is harmless; sent as a form it would be a DELETE to some servers."""
    body = '{"note":"&_method=DELETE&"}'
    json = {"Content-Type": "application/json"}
    holder = world.holder(world.decided("POST", TARGET, body, json))
    length = f"Content-Length: {len(body)}"
    form = _request(length, "Content-Type: application/x-www-form-urlencoded", body=body)
    for attack in (form, _request(length, body=body)):
        assert holder.raw(attack).startswith(b"HTTP/1.1 400 ")
    assert unheard(upstream)
    honest = _request(length, "Content-Type: application/json", body=body)
    assert holder.raw(honest).startswith(b"HTTP/1.1 200 ")


def test_answers_of_refusals_hold_nothing_that_was_sent_or_is_secret(
    world: World, upstream: RawUpstream
) -> None:
    holder = world.may("POST", TARGET, BODY)
    marked = _request(LENGTH, "X-Mark: mark-of-mine", line="POST /mark-of-mine HTTP/1.1")
    for answer in (holder.raw(marked), holder.raw(_request(LENGTH, "X-Mark: mark-of-mine"))):
        assert b"mark-of-mine" not in answer
        assert holder.key.encode() not in answer
        assert STANDING.encode() not in answer
    assert unheard(upstream)
    assert holder.raw(_request(LENGTH)).startswith(b"HTTP/1.1 200 ")


def test_request_that_no_parser_takes_is_neither_echoed_nor_logged(
    world: World, upstream: RawUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    holder = world.may("POST", TARGET, BODY)
    for broken in (_request("Authorization : Bearer KEY"), _request("Transfer-Encoding: chunked")):
        answer = holder.raw(broken)
        assert answer.startswith(b"HTTP/1.0 400 ")
        for text in (answer.decode("latin-1"), caplog.text):
            assert holder.key not in text
            assert BODY not in text
    assert "BadHttpMessage" in caplog.text
    assert holder.raw(_request(LENGTH)).startswith(b"HTTP/1.1 200 ")


def test_body_beyond_the_bound_is_refused_while_it_comes(
    world: World, upstream: RawUpstream
) -> None:
    holder = world.may("POST", TARGET, BODY)
    answer = holder.raw(_request("Content-Length: 140000", body="x" * 140_000))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert unheard(upstream)
