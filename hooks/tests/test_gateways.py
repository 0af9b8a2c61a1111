"""A request goes to the gateway with the job's key, and is otherwise the judged one."""

from __future__ import annotations

import httpx
import pytest

from autogen_counterfoil import through_gateway
from autogen_counterfoil.issued import Credential

KEY = "cf-abc.0123456789"
GATEWAY = Credential({"url": "https://gateway.example.com:8443", "key": KEY}, expires_in=60)


@pytest.mark.parametrize(
    "target",
    ["/", "/v1/a%20b/%C3%A9?x=%27&y=%5B1%5D", "/v1/x;y?u=https://b.example/?x=1", "//v1/../a"],
)
def test_nothing_but_the_origin_is_another_one(target: str) -> None:
    url, headers = through_gateway(GATEWAY, f"https://api.example.com{target}")
    assert url == f"https://gateway.example.com:8443{target}"
    assert headers == {"Authorization": f"Bearer {KEY}"}


def test_request_of_an_ordinary_client_holds_the_judged_path() -> None:
    url, headers = through_gateway(GATEWAY, "https://api.example.com/v1/orders?limit=%32")
    request = httpx.Request("GET", url, headers=headers)
    assert (request.url.raw_path, request.url.host) == (
        b"/v1/orders?limit=%32",
        "gateway.example.com",
    )


@pytest.mark.parametrize("url", ["/v1", "https://api.example.com", "file:///etc/passwd", ""])
def test_what_is_no_judged_url_is_sent_nowhere(url: str) -> None:
    with pytest.raises(ValueError, match="judged"):
        through_gateway(GATEWAY, url)


def test_credential_of_another_kind_lets_nothing_through() -> None:
    with pytest.raises(KeyError):
        through_gateway(Credential({"token": "x"}, expires_in=60), "https://api.example.com/")
