"""An identity provider at the edge: a real HTTP server on loopback, with knobs for its faults.

`provider.serve(path, how)` replaces the answer of one path; without that it behaves. Each
request is noted in `requests`.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer

METADATA = "/.well-known/openid-configuration"
KEYS = "/keys"
INTROSPECT = "/introspect"
LATE_SECONDS = 3.0  # the tests' own bounds are far below
EVIL = "/evil"  # where redirects lead: keys that nobody may ever verify by

Serve = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One connection; the server's `provider` says how each path is answered."""

    protocol_version = "HTTP/1.1"
    server: ProviderServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        """Say nothing."""

    def answer(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _serve(self) -> None:
        provider = self.server.provider
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        provider.requests.append(Request(self.command, self.path, dict(self.headers), body))
        with suppress(OSError):  # the caller had enough
            provider.answers.get(self.path, _not_found)(self)


class ProviderServer(ThreadingHTTPServer):
    """Knows its provider; connections that hang or break do not hold the test."""

    daemon_threads = True
    block_on_close = False
    provider: Provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that left, or refused our certificate: say nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Provider:
    """Keys, answers and what was asked."""

    url: str
    signers: list[Es256Signer] = field(default_factory=list)
    answers: dict[str, Serve] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.rotate()
        self.behave()
        self.evil = Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ=DELEGATION_TYPE)
        self.serve(EVIL, lambda h: h.answer(_jwks([self.evil])))

    def behave(self) -> None:
        """Answer as a provider should."""
        self.serve(METADATA, lambda h: h.answer(self._good(METADATA)))
        self.serve(KEYS, lambda h: h.answer(self._good(KEYS)))

    def serve(self, path: str, how: Serve) -> None:
        """Answer a path like this from now on."""
        self.answers[path] = how

    def metadata(self, **changes: Any) -> dict[str, Any]:
        """The provider's own metadata, with changes."""
        return {
            "issuer": self.url,
            "jwks_uri": self.url + KEYS,
            "introspection_endpoint": self.url + INTROSPECT,
            "authorization_endpoint": self.url + "/authorize",
            "token_endpoint": self.url + "/token",
            **changes,
        }

    def rotate(self, *, keep: bool = False) -> Es256Signer:
        """Sign with a new key; the old one goes unless it is kept."""
        signer = Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ=DELEGATION_TYPE)
        self.signers = [*self.signers, signer] if keep else [signer]
        return signer

    def token(self, signer: Es256Signer | None = None, **claims: Any) -> str:
        """A token of this provider, by its newest key."""
        now = int(time.time())  # noqa: TID251
        base: dict[str, Any] = {
            "iss": self.url,
            "sub": "alice",
            "aud": "counterfoil",
            "iat": now,
            "exp": now + 600,
            "groups": ["developers"],
        }
        return (signer or self.signers[-1]).sign({**base, **claims})

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(1 for request in self.requests if request.path == path)

    # What a provider can do wrong. Each is an answer for `serve`.

    def redirect(self, handler: Handler) -> None:
        """To keys of somebody else."""
        handler.answer(b"", status=302, headers={"Location": self.url + EVIL})

    def hang(self, handler: Handler) -> None:
        """Answer well, but later than anybody may wait."""
        if not self.stopping.wait(LATE_SECONDS):
            handler.answer(self._good(handler.path))

    def drip(self, handler: Handler) -> None:
        """A good answer, byte by byte: each comes in time, all together do not."""
        body = self._good(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        self._drip(handler, body)

    def drip_header(self, handler: Handler) -> None:
        """A good answer behind a header that takes its time."""
        body = self._good(handler.path)
        head = f"HTTP/1.1 200 OK\r\nX-Slow: {'x' * 100}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._drip(handler, head.encode())
        handler.wfile.write(body)

    def _drip(self, handler: Handler, data: bytes) -> None:
        for i in range(len(data)):
            handler.wfile.write(data[i : i + 1])
            handler.wfile.flush()
            if self.stopping.wait(LATE_SECONDS / len(data)):
                return

    def _good(self, path: str) -> bytes:
        return json.dumps(self.metadata()).encode() if path == METADATA else _jwks(self.signers)


def huge(handler: Handler) -> None:
    """A body without end, as fast as it is read."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b'{"keys":[')
    for _ in range(1_000):
        handler.wfile.write(b" " * 65_536)


def html(handler: Handler) -> None:
    """What a captive portal or a wrong URL answers."""
    handler.answer(b"<!doctype html><title>Sign in</title>", content_type="text/html")


def failing(handler: Handler) -> None:
    """An honest 500 with a good body: it must not count."""
    handler.answer(_jwks(handler.server.provider.signers), status=500)


def compressed(handler: Handler) -> None:
    """A declared coding, which would be bounded only after inflating."""
    handler.answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})


def cut(handler: Handler) -> None:
    """Less than it says."""
    body = _jwks(handler.server.provider.signers)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) + 10))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """Close without a word."""
    handler.close_connection = True
    handler.connection.close()


def garbage(handler: Handler) -> None:
    """No HTTP."""
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n\r\n")
    handler.close_connection = True


@contextmanager
def running_provider(
    *, port: int = 0, tls: ssl.SSLContext | None = None, provider: Provider | None = None
) -> Iterator[Provider]:
    """Serve on loopback, on a free port or on one that another served before."""
    with ProviderServer(("127.0.0.1", port), Handler) as server:
        scheme = "http" if tls is None else "https"
        url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        provider = provider or Provider(url=url)
        server.provider = provider
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            provider.stopping.set()
            server.shutdown()
            thread.join()


def _jwks(signers: list[Es256Signer]) -> bytes:
    return json.dumps({"keys": [signer.public_jwk for signer in signers]}).encode()


def _not_found(handler: Handler) -> None:
    handler.answer(b"{}", status=404)
