"""What a gateway takes for a job, where it may connect to, and what it lets come back."""

from __future__ import annotations

import ipaddress
import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.renderings import NotRenderable
from counterfoil.errors import ConfigError
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry
from counterfoil_issuers.contract import Job
from counterfoil_issuers.http_proxy import Api, build
from counterfoil_issuers.http_proxy.answers import Sieve, Withheld, secrets_of
from counterfoil_issuers.http_proxy.upstream import may_reach

ROOT = Path(__file__).parents[3]
ORIGIN = "https://api.example.com"
PRIVATE = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("127.0.0.1/32"))
LINK_LOCAL = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    value = tmp_path / "value"
    value.write_text("Bearer 0123456789\n", "utf-8")
    value.chmod(0o600)
    return {
        "origin": ORIGIN,
        "header": "Authorization",
        "value_file": str(value),
        "listen": "127.0.0.1:0",
    }


@pytest.fixture
def issuer(settings: dict[str, Any]) -> Api:
    return build(settings)


def _may(target: str = "/v1", method: str = "GET", at: str = ORIGIN, **more: Any) -> dict[str, Any]:
    base = {"type": "http", "locations": [at], "identifier": target, "actions": [method]}
    return {**base, "operations": [0], **more}


def _job(*permissions: dict[str, Any]) -> Job:
    return Job(
        jti="j",
        decision_id="dec_1",
        action_digest="d",
        permissions=permissions,
        ambient=(),
        deadline=2_000_000_000,
    )


NOT_OURS: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "another-origin": [_may(at="https://api.example.com:8443")],
    "plain": [_may(at="http://api.example.com")],
    "one-of-another-origin": [_may(), _may(at="https://other.example.com")],
    "another-type": [_may(), {"type": "oci_registry"}],
    "two-methods": [_may(actions=["GET", "PUT"])],
    "unknown-member": [_may(headers=[])],
    "dots": [_may("/v1/../admin")],
    "escaped-dots": [_may("/v1/%2E%2E/admin")],
    "two-slashes": [_may("//evil.example/")],
    "escaped-letter": [_may("/v1/%41")],
    "escaped-slash": [_may("/v1/a%2Fb")],
    "override": [_may("/v1?_method=DELETE")],
    "bare-question": [_may("/v1?")],
    "quote-in-a-query": [_may("/v1?x='")],
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_what_the_gateway_would_not_send_as_it_stands_is_refused_before_it_is_redeemed(
    issuer: Api, name: str
) -> None:
    issuer.check(_job(_may("/v1?x=%27"), _may("/v1", "POST", body_sha256="0" * 64)))
    with pytest.raises(NotRenderable):
        issuer.check(_job(*NOT_OURS[name]))
    with pytest.raises(NotRenderable):
        issuer.make(_job(*NOT_OURS[name]))
    assert not issuer.names()


def test_key_is_kept_nowhere_and_nothing_secret_is_public(issuer: Api) -> None:
    job = _job(_may())
    made = issuer.make(job)
    key = made.secret["key"]
    assert (made.public, made.expires_at) == ({"origin": ORIGIN}, job.deadline)
    held = issuer.passes.known(key, 0)
    assert held is not None
    assert key not in repr(held)
    assert "0123456789" not in repr(issuer) + repr(issuer.listener.__dict__)
    issuer.make(job)  # one name, one key
    assert issuer.passes.known(key, 0) is None


def test_request_that_was_being_read_when_its_job_ended_does_not_go_out(issuer: Api) -> None:
    one, other = _job(_may()), replace(_job(_may()), jti="k")
    held = {job.jti: issuer.passes.known(issuer.make(job).secret["key"], 0) for job in (one, other)}
    issuer.end(one)
    taken = {jti: issuer.passes.take(holder, next(iter(holder.decided))) for jti, holder in held.items() if holder}  # fmt: skip
    assert taken == {"j": False, "k": True}


