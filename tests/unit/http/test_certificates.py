"""A proxy's word about a client's certificate is read from its own door, in two exact forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from certificates import ClientCertificate
from counterfoil.errors import InvalidLauncher
from counterfoil.http.certificates import BY_PROXY, client_certificate

SHOWN = ClientCertificate.make()
ESCAPED = quote(SHOWN.pem.decode(), safe="")  # nginx's $ssl_client_escaped_cert


def by_proxy(header: str | None) -> dict[str, Any]:
    return {BY_PROXY: True, **({} if header is None else {"HTTP_CLIENT_CERT": header})}


@pytest.mark.parametrize("header", [SHOWN.header, ESCAPED])
def test_what_a_proxy_says_of_a_certificate_is_read(header: str) -> None:
    assert client_certificate(by_proxy(header)) == SHOWN.der


@pytest.mark.parametrize("header", [None, "", "::"])
def test_a_client_that_showed_none_has_none(header: str | None) -> None:
    assert client_certificate(by_proxy(header)) is None


@pytest.mark.parametrize("mark", [{}, {BY_PROXY: "true"}, {BY_PROXY: 1}, {BY_PROXY: False}])
@pytest.mark.parametrize("header", [SHOWN.header, ESCAPED, "rubbish"])
def test_a_header_that_came_by_another_door_says_nothing(mark: Any, header: str) -> None:
    forged = {
        "HTTP_CLIENT_CERT": header,
        "HTTP_COUNTERFOIL.BY_PROXY": "True",
        "HTTP_COUNTERFOIL_BY_PROXY": "True",
        "HTTP_X_SSL_CLIENT_CERT": header,
    }
    assert client_certificate({**forged, **mark}) is None


@pytest.mark.parametrize(
    "header",
    [
        f"{SHOWN.header},{SHOWN.header}",  # a client's own header, and the proxy's beside it
        f"{SHOWN.header}, {ESCAPED}",
        f"{ESCAPED},{ESCAPED}",
        ESCAPED + ESCAPED,
        SHOWN.header.strip(":"),
        SHOWN.header + " ",
        SHOWN.header[:-2] + ":",
        ":not base64:",
        ":====:",
        SHOWN.pem.decode().replace("\n", " "),
        ESCAPED.replace("CERTIFICATE", "PRIVATE%20KEY"),
        ESCAPED.replace("%0A", "%00"),
        "x",
    ],
)
def test_what_is_not_one_certificate_is_refused(header: str) -> None:
    with pytest.raises(InvalidLauncher):
        client_certificate(by_proxy(header))
