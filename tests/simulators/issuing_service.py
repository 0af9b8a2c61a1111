"""The service as an issuer sees it: a real HTTP server on loopback, with knobs for its faults.

It behaves as `POST /grants/{jti}/redeem`, `POST /decisions/{id}/issued`, `GET /grants/events`
and the key set do; `fault[path prefix]` puts something else in the place of an answer. What it
was told stays in `redeemed`, `reports`; `requests` holds every path in order.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.times import rfc3339_second
from counterfoil.identity.signing import GRANT_TYPE, Es256Signer

REDEEM, ISSUED, EVENTS, KEYS = (
    "/grants/jti",
    "/decisions/",
    "/grants/events",
    "/.well-known/jwks.json",
)
HANG_SECONDS = 30.0


@dataclass
class IssuingService:
    """What the service knows; all of it may be looked at and set by a test."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    url: str = ""
    operations: list[Any] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, str] = field(default_factory=dict)
    redeem_extra: dict[str, Any] = field(default_factory=dict)
    redeemed: dict[str, Any] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    assertions: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def signer(self) -> Es256Signer:
        return Es256Signer(self.key, typ=GRANT_TYPE)

    def tell(self, jti: str, event: str) -> None:
        """Have an event heard."""
        with self.changed:
            cursor = f"{len(self.events) + 1}.0.0"
            self.events.append({"cursor": cursor, "jti": jti, "event": event})
            self.changed.notify_all()

    def wait_for(self, status: str, count: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The reports of one status, once there are that many."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.reports if one["status"] == status]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, seconds), self.reports
            return found()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if path == KEYS:
            return 200, {"keys": [self.signer.public_jwk]}
        if path.startswith(EVENTS):
            return self._events(path)
        if path.startswith("/grants/"):
            return self._redeem(path.split("/")[2], body)
        return self._report(body)

    def _redeem(self, jti: str, body: Any) -> tuple[int, Any]:
        with self.changed:
            if jti in self.redeemed:
                return 409, {"code": "grant.already_redeemed"}
            self.redeemed[jti] = body
        return 200, {
            "jti": jti,
            "decision_id": f"dec_{jti[4:]}",
            "credential": body["credential"],
            "redeemed_at": rfc3339_second(time.time()),  # noqa: TID251 -- an edge has a clock
            "credential_deadline": rfc3339_second(time.time() + 3_600),  # noqa: TID251 -- the same
            "action_digest": body["action_digest"],
            "operations": self.operations,
            "session": self.session,
            **self.redeem_extra,
        }

    def _report(self, body: Any) -> tuple[int, Any]:
        with self.changed:
            if body["jti"] not in self.redeemed:
                return 409, {"code": "grant.not_redeemed"}
            self.reports.append(body)
            self.changed.notify_all()
        return 200, {"decision_id": "dec_x", "receipt": {}}

    def _events(self, path: str) -> tuple[int, Any]:
        after = 0
        if "after=" in path:
            after = int(path.partition("after=")[2].partition(".")[0])
        with self.changed:
            self.changed.wait_for(lambda: len(self.events) > after, 0.2)
            heard = self.events[after:]
            return 200, {"events": heard, "next": f"{len(self.events)}.0.0"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        """Say nothing."""

    def _serve(self) -> None:
        service = self.server.service
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service.requests.append(self.path)
        service.assertions.append((self.headers.get("Authorization") or "").partition(" ")[2])
        fault = next((f for prefix, f in service.fault.items() if self.path.startswith(prefix)), "")
        with suppress(OSError):  # the caller had enough
            self._answer(service, fault, json.loads(raw) if raw else None)

    def _answer(self, service: IssuingService, fault: str, body: Any) -> None:
        if fault == "down":
            self.close_connection = True
            return
        if fault.isdigit():
            self._send(int(fault), {"code": "test.fault"})
            return
        status, answer = service.answer(self.path, body)
        if fault == "hang":
            time.sleep(HANG_SECONDS)
        if fault == "lost":  # done, and the answer never comes
            self.close_connection = True
            return
        self._send(status, answer, cut=fault == "cut")

    def _send(self, status: int, answer: Any, *, cut: bool = False) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    service: IssuingService

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is no news."""


@contextmanager
def issuing_service() -> Iterator[IssuingService]:
    """Serve one while the context lasts."""
    service = IssuingService()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.service = service
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
