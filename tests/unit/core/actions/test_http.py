"""Requests: what each does, what it needs, and what runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from commands import codes
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.http.hosts import power_of, read_host
from counterfoil.core.actions.http.url import Url, read_url, second_opinion
from counterfoil.core.model import Registered, Resource
from http_attacks import ALLOWED, BEYOND, OK, ORIGIN, UNSENDABLE
from requests_read import CLIENTS, ORDERS_API, Listener, read_request


def test_a_request_is_one_operation_with_exactly_its_right() -> None:
    reading = read_request(f"{OK}/17?limit=20&offset=0")
    (operation,) = reading.operations
    assert (operation.family, operation.verb) == ("http", "get")
    assert operation.object == {
        "kind": "endpoint",
        "origin": ORIGIN,
        "segments": ["v1", "orders", "17"],
        "query": ["limit", "offset"],
    }
    assert reading.required == (
        {
            "type": "http",
            "locations": [ORIGIN],
            "identifier": "/v1/orders/17?limit=20&offset=0",
            "actions": ["GET"],
            "operations": [0],
        },
    )
    assert reading.resource == ORDERS_API
    assert reading.execute is not None
    assert reading.execute.session == {"follow_redirects": False}


def test_a_body_is_bound_by_its_digest() -> None:
    kind = {"Content-Type": "application/json"}
    reading = read_request(OK, "POST", body='{"id":1}', headers=kind)
    sha256 = hashlib.sha256(b'{"id":1}').hexdigest()
    assert reading.required[0]["body_sha256"] == sha256
    assert reading.operations[0].details["body"] == {
        "sha256": sha256,
        "bytes": 8,
        "media_type": "application/json",
    }
    assert read_request(OK, "POST").required[0].keys() == read_request(OK).required[0].keys()


@pytest.mark.parametrize(
    ("sent", "runs"),
    [
        ("HTTPS://Orders.Example.COM:443/v1/orders", OK),
        ("https://orders.example.com", f"{ORIGIN}/"),
        (f"{OK}?filter[state]=open", f"{OK}?filter%5Bstate%5D=open"),
        (f"{OK}?name=Jos\u00e9", f"{OK}?name=Jos%C3%A9"),
        (f"{OK}?name=O'Neill", f"{OK}?name=O%27Neill"),
        (f"{OK}?q=a b", f"{OK}?q=a%20b"),
        (f"{OK}/a%c3%a9", f"{OK}/a%C3%A9"),
    ],
)
def test_the_normalised_url_runs(sent: str, runs: str) -> None:
    execute = read_request(sent).execute
    assert execute is not None
    assert execute.arguments == {"method": "GET", "url": runs}


@pytest.mark.parametrize("name", BEYOND)
def test_a_trick_is_uncertain_or_another_origin(name: str) -> None:
    reading = read_request(**BEYOND[name])
    if not codes(reading):
        assert reading.operations[0].object["origin"] != ORIGIN


@pytest.mark.parametrize("name", UNSENDABLE)
def test_half_of_a_character_is_uncertain(name: str) -> None:
    assert codes(read_request(**UNSENDABLE[name]))


@pytest.mark.parametrize("name", ALLOWED)
def test_honest_requests_beside_them_are_certain(name: str) -> None:
    assert not read_request(**ALLOWED[name]).uncertain


@pytest.mark.parametrize(
    ("host", "power"),
    [
        ("orders.example.com", None),
        ("93.184.215.14", None),
        ("[2606:2800:21f:cb07:6820:80da:af6b:8b2c]", None),
        ("127.0.0.1", "loopback"),
        ("127.8.9.1", "loopback"),
        ("[::1]", "loopback"),
        ("localhost", "loopback"),
        ("a.localhost", "loopback"),
        ("10.0.0.5", "private"),
        ("172.31.0.1", "private"),
        ("100.127.0.1", "private"),
        ("[fd12::1]", "private"),
        ("192.0.2.1", "private"),
        ("vault", "private"),
        ("db.internal", "private"),
        ("orders.shop.svc", "private"),
        ("10.0.0.5.nip.io", "private"),
        ("169.254.169.254", "metadata"),
        ("169.254.7.7", "metadata"),
        ("[fe80::1]", "metadata"),
        ("168.63.129.16", "metadata"),
        ("100.100.100.200", "metadata"),
        ("[fd00:ec2::254]", "metadata"),
        ("metadata.google.internal", "metadata"),
        ("0.0.0.1", "private"),
        ("224.0.0.1", "special"),
        ("255.255.255.255", "special"),
        ("[::]", "special"),
    ],
)
def test_where_a_host_lies_is_a_power_of_its_own(host: str, power: str | None) -> None:
    assert power_of(host) == power
    reading = read_request(f"http://{host}/x")
    reach = [item for item in reading.operations if item.verb == "reach"]
    assert [item.details for item in reach] == ([{"powers": [power]}] if power else [])
    assert reading.required[0]["operations"] == list(range(len(reading.operations)))


def test_the_agents_own_credential_is_a_power_of_its_own() -> None:
    first, second = read_request(OK, headers={"Authorization": "Bearer x"}).operations
    assert first == read_request(OK, headers={"Accept": "x"}).operations[0].__class__(
        family=first.family,
        verb=first.verb,
        object=first.object,
        span=first.span,
        details={"headers": ["authorization"]},
    )
    assert (second.verb, second.details) == ("authenticate", {"powers": ["credential"]})


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"params": {"a": "b"}}, "uncertain.http_argument"),
        ({"allow_redirects": True}, "uncertain.http_argument"),
        ({"proxies": {"https": "http://evil.example"}}, "uncertain.http_argument"),
        ({"headers": "Host: evil.example"}, "uncertain.http_header"),
        ({"headers": {"Accept": 7}}, "uncertain.http_header"),
        ({"body": {"a": 1}}, "uncertain.http_body"),
    ],
)
def test_arguments_that_are_not_read_are_uncertain(more: dict[str, Any], code: str) -> None:
    assert codes(read_request(OK, "POST", **more)) == [code]
    assert not codes(read_request(OK, "POST"))  # control


def test_a_tool_of_one_api_reaches_no_other() -> None:
    assert read_request(OK, resource=ORDERS_API).resource == ORDERS_API
    other = "https://evil.example/v1/orders"
    assert codes(read_request(other, resource=ORDERS_API)) == ["uncertain.resource_location"]
    database = Resource(type="postgresql", id="x", location=ORIGIN)
    assert codes(read_request(OK, resource=database)) == ["uncertain.resource_type"]


def test_an_origin_that_nobody_registered_is_read_and_has_no_resource() -> None:
    reading = read_request(OK, registered=Registered())
    assert (reading.uncertain, reading.resource) == ((), None)
    (named,) = read_request(OK).required
    assert reading.required == (named,)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.mark.parametrize("client", CLIENTS)
def test_the_text_that_came_may_act_differently_and_the_normal_form_does_not(
    listener: Listener, client: str
) -> None:
    """`'` in a query: the WHATWG's clients escape it, requests and httpx do not."""
    base = f"http://127.0.0.1:{listener.port}/v1/orders"
    sent = f"{base}?name=O'Neill"
    execute = read_request(sent).execute
    assert execute is not None
    runs = str(execute.arguments["url"])
    assert listener.sent_by(lambda: CLIENTS[client](sent))[1] == "/v1/orders?name=O'Neill"
    assert listener.sent_by(lambda: CLIENTS[client](runs))[1] == "/v1/orders?name=O%27Neill"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://a.example\\@b.example/", "http://b.example"),  # urlsplit reads b, ada a
        ("http://a.example/%2e%2e", "http://a.example"),  # ada's path is another
        ("http://10.1/", "http://10.1"),
    ],
)
def test_the_second_opinion_would_catch_a_fault_of_the_first(text: str, origin: str) -> None:
    host = origin.removeprefix("http://")
    misread = Url(origin=origin, host=host, path="/", query=None, text=text)
    with pytest.raises(Unreadable):
        second_opinion(text, misread)
    honest = read_url(f"{origin.replace('10.1', '10.0.0.1')}/")
    second_opinion(honest.text, honest)  # control


