"""What comes back through the gateway: the answer, within bounds, without the standing credential."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gateway_world import STANDING, World, gateway
from simulators.raw_upstream import PLAIN, RawUpstream, raw_upstream

TARGET = "/v1/orders?limit=2&state=open"


@pytest.fixture(scope="module")
def api() -> Iterator[RawUpstream]:
    with raw_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def world(api: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, api.origin, seconds=60, max_answer_bytes=200_000) as one:
        yield one


@pytest.fixture
def upstream(api: RawUpstream) -> Iterator[RawUpstream]:
    """The API, which has heard nothing yet."""
    api.forget()
    yield api
    if api.hold is not None:
        api.hold.set()


def _answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = "".join(f"{one}\r\n" for one in headers)
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_redirect_is_given_back_and_not_followed(world: World, upstream: RawUpstream) -> None:
    upstream.answer = _answer(b"", f"Location: {upstream.origin}/v1/other", status="307 Go")
    answer = world.may("GET", TARGET).send("GET", TARGET)
    assert (answer.status_code, answer.headers["Location"]) == (307, f"{upstream.origin}/v1/other")
    assert len(upstream.heard) == 1


def test_cookies_and_unknown_headers_stay_behind(world: World, upstream: RawUpstream) -> None:
    hidden = ("Set-Cookie: session=1", "X-Internal: 1", "Proxy-Authenticate: x", "Upgrade: h2c")
    upstream.answer = _answer(b"ok", *hidden, "ETag: 1", "Link: <a>", "Link: <b>")
    answer = world.may("GET", TARGET).send("GET", TARGET)
    assert answer.headers["ETag"] == "1"
    assert answer.raw.headers.getlist("Link") == ["<a>", "<b>"]
    assert not {one.partition(":")[0] for one in hidden} & answer.headers.keys()


WITHHELD: dict[str, tuple[bytes, str]] = {
    "echo": (_answer(json.dumps({"authorization": STANDING}).encode()), "answer_holds_the_credential"),
    "its-token": (_answer(b"<pre>" + STANDING.split()[1].encode()), "answer_holds_the_credential"),
    "in-a-header": (_answer(b"", f"Link: <{STANDING}>"), "answer_holds_the_credential"),
    "compressed": (_answer(b"x", "Content-Encoding: gzip"), "answer_compressed"),
    "too-long": (_answer(b"x" * 200_001), "answer_too_long"),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHHELD)
def test_standing_credential_and_floods_do_not_come_back(
    world: World, upstream: RawUpstream, name: str
) -> None:
    upstream.answer, code = WITHHELD[name]
    holder = world.may("GET", TARGET)
    if name == "too-long":
        assert _cut_or_refused(world) == [code]
        return
    answer = holder.send("GET", TARGET)
    assert (answer.status_code, answer.json()["error"]) == (502, code)
    assert [one.code for one in world.issuer.end(holder.job).findings] == [code]


def test_long_answer_comes_whole_and_a_secret_deep_in_one_is_cut(
    world: World, upstream: RawUpstream
) -> None:
    long = bytes(range(256)) * 600
    upstream.answer = _answer(long)
    assert world.may("GET", TARGET).send("GET", TARGET).content == long
    upstream.answer = _answer(long + STANDING.encode() + b"x" * 1000)
    assert _cut_or_refused(world) == ["answer_holds_the_credential"]


def _cut_or_refused(world: World) -> list[str]:
    """The findings where an answer ends before its end, or never begins, as it happens to arrive."""
    holder = world.may("GET", TARGET)
    try:
        answer = holder.send("GET", TARGET)
        assert answer.status_code == 502
        assert b"standing" not in answer.content
    except requests.RequestException:
        pass
    return [one.code for one in world.issuer.end(holder.job).findings]


@pytest.mark.parametrize("rest", [STANDING.encode(), b"x" * 150_000])
def test_answer_that_has_begun_is_cut_before_what_must_not_come(
    world: World, upstream: RawUpstream, rest: bytes
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 250000\r\n\r\n" + b"y" * 100_000
    upstream.rest = rest
    holder = world.may("GET", TARGET)
    with requests.Session() as session:
        session.trust_env = False
        bearer = {"Authorization": f"Bearer {holder.key}"}
        answer = session.get(holder.gateway + TARGET, headers=bearer, stream=True, timeout=20)
        pieces = answer.iter_content(1_000)
        assert (answer.status_code, next(pieces)) == (200, b"y" * 1_000)
        upstream.go.set()
        got = bytearray()
        with pytest.raises(requests.RequestException):
            got.extend(byte for piece in pieces for byte in piece)
    assert b"standing" not in got
    (finding,) = world.issuer.end(holder.job).findings
    assert finding.code in {"answer_holds_the_credential", "answer_too_long"}


def test_answer_that_is_cut_on_its_way_is_not_taken_for_whole(
    world: World, upstream: RawUpstream
) -> None:
    for length in (100, 100_000):
        upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + b"x" * length
        assert _cut_or_refused(world) == []  # the API's own fault
    upstream.answer = PLAIN
    assert world.may("GET", TARGET).send("GET", TARGET).status_code == 200


def test_answer_that_switches_to_something_else_is_withheld(
    world: World, upstream: RawUpstream
) -> None:
    upstream.answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
    )
    answer = world.may("GET", TARGET).send("GET", TARGET)
    assert (answer.status_code, answer.json()["error"]) == (502, "answer_not_final")
    assert "Upgrade" not in answer.headers


def test_holder_cannot_add_to_the_header_of_the_standing_credential(
    upstream: RawUpstream, tmp_path: Path
) -> None:
    with gateway(tmp_path, upstream.origin, header="X-Api-Version", value="standing-2026") as world:
        own = {"X-API-Version": "mine"}
        assert world.may("GET", TARGET).send("GET", TARGET, headers=own).status_code == 200
    assert upstream.head[1]["x-api-version"] == "standing-2026"


def test_head_is_answered_without_a_body(world: World, upstream: RawUpstream) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: 1\r\n\r\n"
    answer = world.may("HEAD", TARGET).send("HEAD", TARGET)
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, b"", "1")
