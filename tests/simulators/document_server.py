"""A small HTTP server on this machine that gives one document, or misbehaves as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Misbehave = Callable[[BaseHTTPRequestHandler], None]


@dataclass(slots=True)
class DocumentServer:
    """`document` is what it gives; `misbehave` answers instead; `asked` counts."""

    port: int
    document: bytes = b""
    misbehave: Misbehave | None = None
    asked: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metadata"


def redirects(to: str) -> Misbehave:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def status(code: int) -> Misbehave:
    return lambda handler: handler.send_error(code)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Half of what it promised."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"<x>")


def drips(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ever."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def drips_headers(handler: BaseHTTPRequestHandler) -> None:
    """A letter of a header now and then, for ever."""
    handler.send_response(200)
    handler.end_headers = lambda: None  # type: ignore[method-assign]
    handler.flush_headers()
    for _ in range(600):
        handler.wfile.write(b"X")
        handler.wfile.flush()
        time.sleep(0.05)


def floods(handler: BaseHTTPRequestHandler) -> None:
    """Without a length, without an end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" " * 65_536)


def compressed(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "1")
    handler.end_headers()
    handler.wfile.write(b"x")


@contextmanager
def document_server() -> Iterator[DocumentServer]:
    """A started server."""
    served: DocumentServer | None = None

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert served is not None
            served.asked += 1
            served.headers.append(dict(self.headers))
            try:
                if served.misbehave is not None:
                    served.misbehave(self)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(served.document)))
                self.end_headers()
                self.wfile.write(served.document)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client has seen enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        served = DocumentServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
