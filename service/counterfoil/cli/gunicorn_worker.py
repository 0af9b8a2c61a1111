"""The HTTP worker: gunicorn's parser and gevent's loop, and little between them.

gunicorn's own gevent worker spends a third of its time on access-log records, hooks and
HTTP/2 that nobody here uses, and leaves two doors open: a client may send its body one
byte a minute, and a body that is not what it said raises inside the application. Here
the whole request is read first, in bounded time and size; head and body of the answer
leave in one packet (docs/adr/0003-server-and-worker-kind.md).

Leans on gunicorn's internals, which is why pyproject.toml holds it below the next major.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from socket import AF_UNIX, SHUT_RD
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

import gevent
from gunicorn import util
from gunicorn.http.errors import (
    InvalidRequestLine,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
)
from gunicorn.http.message import TOKEN_RE, Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import HEADER_VALUE_RE, base_environ
from gunicorn.workers.ggevent import GeventWorker

from counterfoil.cli import gunicorn_limits as limits
from counterfoil.http.certificates import BY_PROXY

Environ: TypeAlias = dict[str, Any]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"  # RFC 9110 §10.1.1
_PATH_CHARACTERS: Final = "/:@!$&'()*+,;="  # RFC 3986 §3.3, beside the unreserved ones
_STATUS_OF: Final[dict[type[Exception], HTTPStatus]] = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}


@dataclass(slots=True)
class _Answer:
    """What the application said through `start_response` (PEP 3333)."""

    status: str = ""
    headers: list[tuple[str, str]] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        """Keep status and headers until the body is there."""
        self.status, self.headers = status, headers


class _Request(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request as we take it: a small head, a plain target, no word of a proxy's."""

    def parse(self, unreader: Any) -> Any:
        """Read the head. gunicorn bounds each header; 64 of the largest would be a megabyte."""
        self.max_buffer_headers = limits.MAX_HEAD_BYTES
        return super().parse(unreader)

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Take a path with a query (RFC 9112 §3.2.1): an absolute target names its own host.

        Raises:
            InvalidRequestLine: another form.
        """
        super().parse_request_line(line_bytes)
        if not self.uri.startswith("/") or "#" in self.uri:
            raise InvalidRequestLine(self.uri)

    def _peer_trusted_for_forwarded(self) -> tuple[dict[str, str], list[str]]:
        return {}, []  # gunicorn would trust every unix-socket peer


class _Parser(RequestParser):  # type: ignore[misc]  # gunicorn has no types
    mesg_class = _Request


def _decoded(path: str) -> str:
    """A path as PEP 3333 has it, where its spelling is the shortest; any other stays as it is.

    So `%61` and `%2F` give no path a second name, which whoever stands in front may have
    judged otherwise: what is spelt so is not found.
    """
    if "%" not in path:
        return path
    data = unquote_to_bytes(path)
    return data.decode("latin-1") if quote(data, safe=_PATH_CHARACTERS) == path else path


def _send(client: Any, data: bytes) -> None:
    """Hand an answer to the kernel; only a client that does not read costs a timer.

    Raises:
        OSError: the client went, or took no bytes for `SEND_SECONDS`.
    """
    try:
        sent = client.send(data, 0, 0.0)  # gevent's third argument: do not wait
    except BlockingIOError:
        sent = 0
    if sent < len(data):
        with gevent.Timeout(limits.SEND_SECONDS, TimeoutError("the client does not read")):
            client.sendall(memoryview(data)[sent:])


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves one connection per greenlet, one request after the other."""

    wsgi: Callable[[Environ, Callable[..., None]], Iterable[bytes]]
    _date: tuple[int, str] = (0, "")

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._base: Environ = {}
        self._idle: set[Any] = set()  # connections between two requests; this process's only
        self._max_body_bytes: int = self.app.max_body_bytes

    def init_process(self) -> None:
        """Start; gunicorn looks each setting up in a dict of objects, 22 times a request."""
        self.cfg.__dict__.update({name: it.get() for name, it in self.cfg.settings.items()})
        # Not at the first request: that may still be read when a stop has closed the listener.
        self._base_environ()
        super().init_process()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: no new requests, and no waiting for idle connections to end by themselves."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._close_idle)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection until it closes, idles, or breaks the protocol."""
        try:
            client.settimeout(None)  # reads have one timer around them, sends `_send`'s
            parser = _Parser(self.cfg, client, addr)
            while self._one(parser, listener, client, addr):
                # Requests that are there already would be read without ever waiting, and
                # this connection would have the worker for itself.
                gevent.sleep(0)
                if not self.alive:  # stopped since the answer left: `_close_idle` has been here
                    client.shutdown(SHUT_RD)
        except (NoMoreData, StopIteration, OSError):
            pass  # the peer closed, reset or stalled: nobody is left to be told
        except ParseException as error:
            self._refuse(client, _STATUS_OF.get(type(error), HTTPStatus.BAD_REQUEST))
        finally:
            util.close(client)

    def _one(self, parser: Any, listener: Any, client: Any, addr: Any) -> bool:
        """Read one request, answer it; False when the connection ends."""
        request = self._next(parser, client)
        if request is None:
            return False
        if request._expected_100_continue:  # noqa: SLF001  # the parser gives it no public name
            _send(client, _CONTINUE)
        try:
            with gevent.Timeout(limits.BODY_SECONDS):
                # One byte more than the application takes: it says itself that this is too much.
                body = request.body.read(self._max_body_bytes + 1)
        except gevent.Timeout:
            self._refuse(client, HTTPStatus.REQUEST_TIMEOUT)
            return False
        environ = self._environ(request, body, listener, addr)
        answer = _Answer()
        payload = b"".join(self.wsgi(environ, answer.start))
        too_large = len(body) > self._max_body_bytes
        close = too_large or request.should_close() or not self.alive
        _send(client, self._head(answer, close=close) + payload)
        if too_large:
            util.close_graceful(client)  # RFC 9112 §9.6: or a reset would eat the answer
        return not close

    def _next(self, parser: Any, client: Any) -> Any:
        """Wait for a request's head; None when it does not come in time."""
        self._idle.add(client)
        try:
            # One limit for idling and for a head that comes in drips: the two look alike.
            with gevent.Timeout(self.cfg.keepalive):
                return next(parser)
        except gevent.Timeout:
            return None
        finally:
            self._idle.discard(client)

    def _close_idle(self) -> None:
        stop_waiting = getattr(getattr(self, "wsgi", None), "extensions", {}).get("stop_waiting")
        if stop_waiting is not None:
            stop_waiting()  # long polls are answered as things stand
        for client in tuple(self._idle):
            with suppress(OSError):
                client.shutdown(SHUT_RD)  # its greenlet reads the end and goes

    def _environ(self, request: Any, body: bytes, listener: Any, addr: Any) -> Environ:
        """PEP 3333's dictionary. Header names with `_` were dropped by the parser."""
        environ = self._base_environ().copy()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["REQUEST_METHOD"] = request.method
        environ["PATH_INFO"] = _decoded(request.path)
        environ["QUERY_STRING"] = request.query
        environ["RAW_URI"] = request.uri
        environ["SERVER_PROTOCOL"] = "HTTP/{}.{}".format(*request.version)
        if listener.family == AF_UNIX:  # the proxy's own door: what it says of TLS counts
            environ |= {"REMOTE_ADDR": "", "REMOTE_PORT": "", BY_PROXY: True}
        else:
            environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = addr[0], str(addr[1])
        for name, value in request.headers:
            key = name.replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _base_environ(self) -> Environ:
        """The part that is the same for every request of this worker."""
        if not self._base:
            host, port = self.sockets[0].getsockname()[:2]  # never the proxy's
            self._base = base_environ(self.cfg) | {
                "wsgi.multithread": True,
                "wsgi.url_scheme": "http",
                "SCRIPT_NAME": "",
                "SERVER_NAME": host,
                "SERVER_PORT": str(port),
            }
        return self._base

    def _head(self, answer: _Answer, *, close: bool) -> bytes:
        """Status line and headers; a header that could split the answer is refused."""
        now = int(time.time())  # noqa: TID251  # HTTP's Date header, which decides nothing
        if now != self._date[0]:
            self._date = (now, util.http_date(now))
        lines = [
            f"HTTP/1.1 {answer.status}\r\n",
            f"Date: {self._date[1]}\r\n",
            f"Connection: {'close' if close else 'keep-alive'}\r\n",
        ]
        for name, value in answer.headers or ():
            if not TOKEN_RE.fullmatch(name) or not HEADER_VALUE_RE.fullmatch(value):
                message = f"the application sent a header that HTTP does not allow: {name!r}"
                raise ValueError(message)
            lines.append(f"{name}: {value}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1")

    def _refuse(self, client: Any, status: HTTPStatus) -> None:
        """Answer what never reached the application, as a problem document (RFC 9457)."""
        problem = json.dumps(
            {"type": "about:blank", "title": status.phrase, "status": status.value}
        ).encode("ascii")
        answer = _Answer(
            status=f"{status.value} {status.phrase}",
            headers=[
                ("Content-Type", "application/problem+json"),
                ("Content-Length", str(len(problem))),
                ("Cache-Control", "no-store"),
            ],
        )
        try:
            _send(client, self._head(answer, close=True) + problem)
            util.close_graceful(client)
        except OSError:
            pass  # it sent nonsense and did not wait for the answer
