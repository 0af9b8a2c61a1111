"""An issuer's own HTTP: `POST /credential`, `GET /livez`, `GET /readyz`. Nothing else.

Everything is bounded: the size of a request, the time of a connection (whoever sends it slowly
loses it), how many there are, and how many wait. Threads do the work; the loop only carries.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.web_protocol import RequestHandler

from counterfoil.core.form import read_form
from counterfoil.core.model import JsonObject
from counterfoil.errors import BodyTooLarge, TokenError
from counterfoil_issuers.holders import Presented
from counterfoil_issuers.refusals import MalformedRequest, Refused, Unavailable
from counterfoil_issuers.signed_request import MAX_REQUEST_CHARS

PATH: Final = "/credential"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PROBLEM: Final = "urn:counterfoil:problem:"
MAX_BODY_BYTES: Final = MAX_REQUEST_CHARS + 1_024
BODY_SECONDS: Final = 5.0
CONNECTION_SECONDS: Final = 60.0  # longer than any step of issuing can take together
KEEP_ALIVE_SECONDS: Final = 5.0
MAX_CONNECTIONS: Final = 256
MAX_WAITING: Final = 64
_FORM: Final = "application/x-www-form-urlencoded"
_KNOWN: Final = frozenset({"grant_type", "assertion"})
_PROOF: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Door:
    """What the routes need.

    Args:
        issue: gives a credential, or raises `Refused`; runs in a thread.
        ready: what keeps the issuer from its work, empty when nothing does.
        workers: how many are issued at once.
        over_unix: whether this door is the unix socket.
    """

    issue: Callable[[Presented], JsonObject]
    ready: Callable[[], list[str]]
    workers: int
    over_unix: bool
    _pool: ThreadPoolExecutor = field(init=False)
    _waiting: int = 0

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.workers, "issue")

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post(PATH, self._credential)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def _livez(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"}, headers=_HEADERS)

    async def _readyz(self, _request: web.Request) -> web.StreamResponse:
        missing = self.ready()
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        body = {"status": "unavailable" if missing else "ok", "missing": missing}
        return web.json_response(body, status=status, headers=_HEADERS)

    async def _credential(self, request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await self._issued(request), headers=_HEADERS)
        except Refused as error:
            _log.info("refused: %s", error.detail, extra={"code": error.code})
            return _refusal(error)

    async def _issued(self, request: web.Request) -> JsonObject:
        presented = await self._presented(request)
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many wait")
        self._waiting += 1
        try:
            # Shielded: what was begun is finished and reported, also when the holder has gone.
            work = asyncio.get_running_loop().run_in_executor(self._pool, self.issue, presented)
            return await asyncio.shield(work)
        finally:
            self._waiting -= 1

    async def _presented(self, request: web.Request) -> Presented:
        if request.content_type != _FORM or request.query_string:
            raise MalformedRequest(f"it is not {_FORM}")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
            form = read_form(body, known=_KNOWN, max_bytes=MAX_BODY_BYTES)
        except (web.HTTPRequestEntityTooLarge, BodyTooLarge):
            raise MalformedRequest("it is too long") from None
        except TimeoutError:
            raise MalformedRequest("it came too slowly") from None
        except TokenError as error:
            raise MalformedRequest(error.detail or "it is no form") from None
        if form.get("grant_type") != GRANT_TYPE or "assertion" not in form:
            raise MalformedRequest("grant_type or assertion is missing or another one")
        proofs = request.headers.getall("DPoP", [])
        if len(proofs) > 1 or not all(_PROOF.fullmatch(proof) for proof in proofs):
            raise MalformedRequest("the DPoP header is not one compact JWS")
        return Presented(
            unverified_request=form["assertion"],
            unverified_proof=proofs[0] if proofs else None,
            certificate=_certificate(request),
            over_unix=self.over_unix,
        )

    def close(self) -> None:
        """Let what is being issued end."""
        self._pool.shutdown(wait=True)


def _certificate(request: web.Request) -> bytes | None:
    """The certificate of the connection (DER), which TLS has verified by `client_ca_file`."""
    tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None


def _refusal(error: Refused) -> web.StreamResponse:
    body = {
        "error": error.oauth_error,
        "error_description": f"{error.detail}. {error.solution}",
        "error_uri": PROBLEM + error.code,
    }
    return web.json_response(body, status=error.status, headers=_HEADERS)


class _NoAccessLog(AbstractAccessLogger):
    """What came is told by the issuing itself; a line for each call would hold no more."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        pass


class _BoundedHandler(RequestHandler):
    """A connection that lives at most `CONNECTION_SECONDS`, one of at most `MAX_CONNECTIONS`.

    aiohttp waits for the rest of a request's head for ever: a few hundred of those would
    otherwise keep everybody out until the process ends.
    """

    __slots__ = ()
    _open: ClassVar[set[int]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- for mypy: a stream
        if len(self._open) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._open.add(id(self))
        asyncio.get_running_loop().call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._open.discard(id(self))
        super().connection_lost(exc)


@asynccontextmanager
async def serving(
    door: Door, listener: socket.socket, tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    """Serve on a bound socket while the context lasts."""
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(door.application())
    await runner.setup()
    manager = runner.server
    assert manager is not None  # noqa: S101 -- for mypy: `setup` made it

    def handler() -> _BoundedHandler:
        return _BoundedHandler(
            manager, loop=loop, access_log_class=_NoAccessLog, keepalive_timeout=KEEP_ALIVE_SECONDS
        )

    if listener.family == socket.AF_UNIX:
        server = await loop.create_unix_server(handler, sock=listener, ssl=tls)
    else:
        server = await loop.create_server(handler, sock=listener, ssl=tls)
    try:
        yield
    finally:
        server.close()
        await asyncio.to_thread(door.close)  # what is being issued is finished and answered
        await runner.cleanup()
