"""The simulator's socket side: honest replies, and each way to break one."""

from __future__ import annotations

import json
import socket
import time
from base64 import urlsafe_b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from simulator import Simulator

Json = dict[str, Any]


def payload(unverified: str) -> Json:
    """What a compact JWS says."""
    part = unverified.split(".")[1]
    value: Json = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop(self) -> None:
        """As a kill does: every connection ends in the middle of whatever it carries."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, *_args: Any) -> None:
        """A client that went away is the point of some tests."""


class Handler(BaseHTTPRequestHandler):
    simulator: Simulator
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        simulator = self.simulator
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        simulator.hits[parts.path.split("/")[1]] += 1
        if "DPoP" in self.headers:
            simulator.proofs.append((self.command, self.path, self.headers["DPoP"]))
        fault = simulator.fault(parts.path) if callable(simulator.fault) else simulator.fault
        if fault is not None and self._break(fault):
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        scheme, _, unverified = headers.get("authorization", "").partition(" ")
        if scheme == "DPoP" and self._wants_nonce(headers.get("dpop", "")):
            return
        try:
            claims = payload(unverified)
        except (IndexError, ValueError):
            self._reply(401, {"code": "identity.invalid_token", "title": "no token"})
            return
        if "act" not in claims or claims.get("rejected"):
            self._reply(401, {"code": "identity.actor_required", "title": "no actor"})
            return
        status, value = self._route(parts.path, parse_qs(parts.query), body, claims, headers)
        if fault == "answer_lost":
            self.close_connection = True
            return
        if fault == "recorded_busy":
            self._reply(409, {"code": "request.idempotency_conflict", "title": "still running"})
            return
        if fault == "recorded_late":
            self._reply(503, {"code": "ledger.unavailable", "title": "not in time"})
            return
        if fault in {"201", "203", "206"} and status == 200:  # honest but for its status
            self._reply(int(fault), value, "application/json")
            return
        self._reply(status, value)

    def _route(
        self, path: str, query: Json, body: bytes, claims: Json, headers: dict[str, str]
    ) -> tuple[int, Json]:
        match path.strip("/").split("/"):
            case ["authorize"]:
                return self.simulator.authorize(body, claims, headers)
            case ["decisions", decision_id, "outcome"]:
                return self.simulator.outcome(decision_id, body, claims)
            case ["approvals", approval_id]:
                return self.simulator.approval(approval_id, min(float(query["wait"][0]), 1.0))
            case ["approvals", approval_id, "cancel"]:
                return self.simulator.cancel(approval_id)
        return 404, {"code": "request.not_found", "title": "no such path"}

    def _reply(self, status: int, value: Json, media_type: str = "") -> None:
        data = json.dumps(value).encode()
        self._raw(
            status,
            data,
            media_type or ("application/json" if status == 200 else "application/problem+json"),
        )

    def _wants_nonce(self, proof: str) -> bool:
        """RFC 9449 §9: refuse a proof without the nonce of the moment, and say which it is."""
        wanted = self.simulator.nonce
        if wanted is None or payload(proof).get("nonce") == wanted:
            return False
        data = b'{"code":"identity.invalid_token","title":"nonce"}'
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'DPoP error="use_dpop_nonce"')
        self.send_header("DPoP-Nonce", wanted)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return True

    def _raw(self, status: int, data: bytes, media_type: str, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def _break(self, fault: str) -> bool:
        """Break the exchange in the named way; False where the honest answer goes on."""
        simulator = self.simulator
        match fault:
            case "late":
                simulator.stopping.wait(simulator.late_seconds)
                self.close_connection = True
            case "refused":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            case "cut":
                self._raw(200, b'{"effect":"allow"', "application/json", length=500)
                self.close_connection = True
            case "drip":
                self._raw(200, b"{", "application/json", length=10_000)
                end = time.monotonic() + simulator.late_seconds
                while time.monotonic() < end and not simulator.stopping.wait(0.05):
                    self.wfile.write(b" ")
                self.close_connection = True
            case "huge":
                self._raw(200, b"[" + b" " * 2_000_000, "application/json")
            case "garbage":
                self._raw(200, b"allow", "application/json")
            case "array":
                self._raw(200, b'["allow"]', "application/json")
            case "empty":
                self._raw(200, b"{}", "application/json")
            case "bare_allow":
                self._raw(200, b'{"effect":"allow"}', "application/json")
            case "html":
                self._raw(200, b'{"effect":"allow"}', "text/html")
            case "redirect":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/authorize")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "204" | "304" | "400" | "403" | "404" | "500" | "502" | "503":
                data = b"" if fault in {"204", "304"} else b"{}"
                self._raw(int(fault), data, "application/problem+json")
            case "policy_timeout":
                self._reply(503, {"code": "policy.timeout", "title": "not in time"})
            case "401":
                self._reply(401, {"code": "identity.invalid_token", "title": "not accepted"})
            case _:
                return False
        return True
