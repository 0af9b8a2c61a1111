"""HTTP requests as the main path reads them, and what clients put on the wire."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any

import httpx
import requests

from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.model import Command, Interpretation, Registered, Resource

ORDERS_API = Resource(
    type="http", id="orders-api", location="https://orders.example.com", issuer="http-orders"
)
REGISTERED = Registered.of([ORDERS_API])


def request_command(
    url: str,
    method: str = "GET",
    *,
    resource: Resource | None = None,
    registered: Registered = REGISTERED,
    **arguments: Any,
) -> Command:
    return Command(
        family="http",
        tool="http_request",
        arguments={"method": method, "url": url, **arguments},
        command_argument="url",
        resource=resource,
        registered=registered,
    )


def read_request(url: str, method: str = "GET", **more: Any) -> Interpretation:
    return interpret(request_command(url, method, **more), FAMILIES)


class Listener:
    """Loopback port that keeps the head of each request it gets, byte for byte."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()

    def sent_by(self, client: Callable[[], Any]) -> tuple[str, str, str]:
        """Method, target and Host of the one request that `client` sends."""
        heads: list[bytes] = []

        def serve() -> None:
            connection, _ = self._socket.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                heads.append(head)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = Thread(target=serve)
        thread.start()
        client()
        thread.join()
        lines = heads[0].split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        host = next(line[5:].strip() for line in lines[1:] if line.lower().startswith("host:"))
        return method, target, host


_SESSION = requests.Session()
_SESSION.trust_env = False
_CLIENT = httpx.Client(trust_env=False, follow_redirects=False, verify=False, timeout=5)  # noqa: S501 -- no TLS here
CLIENTS: Mapping[str, Callable[[str], Any]] = {
    "requests": lambda url: _SESSION.get(url, allow_redirects=False, timeout=5),
    "httpx": _CLIENT.get,
}
