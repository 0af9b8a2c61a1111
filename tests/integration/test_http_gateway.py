"""Through the gateway goes exactly the decided request, once, with the standing credential."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from certificates import Authority
from counterfoil_issuers.contract import Ended, Finding, TargetError
from gateway_world import STANDING, World, gateway, unheard
from simulators.raw_upstream import RawUpstream, raw_upstream

TARGET = "/v1/orders?limit=2&state=open"
BODY = '{"item": "ä"}'


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


def test_decided_request_arrives_as_it_was_judged_with_the_standing_credential(
    world: World, upstream: RawUpstream
) -> None:
    holder = world.may("POST", TARGET, BODY)
    sent = {"Content-Type": "application/json", "Accept": "application/json", "If-Match": '"7"'}
    answer = holder.send("POST", TARGET, data=BODY.encode(), headers=sent)
    assert (answer.status_code, answer.json()) == (200, {})
    line, headers = upstream.head
    assert line == f"POST {TARGET} HTTP/1.1"
    assert upstream.body == BODY.encode()
    assert headers.pop("authorization") == STANDING
    assert headers.pop("host") == upstream.origin.removeprefix("http://")
    assert headers.pop("content-length") == str(len(BODY.encode()))
    assert headers.pop("user-agent").startswith("python-requests")
    assert headers.pop("accept-encoding") == "identity"
    assert headers.pop("connection") == "close"
    assert headers == {name.lower(): value for name, value in sent.items()}
    assert holder.key.encode() not in upstream.heard[0]
    for text in (answer.text, str(answer.headers)):
        assert "standing" not in text
        assert holder.key not in text


ODD_TARGETS = [
    "/",
    "/v1/a%20b/%C3%A9",
    "/v1/x;y,z/(1)!*'~",
    "/v1/a?x=%27&y=%5B1%5D&y=2&z",
    "/v1/a?u=https://b.example/?x=1",
    "/v1/a?x=+&y=%2B",
    "/v1/:id@now",
]


@pytest.mark.parametrize("target", ODD_TARGETS)
def test_path_and_query_stay_byte_for_byte(
    world: World, upstream: RawUpstream, target: str
) -> None:
    assert world.may("GET", target).send("GET", target).status_code == 200
    assert upstream.head[0] == f"GET {target} HTTP/1.1"


OTHER_REQUESTS: dict[str, tuple[str, str, str | None]] = {
    "method": ("DELETE", TARGET, BODY),
    "path": ("POST", "/v1/order?limit=2&state=open", BODY),
    "longer-path": ("POST", f"/v1/orders/1{TARGET[10:]}", BODY),
    "query-value": ("POST", "/v1/orders?limit=3&state=open", BODY),
    "query-order": ("POST", "/v1/orders?state=open&limit=2", BODY),
    "query-more": ("POST", f"{TARGET}&x=1", BODY),
    "no-query": ("POST", "/v1/orders", BODY),
    "escaped": ("POST", "/v1/%6Frders?limit=2&state=open", BODY),
    "dots": ("POST", "/v1/x/../orders?limit=2&state=open", BODY),
    "slashes": ("POST", "//v1/orders?limit=2&state=open", BODY),
    "body": ("POST", TARGET, '{"item": "b"}'),
    "body-longer": ("POST", TARGET, BODY + " "),
    "no-body": ("POST", TARGET, None),
}


@pytest.mark.parametrize("name", OTHER_REQUESTS)
def test_another_request_is_refused_and_told_of(
    world: World, upstream: RawUpstream, name: str
) -> None:
    method, target, body = OTHER_REQUESTS[name]
    holder = world.may("POST", TARGET, BODY)
    data = None if body is None else body.encode()
    refused = holder.send(method, target, data=data)
    assert refused.status_code in {400, 403}
    assert unheard(upstream)
    # The key was not used up by it: the decided request goes through.
    assert holder.send("POST", TARGET, data=BODY.encode()).status_code == 200
    codes = {one.code for one in world.issuer.end(holder.job).findings}
    assert codes <= {"request_not_decided", "body_not_decided"}
    if refused.status_code == 403:
        assert codes == {refused.json()["error"]}


def test_a_body_where_none_was_decided_is_refused(world: World, upstream: RawUpstream) -> None:
    holder = world.may("DELETE", "/v1/orders/1")
    assert holder.send("DELETE", "/v1/orders/1", data=b"x").status_code == 403
    assert unheard(upstream)
    assert holder.send("DELETE", "/v1/orders/1").status_code == 200


def test_second_use_is_refused(world: World, upstream: RawUpstream) -> None:
    holder = world.may("GET", TARGET)
    assert holder.send("GET", TARGET).status_code == 200
    again = holder.send("GET", TARGET)
    assert (again.status_code, again.json()["error"]) == (409, "request_used")
    assert len(upstream.heard) == 1
    assert world.issuer.end(holder.job) == Ended(findings=(Finding(code="request_used", object=upstream.origin),))  # fmt: skip


def test_of_many_at_once_one_goes_through(world: World, upstream: RawUpstream) -> None:
    holder = world.may("GET", TARGET)
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(holder.send("GET", TARGET).status_code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, *[409] * 11]
    assert len(upstream.heard) == 1


def test_each_of_a_jobs_requests_goes_through_once(world: World, upstream: RawUpstream) -> None:
    both = (*world.decided("GET", "/v1/a"), *world.decided("GET", "/v1/b"))
    holder = world.holder(both)
    assert [holder.send("GET", f"/v1/{one}").status_code for one in "abab"] == [200, 200, 409, 409]
    assert len(upstream.heard) == 2


def test_failed_sending_uses_the_request_up(world: World, upstream: RawUpstream) -> None:
    holder = world.may("POST", TARGET, BODY)
    upstream.answer = b""  # it was heard, and nothing came back
    failed = holder.send("POST", TARGET, data=BODY.encode())
    assert (failed.status_code, failed.json()["error"]) == (502, "api_not_reached")
    assert holder.send("POST", TARGET, data=BODY.encode()).status_code == 409
    assert len(upstream.heard) == 1


KEYS: dict[str, str] = {
    "none": "",
    "not-a-bearer": "Basic KEY",
    "another-secret": "Bearer NAME." + "a" * 43,
    "name-alone": "Bearer NAME",
    "shorter": "Bearer SHORT",
    "longer": "Bearer KEYx",
    "standing": STANDING,
    "bytes": "Bearer \xff\xfe",
}


@pytest.mark.parametrize("name", KEYS)
def test_whoever_has_no_key_gets_nothing(world: World, upstream: RawUpstream, name: str) -> None:
    holder = world.may("GET", TARGET)
    value = KEYS[name].replace("NAME", holder.job.name).replace("SHORT", holder.key[:-1])
    lines = f"Authorization: {value}\r\n" if value else ""
    answer = holder.raw(f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert unheard(upstream)
    assert holder.send("GET", TARGET).status_code == 200


def test_key_of_another_job_opens_nothing_of_this_one(world: World, upstream: RawUpstream) -> None:
    one, other = world.may("GET", "/v1/a"), world.may("GET", "/v1/b")
    assert one.send("GET", "/v1/b").status_code == 403
    assert unheard(upstream)
    assert other.send("GET", "/v1/b").status_code == 200


def test_nothing_goes_through_after_the_end_or_the_deadline(
    world: World, upstream: RawUpstream
) -> None:
    ended, late = world.may("GET", TARGET), world.holder(world.decided("GET", TARGET), seconds=0)
    assert ended.job.name in world.issuer.names()
    assert world.issuer.end(ended.job) == world.issuer.end(ended.job) == Ended()
    assert ended.job.name not in world.issuer.names()
    assert ended.send("GET", TARGET).status_code == late.send("GET", TARGET).status_code == 401
    assert unheard(upstream)


def test_end_cuts_what_is_under_way(world: World, upstream: RawUpstream) -> None:
    upstream.hold = threading.Event()
    holder = world.may("GET", TARGET)
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(holder.send("GET", TARGET)))
    thread.start()
    assert upstream.came.wait(10)
    assert world.issuer.end(holder.job) == Ended()
    thread.join(10)
    assert [one.status_code for one in answers] == [504]


def test_api_that_does_not_answer_ends_in_bounded_time(
    upstream: RawUpstream, tmp_path: Path
) -> None:
    upstream.hold = threading.Event()
    with gateway(tmp_path, upstream.origin, seconds=0.3) as world:
        answer = world.may("GET", TARGET).send("GET", TARGET)
        assert (answer.status_code, answer.json()["error"]) == (504, "no_answer_in_time")


def test_api_is_reached_by_tls_that_its_authority_vouches_for(tmp_path: Path) -> None:
    authority, stranger = (Authority.make(tmp_path, name) for name in ("api", "stranger"))
    with raw_upstream(authority.server(tmp_path)) as upstream:
        origin = upstream.origin.replace("http:", "https:")
        for ca, status in ((stranger, 502), (authority, 200)):
            with gateway(tmp_path, origin, ca_file=str(ca.file)) as world:
                assert unheard(upstream)
                assert world.may("GET", TARGET).send("GET", TARGET).status_code == status
        assert len(upstream.heard) == 1


def test_name_that_means_this_machine_is_not_reached_unless_its_network_is_configured(
    upstream: RawUpstream, tmp_path: Path
) -> None:
    origin = f"http://localhost:{upstream.port}"
    with gateway(tmp_path, origin, networks=[]) as world:
        assert world.may("GET", TARGET).send("GET", TARGET).status_code == 502
        assert unheard(upstream)
    with gateway(tmp_path, origin, networks=["127.0.0.0/8", "::1/128"]) as world:
        assert world.may("GET", TARGET).send("GET", TARGET).status_code == 200


def test_check_reaches_the_api_without_sending_it_anything(
    world: World, upstream: RawUpstream, tmp_path: Path
) -> None:
    assert world.issuer.reach() == []
    authority, stranger = (Authority.make(tmp_path, name) for name in ("api", "stranger"))
    with raw_upstream(authority.server(tmp_path)) as by_tls:
        origin = by_tls.origin.replace("http:", "https:")
        with gateway(tmp_path, origin, ca_file=str(authority.file)) as known:
            assert known.issuer.reach() == []
        with gateway(tmp_path, origin, ca_file=str(stranger.file)) as unknown, pytest.raises(TargetError):  # fmt: skip
            unknown.issuer.reach()
    named = f"http://localhost:{upstream.port}"
    with gateway(tmp_path, named, networks=[]) as closed, pytest.raises(TargetError, match="net"):
        closed.issuer.reach()
    with gateway(tmp_path, "http://127.0.0.1:1") as nowhere, pytest.raises(TargetError):
        nowhere.issuer.reach()
    assert unheard(upstream)


def test_environment_names_no_proxy_for_it(
    world: World, upstream: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert world.may("GET", TARGET).send("GET", TARGET).status_code == 200
    assert not unheard(upstream)
