"""The certificate that a client showed in TLS, as the proxy that ended TLS tells of it.

The proxy has a door of its own, a unix socket (`server.proxy_socket`). The worker marks what
comes by it; the mark is no header, so nobody can send it. A `Client-Cert` header that comes by
any other door says nothing about anybody.

Two forms are read: RFC 9440 §2.1 (`:` base64 of DER `:`), and the escaped PEM of nginx's
`$ssl_client_escaped_cert`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final
from urllib.parse import unquote

from counterfoil.errors import InvalidLauncher
from counterfoil.http.exchange import Environ

BY_PROXY: Final = "counterfoil.by_proxy"
"""The worker's mark in the environ of a request that came by the proxy's own socket."""

_BASE64: Final = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_LONE: Final = re.compile(_BASE64, re.ASCII)
_BYTES: Final = re.compile(f":({_BASE64}):", re.ASCII)  # RFC 8941 §3.3.5
_PEM: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END CERTIFICATE-----\n?",
    re.ASCII,
)


def client_certificate(environ: Environ) -> bytes | None:
    """Return the certificate (DER) of the client's connection; None where it showed none.

    Raises:
        InvalidLauncher: the proxy sent what is not one certificate. Two headers arrive joined
            by a comma.
    """
    if environ.get(BY_PROXY) is not True:
        return None
    text = environ.get("HTTP_CLIENT_CERT", "")
    if text in {"", "::"}:
        return None
    match = _BYTES.fullmatch(text) or _PEM.fullmatch(unquote(text))
    if match is None or not _LONE.fullmatch(encoded := match[1].replace("\n", "")):
        raise InvalidLauncher("Client-Cert holds no single certificate")
    return b64decode(encoded)
