"""An API at the outer edge that keeps the very bytes it was sent, and answers what it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(slots=True)
class RawUpstream:
    """`heard` holds each request as it came; `answer` is sent for each, after `hold` is set.

    `rest` follows it once `go` is set.
    """

    port: int
    answer: bytes = PLAIN
    hold: threading.Event | None = None
    rest: bytes = b""
    go: threading.Event = field(default_factory=threading.Event)
    heard: list[bytes] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def forget(self) -> None:
        """As it was at first."""
        self.answer, self.rest, self.hold = PLAIN, b"", None
        self.heard.clear()
        self.came.clear()
        self.go.clear()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def head(self) -> tuple[str, dict[str, str]]:
        """Request line and headers of the only request."""
        (request,) = self.heard
        line, *rest = request.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
        pairs = [header.split(": ", 1) for header in rest]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), "a header twice"
        return line, headers

    @property
    def body(self) -> bytes:
        (request,) = self.heard
        return request.partition(b"\r\n\r\n")[2]

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = _whole(connection)
            self.heard.append(request)
            self.came.set()
            if self.hold is not None:
                self.hold.wait(20)
            connection.sendall(self.answer)
            if self.rest:
                self.go.wait(20)
                connection.sendall(self.rest)
            connection.shutdown(socket.SHUT_WR)


def _whole(connection: socket.socket) -> bytes:
    """A request with the body that its one length names."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    named = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    length = int(named[0].split(b":")[1]) if named else 0
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise OSError("it ended")
    return piece


@contextmanager
def raw_upstream(tls: ssl.SSLContext | None = None) -> Iterator[RawUpstream]:
    """Listen on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = RawUpstream(listening.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listening, server, tls), daemon=True)
        thread.start()
        yield server
        if server.hold is not None:
            server.hold.set()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _accept(listening: socket.socket, server: RawUpstream, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with suppress(OSError):
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                connection.settimeout(20)
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()