@pytest.mark.parametrize(
    "host",
    [
        "::ffff:a9fe:a9fe",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "::ffff:0:7f00:1",
    ],
)
def test_an_ipv4_address_inside_of_ipv6_is_uncertain(host: str) -> None:
    assert codes(read_request(f"http://[{host}]/")) == ["uncertain.http_host"]
    assert not codes(read_request("http://[2606:4700::1111]/"))  # control


@pytest.mark.parametrize(
    "host", ["a.0x1", "a.0x", "shop.example.0xff", "a.1", "10.0.0.01", "0xa.1"]
)
def test_a_name_that_ends_in_a_number_is_refused_before_any_second_parser(host: str) -> None:
    """Some resolvers take it for an IPv4 address; the grammar itself must not let it by."""
    with pytest.raises(Unreadable) as doubt:
        read_host(host, (0, len(host)))
    assert doubt.value.code == "uncertain.http_host"
    assert read_host("a.0xg", (0, 5)) == "a.0xg"  # control: no number


@pytest.mark.parametrize(
    "place",
    [
        "a%2eb",
        "a.example:+81",
        "a.example:8_1",
        "a.example:٨١",
        "a.example:65536",
        "a.example:-1",
        "a.example:081",
        "a.example.",
        "\uff41.example",
        "a\u3002example",
        "a\xad.example",
    ],
)
def test_hosts_and_ports_that_clients_read_differently_are_uncertain(place: str) -> None:
    reading = read_request(f"https://{place}/")
    assert codes(reading)[0].startswith("uncertain.http_")
    assert not codes(read_request("https://a.example:81/"))  # control
