"""A kind that serves clients of its own: a registry's realm, a gateway. One address, one thread.

Beside the endpoint at which holders ask for credentials, because others call it: registries'
clients, tools. The HTTP is aiohttp's, without its router: a handler sees the request's target
as it was sent.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

from aiohttp import HttpVersion10, HttpVersion11, web

from counterfoil.core.model import JsonValue
from counterfoil.core.urls import is_loopback_host
from counterfoil.errors import ConfigError
from counterfoil_issuers.contract import TargetError

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

T = TypeVar("T")
_log = logging.getLogger(__name__)
_VERSIONS: Final = frozenset({HttpVersion10, HttpVersion11})

MAX_CONNECTIONS: Final = 256
MAX_LINE_BYTES: Final = 16_384  # a target of 8,192 characters and the method fit
MAX_HEADER_BYTES: Final = 8_192
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; `tls` is None on a loopback address alone."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    @property
    def scheme(self) -> str:
        """How clients call it."""
        return "http" if self.tls is None else "https"


def read_address(settings: Mapping[str, JsonValue]) -> Address:
    """Read `listen`, `tls_certificate_file` and `tls_key_file` of a `[target]`.

    Raises:
        ConfigError: secrets would travel in the clear, or a file is no certificate.
    """
    host, _, port = str(settings["listen"]).rpartition(":")
    host = host.strip("[]")
    certificate, key = settings.get("tls_certificate_file"), settings.get("tls_key_file")
    if certificate is None or key is None:
        if not is_loopback_host(host):
            raise ConfigError(
                "secrets would travel in the clear. Name tls_certificate_file and tls_key_file, or "
                "listen on 127.0.0.1 behind a proxy that ends TLS",
                pointer="target.listen",
            )
        return Address(host=host, port=int(port))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        tls.load_cert_chain(Path(str(certificate)), Path(str(key)))
    except OSError as error:  # SSLError is one
        raise ConfigError(
            f"no certificate and its key in {certificate} and {key}: {error}",
            pointer="target.tls_certificate_file",
        ) from error
    return Address(host=host, port=int(port), tls=tls)


class Listener:
    """Serves one handler from `start` to `stop`, which may be called from any thread.

    Args:
        handler: answers a request; asked for one request of a connection only. One that begins
            an answer itself calls the answer's `force_close` before.
        address: where to listen.
        connection_seconds: the whole life of a connection, so that nobody holds one by dripping.
    """

    def __init__(self, handler: Handler, address: Address, *, connection_seconds: float) -> None:
        self._handler, self._address = handler, address
        self._seconds = connection_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.ServerRunner | None = None
        self.port = address.port

    @property
    def url(self) -> str:
        """How it is called where it listens."""
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"{self._address.scheme}://{host}:{self.port}"

    def start(self) -> None:
        """Listen; requests are answered when this returns.

        Raises:
            TargetError: the address cannot be had.
        """
        self._loop = asyncio.new_event_loop()
        run = (self._loop,)
        self._thread = threading.Thread(target=_run, args=run, name="listener", daemon=True)
        self._thread.start()
        try:
            self.call(self._serve(), seconds=_START_SECONDS)
        except OSError as error:
            self.stop()
            raise TargetError(f"target.listen cannot be had: {error.strerror}") from error

    def stop(self) -> None:
        """Answer no more; requests that are under way are cut."""
        if self._thread is None or self._loop is None:
            return
        if self._runner is not None:
            self.call(self._runner.cleanup(), seconds=_STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_SECONDS)
        self._thread = self._runner = self._loop = None

    def call(self, work: Coroutine[Any, Any, T], *, seconds: float) -> T:
        """Do something on the listener's own loop, from another thread.

        Raises:
            TimeoutError: it is not done after `seconds`, and goes on no more; or the listener
                has stopped.
        """
        if self._loop is None:
            work.close()
            raise TimeoutError
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except FutureTimeoutError:
            future.cancel()
            raise

    async def _serve(self) -> None:
        server = _Server(
            self._once,
            connection_seconds=self._seconds,
            access_log=None,  # it would hold targets, and a query may hold a secret
            keepalive_timeout=15.0,
            lingering_time=2.0,  # the rest of a refused body is read, and thrown away
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            auto_decompress=False,  # what is judged is what was sent
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._address.host, self._address.port, ssl_context=self._address.tls
        )
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _once(self, request: web.BaseRequest) -> web.StreamResponse:
        """What follows on the same connection is nobody's request: a smuggled one, or its rest."""
        if request.version not in _VERSIONS:
            response: web.StreamResponse = web.Response(
                status=HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
            )
        else:
            response = await self._handler(request)
        response.force_close()
        return response


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


class _Connection(web.RequestHandler):
    """Says nothing of what it was sent, neither back nor in a log: it may hold a secret."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """An answer to what no parser takes, or to a fault of ours."""
        del message
        _log.warning("refused with %d: %s", status, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        response = web.Response(status=status)
        response.force_close()
        return response


class _Server(web.Server):
    """Bounds how many connections there are, and how long each lives."""

    def __init__(self, handler: Handler, *, connection_seconds: float, **settings: Any) -> None:
        super().__init__(handler, **settings)
        self._seconds, self._settings = connection_seconds, settings

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._settings)

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._loop.call_later(self._seconds, transport.abort)
