"""An OTLP collector on this machine that keeps what it is sent, or misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Misbehave = Callable[[BaseHTTPRequestHandler], None]


@dataclass(slots=True)
class Collector:
    """`records` is what was accepted; `misbehave` answers instead; `answer` is its good word."""

    port: int
    misbehave: Misbehave | None = None
    answer: bytes = b"{}"
    asked: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/logs"

    @property
    def events(self) -> list[str]:
        """The ids of accepted records."""
        return [
            item["value"]["stringValue"]
            for record in self.records
            for item in record["attributes"]
            if item["key"] == "counterfoil.event_id"
        ]


@contextmanager
def collector() -> Iterator[Collector]:
    """A started collector."""
    serving: Collector | None = None

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert serving is not None
            body = self.rfile.read(int(self.headers["Content-Length"]))
            serving.asked += 1
            serving.headers.append(dict(self.headers))
            try:
                if serving.misbehave is not None:
                    serving.misbehave(self)
                    return
                for resource in json.loads(body)["resourceLogs"]:
                    for scope in resource["scopeLogs"]:
                        serving.records += scope["logRecords"]
                self.send_response(200)
                self.send_header("Content-Length", str(len(serving.answer)))
                self.end_headers()
                self.wfile.write(serving.answer)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client has seen enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        serving = Collector(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield serving
        finally:
            server.shutdown()
            thread.join()
