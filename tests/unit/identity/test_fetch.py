"""Rule 10: one bounded exchange with a provider, whatever it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certificates import Authority
from counterfoil.core.urls import UnsafeUrl, check_callable, is_plain_loopback
from counterfoil.identity import fetch
from counterfoil.identity.discovery import (
    MalformedMetadata,
    ProviderMetadata,
    metadata_url,
    read_metadata,
)
from counterfoil.identity.fetch import Fetcher, FetchFailed
from simulators import provider as faults
from simulators.provider import EVIL, KEYS, Provider, Serve, running_provider

BOUND_SECONDS = 0.5


@pytest.fixture(scope="module")
def shared() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def provider(shared: Provider) -> Provider:
    shared.behave()
    shared.requests.clear()
    return shared


def get(url: str, *, plain_loopback: bool = True, ca_file: Path | None = None) -> bytes:
    async def once() -> bytes:
        async with Fetcher(ca_file=ca_file, plain_loopback=plain_loopback) as fetcher:
            return await fetcher.get(url)

    return asyncio.run(once())


FAULTS: dict[str, tuple[Callable[[Provider], Serve], str]] = {
    "redirect": (lambda p: p.redirect, "HTTP 302"),
    "500 with a good body": (lambda _: faults.failing, "HTTP 500"),
    "404": (lambda _: lambda h: h.answer(b"{}", status=404), "HTTP 404"),
    "204": (lambda _: lambda h: h.answer(b"", status=204), "HTTP 204"),
    "203 with a good body": (lambda _: lambda h: h.answer(b"{}", status=203), "HTTP 203"),
    "compressed": (lambda _: faults.compressed, "a compressed answer"),
    "endless": (lambda _: faults.huge, "more than 262144 bytes"),
    "cut": (lambda _: faults.cut, "ClientPayloadError"),
    "reset": (lambda _: faults.reset, ""),
    "no HTTP": (lambda _: faults.garbage, ""),
    "hanging": (lambda p: p.hang, "no complete answer in"),
    "dripping": (lambda p: p.drip, "no complete answer in"),
    "dripping header": (lambda p: p.drip_header, "no complete answer in"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_nothing_but_a_complete_bounded_200_counts(
    provider: Provider, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b'"keys"' in get(provider.url + KEYS)
    monkeypatch.setattr(fetch, "EXCHANGE_SECONDS", BOUND_SECONDS)
    how, reason = FAULTS[kind]
    provider.serve(KEYS, how(provider))
    with pytest.raises(FetchFailed) as failure:
        get(provider.url + KEYS)
    assert reason in str(failure.value)
    assert provider.asked(EVIL) == 0


def test_environment_is_not_read(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert b'"keys"' in get(provider.url + KEYS)


def test_cookies_and_compression_are_not_asked_for(provider: Provider) -> None:
    cookie = {"Set-Cookie": "a=b; Path=/"}
    provider.serve(KEYS, lambda h: h.answer(b"{}", headers=cookie))

    async def twice() -> None:
        async with Fetcher(plain_loopback=True) as fetcher:
            await fetcher.get(provider.url + KEYS)
            await fetcher.get(provider.url + KEYS)

    asyncio.run(twice())
    assert len(provider.requests) == 2
    for request in provider.requests:
        assert "Cookie" not in request.headers
        assert request.headers["Accept-Encoding"] == "identity"


def test_form_and_authorization_go_to_the_endpoint_alone(provider: Provider) -> None:
    provider.serve("/introspect", lambda h: h.answer(b"{}"))

    async def once() -> bytes:
        async with Fetcher(plain_loopback=True) as fetcher:
            url = provider.url + "/introspect"
            return await fetcher.post(url, {"token": "a b"}, authorization="Basic eDp5")

    assert asyncio.run(once()) == b"{}"
    (request,) = provider.requests
    assert (request.method, request.body) == ("POST", b"token=a+b")
    assert request.headers["Authorization"] == "Basic eDp5"


def test_plain_http_is_refused_where_loopback_is_not_configured(provider: Provider) -> None:
    with pytest.raises(FetchFailed, match="https"):
        get(provider.url + KEYS, plain_loopback=False)
    assert provider.requests == []


def test_unverified_tls_is_no_answer(provider: Provider) -> None:
    with pytest.raises(FetchFailed):
        get(provider.url.replace("http:", "https:") + KEYS)
    assert provider.requests == []


def test_provider_is_who_its_authority_says(tmp_path: Path) -> None:
    ours, other = Authority.make(tmp_path, "ours"), Authority.make(tmp_path, "other")
    with running_provider(tls=ours.server(tmp_path)) as honest:
        assert b'"keys"' in get(honest.url + KEYS, ca_file=ours.file)
        for ca_file in (other.file, None):
            with pytest.raises(FetchFailed):
                get(honest.url + KEYS, ca_file=ca_file)
        assert honest.asked(KEYS) == 1
    with running_provider(tls=ours.server(tmp_path, "127.0.0.2")) as misnamed:
        with pytest.raises(FetchFailed):
            get(misnamed.url + KEYS, ca_file=ours.file)
        assert misnamed.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/keys",
        "http://localhost.example.com/keys",
        "http://127.0.0.1.example.com/keys",
        "http://2130706433/keys",
        "http://[::ffff:8.8.8.8]/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https://",
        "https:///keys",
        "//idp.example.com/keys",
        "/keys",
        "",
        "https://user@idp.example.com/keys",
        "https://user:secret@idp.example.com/keys",
        "https://@idp.example.com/keys",
        "https://idp.example.com/keys#a",
        "https://idp.example.com/keys#",
        "https://idp.example.com:99999/keys",
        "https://idp.example.com:0/keys",
        "https://idp.example.com:port/keys",
        "https://idp.example.com\\@evil.example/keys",
        "https://idp.example.com/ke ys",
        "https://idp.example.com/keys\n",
        "https://idp.exämple.com/keys",
        "https://[::1/keys",
        "https://idp.example.com/" + "k" * 2_048,
    ],
)
def test_url_that_may_not_be_called_is_refused(url: str) -> None:
    check_callable("https://idp.example.com/keys", plain_loopback=False)
    with pytest.raises(UnsafeUrl):
        check_callable(url, plain_loopback=True)


@pytest.mark.parametrize("host", ["127.0.0.1:8180", "localhost", "[::1]:8180", "127.8.8.8"])
def test_plain_http_is_for_this_machine_alone(host: str) -> None:
    url = f"http://{host}/keys"
    check_callable(url, plain_loopback=True)
    assert is_plain_loopback(url)
    with pytest.raises(UnsafeUrl):
        check_callable(url, plain_loopback=False)


def test_metadata_names_the_endpoints(provider: Provider) -> None:
    data = get(metadata_url(provider.url))
    assert read_metadata(data, provider.url) == ProviderMetadata(
        issuer=provider.url,
        jwks_uri=provider.url + KEYS,
        introspection_endpoint=provider.url + "/introspect",
        authorization_endpoint=provider.url + "/authorize",
        token_endpoint=provider.url + "/token",
        device_authorization_endpoint=None,
    )


def test_metadata_lies_below_the_issuer() -> None:
    expected = "https://idp.example.com/realms/a/.well-known/openid-configuration"
    assert metadata_url("https://idp.example.com/realms/a") == expected
    assert metadata_url("https://idp.example.com/realms/a/") == expected


ISSUER = "https://idp.example.com"
WRONG_METADATA = {
    "another issuer": b'{"issuer": "https://evil.example", "jwks_uri": "https://x/k"}',
    "issuer with a slash": b'{"issuer": "https://idp.example.com/"}',
    "issuer in capitals": b'{"issuer": "https://IDP.example.com"}',
    "issuer in a list": b'{"issuer": ["https://idp.example.com"]}',
    "no issuer": b'{"jwks_uri": "https://idp.example.com/keys"}',
    "issuer twice": b'{"issuer": "https://evil.example", "issuer": "https://idp.example.com"}',
    "HTML": b"<!doctype html>",
    "a list": b'[{"issuer": "https://idp.example.com"}]',
    "nothing": b"",
    "not UTF-8": b'{"issuer": "https://idp.example.com", "x": "\xff"}',
}


@pytest.mark.parametrize("kind", WRONG_METADATA)
def test_metadata_of_another_issuer_is_refused(kind: str) -> None:
    assert read_metadata(b'{"issuer": "https://idp.example.com"}', ISSUER).jwks_uri is None
    with pytest.raises(MalformedMetadata):
        read_metadata(WRONG_METADATA[kind], ISSUER)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://idp.example.com/keys",
        "http://127.0.0.1:9/keys",
        "http://localhost/keys",
        "file:///etc/passwd",
        "https://user@idp.example.com/keys",
        "/keys",
        7,
        None,
        ["https://idp.example.com/keys"],
    ],
)
def test_provider_sends_us_nowhere_that_may_not_be_called(endpoint: object) -> None:
    good = json.dumps({"issuer": ISSUER, "jwks_uri": ISSUER + "/keys"}).encode()
    assert read_metadata(good, ISSUER).jwks_uri == ISSUER + "/keys"
    bad = json.dumps({"issuer": ISSUER, "jwks_uri": endpoint}).encode()
    assert read_metadata(bad, ISSUER).jwks_uri is None
