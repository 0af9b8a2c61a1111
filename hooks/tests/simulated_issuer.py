"""An issuer's outer face with knobs: what a holder sends it, and every way to answer wrongly."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from simulator_http import Server

PASSWORD = "pw-5f2c9d41aa7e4b0c"
SECRET = {
    "host": "db.internal",
    "port": "5432",
    "dbname": "orders",
    "user": "cf-a",
    "password": PASSWORD,
}


@dataclass
class Issuer:
    """`form`, `proofs`: what came. The knobs are plain attributes."""

    permissions: list[dict[str, Any]]
    status: int = 200
    change: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    location: str | None = None
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    proofs: list[str | None] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/credential"

    def answer(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body = {
            "credential": SECRET,
            "token_type": "N_A",
            "expires_in": 60,
            "authorization_details": self.permissions,
        }
        return json.dumps({**body, **self.change}).encode()


@contextmanager
def issuer(permissions: list[dict[str, Any]]) -> Iterator[Issuer]:
    found = Issuer(permissions)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            """Silent."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found.forms.append(parse_qs(body))
            found.proofs.append(self.headers.get("DPoP"))
            answer = found.answer()
            self.send_response(found.status)
            if found.location is not None:
                self.send_header("Location", found.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = Server(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
