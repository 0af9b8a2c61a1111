"""Of what a provider says about itself, only endpoints that may be called are kept."""

from __future__ import annotations

import json

import pytest

from counterfoil.identity.discovery import ProviderMetadata, read_metadata

ISSUER = "https://idp.example.com"
ENDPOINTS = (
    "jwks_uri",
    "introspection_endpoint",
    "authorization_endpoint",
    "token_endpoint",
    "device_authorization_endpoint",
)


def said(url: str, issuer: str = ISSUER) -> ProviderMetadata:
    document = {"issuer": issuer, **dict.fromkeys(ENDPOINTS, url)}
    return read_metadata(json.dumps(document).encode(), issuer)


def kept(metadata: ProviderMetadata) -> set[str | None]:
    return {getattr(metadata, name) for name in ENDPOINTS}


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com/keys",
        "http://127.0.0.1:8282/",  # a provider beyond the machine sends us to what listens on it
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://idp.example.com/keys",
        "https://user@idp.example.com/keys",
        "https:///keys",
        "//idp.example.com/keys",
        "/keys",
        "",
    ],
)
def test_an_endpoint_that_may_not_be_called_is_as_good_as_none(url: str) -> None:
    assert kept(said(url)) == {None}
    assert kept(said("https://keys.example.com/")) == {"https://keys.example.com/"}


def test_plain_http_is_for_an_issuer_on_this_machine_and_goes_no_further() -> None:
    issuer = "http://127.0.0.1:9000"
    assert kept(said(f"{issuer}/keys", issuer)) == {f"{issuer}/keys"}
    assert kept(said("http://idp.example.com/keys", issuer)) == {None}