ADDRESSES = {
    "93.184.216.34": True,
    "2606:4700::1111": True,
    "10.1.2.3": True,
    "10.2.0.1": False,
    "127.0.0.1": True,
    "127.0.0.2": False,
    "::1": False,
    "192.168.0.1": False,
    "100.64.0.1": False,
    "fd00::1": False,
    "::ffff:10.1.2.3": False,
    "64:ff9b::a01:203": False,
    "0.0.0.0": False,  # noqa: S104 -- an address that may not be reached
    "224.0.0.1": False,
    "fe80::1%eth0": False,
    "host": False,
}
METADATA = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fe80::1"]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_private_addresses_are_reached_only_where_configured(address: str) -> None:
    assert may_reach(address, PRIVATE) is ADDRESSES[address]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_services_are_never_reached(address: str) -> None:
    assert not may_reach(address, LINK_LOCAL)
    assert may_reach("10.2.0.1", LINK_LOCAL)


SECRET = b"standing-secret"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_sieve_lets_a_body_through_as_it_is(pieces: list[bytes]) -> None:
    sieve = Sieve((SECRET,), 10_000)
    out = b"".join([sieve.feed(piece) for piece in pieces]) + sieve.end()
    assert out == b"".join(pieces)


@given(st.binary(max_size=30), st.binary(max_size=30), st.lists(st.integers(1, 20), max_size=9))
def test_no_cut_of_a_body_lets_the_secret_through(
    before: bytes, after: bytes, lengths: list[int]
) -> None:
    out = bytearray()
    with pytest.raises(Withheld):
        _feed(Sieve((SECRET,), 10_000), before + SECRET + after, [*lengths, 1_000], out)
    assert SECRET not in out
    assert out == before[: len(out)]  # not even its beginning


def _feed(sieve: Sieve, body: bytes, lengths: list[int], out: bytearray) -> None:
    for length in lengths:
        out += sieve.feed(body[:length])
        body = body[length:]


def test_secret_is_known_in_each_form_in_which_it_is_sent() -> None:
    basic = secrets_of("Basic Z2F0ZXdheTpzdGFuZGluZy1zZWNyZXQ=")
    assert {b"standing-secret", b"gateway:standing-secret"} < set(basic)
    assert secrets_of("Bearer 0123456789") == (b"0123456789", b"Bearer 0123456789")


WRONG: dict[str, dict[str, Any]] = {
    "plain-http-beyond-this-machine": {"origin": "http://api.example.com"},
    "default-port": {"origin": "https://api.example.com:443"},
    "private-address": {"origin": "https://10.9.0.1"},
    "metadata": {"origin": "https://169.254.169.254", "networks": ["0.0.0.0/0"]},
    "odd-address": {"origin": "https://2130706433"},
    "no-network": {"networks": ["10.1.0.1/16"]},
    "no-authority": {"ca_file": "/dev/null"},
    "framing": {"header": "Content-Length"},
    "host": {"header": "Host"},
    "in-the-clear": {"listen": "0.0.0.0:8443"},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_setting_stops_the_start(settings: dict[str, Any], name: str) -> None:
    build(settings)
    with pytest.raises(ConfigError):
        build(settings | WRONG[name])


@pytest.mark.parametrize("value", ["", "Bearer short", "a\r\nX-Evil: 1-1-1-1", "two\nlines-of-it", "ä" * 9])  # fmt: skip
def test_value_that_is_no_headers_stops_the_start(settings: dict[str, Any], value: str) -> None:
    Path(settings["value_file"]).write_text(value, "utf-8")
    with pytest.raises(ConfigError):
        build(settings)


def test_value_that_others_may_read_stops_the_start(settings: dict[str, Any]) -> None:
    Path(settings["value_file"]).chmod(0o644)
    with pytest.raises(ConfigError, match="chmod"):
        build(settings)


def test_page_shows_a_target_that_the_schema_accepts(settings: dict[str, Any]) -> None:
    target = SchemaRegistry.load(packaged("schemas")).compiled("issuer_http_proxy")
    page = (ROOT / "docs" / "issuers" / "http_proxy.md").read_text("utf-8")
    target.validate(tomllib.loads(page.partition("```toml")[2].partition("```")[0])["target"])
    for wrong in (
        {"origin": f"{ORIGIN}/v1"},
        {"header": "X Key"},
        {"value": "secret"},
        {"seconds": 0},
        {"tls_key_file": "k"},
    ):
        target.validate(settings)
        assert not target.is_valid(settings | wrong), json.dumps(wrong)
