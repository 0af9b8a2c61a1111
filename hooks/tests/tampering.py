"""A hostile machine between hook and service: honest but for what `change` does to answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Json = dict[str, Any]


def _as_it_came(value: Any) -> Any:
    return value


@dataclass(slots=True)
class Tampering:
    """The proxy. `change` gets each answer of `/authorize` before it goes on, `asked` the fields
    of each request; `seen` are those that came."""

    url: str
    change: Callable[[Json], Json]
    asked: Callable[[dict[str, str]], dict[str, str]] = _as_it_came
    seen: list[dict[str, str]] = field(default_factory=list)
    lost: int = 0  # so many of the next answers never arrive


@contextmanager
def tampering_proxy(target: str) -> Iterator[Tampering]:
    """Stand before `target` on a port of its own."""
    state = Tampering("", _as_it_came)
    onward = httpx.Client(base_url=target, trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            """Silent."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {"Authorization", "Content-Type", "DPoP", "Idempotency-Key"}
            headers = {name: value for name, value in self.headers.items() if name in kept}
            state.seen.append(headers)
            said = onward.post(self.path, content=body, headers=state.asked(headers))
            if state.lost:
                state.lost -= 1
                self.close_connection = True
                return
            answer = said.json()
            if self.path == "/authorize":
                answer = state.change(answer)
            data = json.dumps(answer).encode()
            self.send_response(said.status_code)
            self.send_header("Content-Type", said.headers["Content-Type"])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        onward.close()
