"""A raw-socket stand-in for OPA: it answers whatever bytes a test wants, when it wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from counterfoil.core.model import JsonObject

REVISION = "test+sha256:" + "a" * 64
PERMISSION: JsonObject = {
    "type": "postgresql",
    "locations": ["postgresql://127.0.0.1:5432/orders"],
    "object": "schema",
    "identifier": "public",
    "actions": ["create"],
    "operations": [0],
}


def allow(permissions: list[Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A valid allow of exactly `PERMISSION`, or of others."""
    return {
        "effect": "allow",
        "reasons": [{"code": "rbac.granted", "title": "Granted", "solution": "Nothing."}],
        "permissions": [PERMISSION] if permissions is None else permissions,
        "obligations": [],
        "ttl_seconds": 300,
        **changes,
    }


def document(result: Any, *revisions: str) -> bytes:
    """OPA's body for a result; without revisions given, the known one."""
    bundles = {f"b{i}": {"revision": name} for i, name in enumerate(revisions or (REVISION,))}
    provenance = {"version": "1.22.2", "bundles": bundles}
    return json.dumps({"result": result, "provenance": provenance}).encode()


def http(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole HTTP/1.1 answer with its length."""
    start = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
    return f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(*parts: bytes, end: bool = True) -> bytes:
    """A chunked answer, without its last chunk on demand."""
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return (
        start
        + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        + (b"0\r\n\r\n" if end else b"")
    )


class Exchange:
    """One request that came, and the socket to answer on."""

    def __init__(
        self, connection: socket.socket, head: str, body: bytes, stop: threading.Event
    ) -> None:
        self.connection = connection
        self.method, self.target = head.split(" ")[:2]
        self.head = head
        self.body = body
        self._stop = stop

    @property
    def input(self) -> Any:
        return json.loads(self.body)["input"]

    @property
    def grouped(self) -> bool:
        return self.target.partition("?")[0].endswith("decisions")

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def silence(self, seconds: float) -> None:
        """Say nothing for a while, or until the test is over."""
        self._stop.wait(seconds)

    def close(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)


Behaviour = Callable[[Exchange], None]


def honest(exchange: Exchange) -> None:
    """What the real one would say: an allow of `PERMISSION` for everybody."""
    if exchange.grouped:
        result: Any = {
            nonce: {"action_digest": item["action_digest"], "decision": allow()}
            for nonce, item in exchange.input["items"].items()
        }
    else:
        result = allow()
    exchange.send(http(document(result)))


class OpaStandIn:
    """Listens on a unix socket; each connection has a thread; `behaviour` may be replaced."""

    def __init__(self, path: Path, behaviour: Behaviour = honest) -> None:
        self.path = path
        self.behaviour = behaviour
        self.seen: list[Exchange] = []
        self.connections = 0
        self._stop = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self.drop_connections()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def drop_connections(self) -> None:
        """Close every connection, as a restarted server would."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while True:
                    head = stream.readline()
                    length = 0
                    line = head
                    while line not in {b"\r\n", b""}:
                        line = stream.readline()
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    if not head:
                        return
                    body = stream.read(length)
                    exchange = Exchange(connection, head.decode(), body, self._stop)
                    self.seen.append(exchange)
                    self.behaviour(exchange)
            except OSError:  # the client, or the test, closed it
                return
