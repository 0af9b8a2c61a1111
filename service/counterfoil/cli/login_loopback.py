"""The launcher's own address, to which the browser comes back (RFC 8252 §7.3).

It listens on 127.0.0.1 while one login lasts and takes one answer: the one that carries the
login's state. Whatever else comes (a stray page's request, an attacker's code) gets an error
and changes nothing.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from counterfoil.cli.login_http import LoginFailed

CONNECTION_SECONDS = 10.0
MAX_QUERY_CHARACTERS = 16_384
_PAGE = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Counterfoil</title>'
    "<h1>{title}</h1><p>{text}</p></html>"
)
_DONE = _PAGE.format(title="You are back", text="Go on in the terminal. This page can be closed.")
_OTHER = _PAGE.format(
    title="Not this login", text="This address waits for another login, or for none any more."
)


@dataclass(slots=True)
class Loopback:
    """A listening address; `wait` gives what the browser brought."""

    port: int
    state: str
    answer: Mapping[str, str] | None = None
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def redirect_uri(self) -> str:
        """The address for the provider."""
        return f"http://127.0.0.1:{self.port}/"

    def wait(self, seconds: float) -> Mapping[str, str]:
        """The parameters that came with the login's state.

        Raises:
            LoginFailed: nobody came back in time.
        """
        self.came.wait(seconds)
        if self.answer is None:
            raise LoginFailed(
                f"nobody came back from the browser within {seconds:.0f} seconds",
                "Log in again; if the browser shows an error, it says what to do.",
            )
        return self.answer

    def take(self, query: str) -> bool:
        """Take the one answer that has the login's state."""
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16)
        found = dict(pairs)
        mine = hmac.compare_digest(found.get("state", "").encode(), self.state.encode())
        if len(found) != len(pairs) or not mine or self.answer is not None:
            return False
        self.answer = found
        self.came.set()
        return True


@contextmanager
def listening(port: int, state: str) -> Iterator[Loopback]:
    """Listen while the context lasts; port 0 is any.

    Raises:
        LoginFailed: the port is taken.
    """
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise LoginFailed(
            f"port {port} of this machine is taken", "Log in again, or write another login.port."
        ) from error
    server.loopback = loopback = Loopback(server.server_address[1], state)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """A server that knows what it waits for; who is slow holds up nobody."""

    daemon_threads = True
    loopback: Loopback


class _Handler(BaseHTTPRequestHandler):
    """One request; only `GET /?…` of this address counts."""

    timeout = CONNECTION_SECONDS
    server: _Server

    def do_GET(self) -> None:
        """Answer the browser."""
        loopback = self.server.loopback
        parts = urlsplit(self.path)
        # Another site's name that resolves to this machine is not this address.
        own = self.headers.get("Host") == f"127.0.0.1:{loopback.port}"
        taken = False
        if own and parts.path == "/" and len(parts.query) <= MAX_QUERY_CHARACTERS:
            try:
                taken = loopback.take(parts.query)
            except ValueError:
                taken = False
        self._reply(200 if taken else 404, _DONE if taken else _OTHER)

    def _reply(self, status: int, page: str) -> None:
        data = page.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(data))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Say nothing: the request line holds the code."""
