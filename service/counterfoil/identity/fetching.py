"""Reads one small public document of a provider over HTTP, bounded in every direction.

https only, http on this machine; the system's certificate authorities; no redirect, no
proxy, no environment, no credential; status 200 or nothing; bytes and time bounded, also
against a server that drips.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OK = 200


class FetchFailed(Exception):
    """The document could not be had; the text says why and holds nothing of an answer."""


def fetch(
    url: str, *, accept: str, max_bytes: int, deadline: float, monotonic: Callable[[], float]
) -> bytes:
    """Return the body of a complete 200.

    Raises:
        FetchFailed: anything else.
    """
    try:
        parts = urlsplit(url)
        connection = _connection(
            parts.scheme, parts.hostname or "", parts.port, _left(deadline, monotonic)
        )
    except ValueError as error:
        raise FetchFailed("the address is no URL") from error
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # A socket's own time-out begins anew with each byte: who drips is cut off at the deadline.
    watch = threading.Timer(_left(deadline, monotonic), _cut_off, (connection,))
    watch.daemon = True
    watch.start()
    try:
        body = _body(connection, path, accept, max_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(f"the address cannot be read: {type(error).__name__}") from error
    finally:
        watch.cancel()
        connection.close()
    _left(deadline, monotonic)
    return body


def _body(connection: http.client.HTTPConnection, path: str, accept: str, max_bytes: int) -> bytes:
    connection.request("GET", path, headers={"Accept": accept, "Accept-Encoding": "identity"})
    response = connection.getresponse()
    if response.status != _OK:
        raise FetchFailed(f"the answer is HTTP {response.status}")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FetchFailed("the answer is compressed")
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise FetchFailed("the document is too large")
    if response.length:  # promised by Content-Length, and not come
        raise FetchFailed("the document is cut short")
    return body


def _cut_off(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(
    scheme: str, host: str, port: int | None, seconds: float
) -> http.client.HTTPConnection:
    if scheme == "https" and host:
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    if scheme == "http" and host in _LOOPBACK:
        return http.client.HTTPConnection(host, port, timeout=seconds)
    raise FetchFailed("the address is not https")


def _left(deadline: float, monotonic: Callable[[], float]) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise FetchFailed("the answer did not come in time")
    return left
