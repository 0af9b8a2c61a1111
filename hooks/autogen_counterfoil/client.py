"""The neutral client of the service: one pool, one deadline per exchange, sync and async.

No proxy, no environment, no redirect, no cookie: the token goes to the configured service
and nowhere else. A try is repeated only where the exchange is idempotent (all of ours are:
`/authorize` by its key) and only inside the deadline.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Self
from weakref import WeakKeyDictionary

import httpx

from autogen_counterfoil.errors import (
    AnswerNotTrustedError,
    NoDecisionError,
    ServiceUnreachableError,
)
from autogen_counterfoil.exchange import (
    MAX_ANSWER_BYTES,
    Exchange,
    Nonce,
    Raw,
    Tries,
    accepted,
    checked_url,
    unreachable,
)

CONNECTIONS = 16
"""Questions in flight at once. httpcore looks at every open connection at every exchange, so
more of them cost more than they bring; what waits longer goes by its own pool."""
WAITING_CONNECTIONS = 128
_LATE = "no answer before the deadline"
_open: set[asyncio.Task[Raw]] = set()  # tries under way; their callers may have left


@dataclass(frozen=True, slots=True)
class _Pool:
    """Connections of one kind on one loop. `room` keeps requests out of httpcore's own queue."""

    client: httpx.AsyncClient
    room: asyncio.Semaphore


class AsyncClient:
    """Exchanges on the running event loop. One pool per loop: sockets belong to a loop."""

    def __init__(
        self, url: str, *, insecure_http: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = checked_url(url, insecure_http=insecure_http)
        self._nonce = Nonce()
        self._tls = tls
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, _Pool]] = (
            WeakKeyDictionary()
        )

    async def send(self, exchange: Exchange, *, deadline_seconds: float) -> bytes:
        """Return the JSON body of a complete 200.

        Raises:
            NoDecisionError: everything else, before the deadline.
        """
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self._tries(exchange, time.monotonic() + deadline_seconds)
        except TimeoutError as error:
            raise unreachable(_LATE, unsure=True) from error

    async def _tries(self, exchange: Exchange, end: float) -> bytes:
        tries = Tries()
        while True:
            try:
                raw = await self._apart(exchange, end)
                if self._nonce.learned(raw):
                    raw = await self._apart(exchange, end)
                    self._nonce.learned(raw)
                return accepted(raw)
            except NoDecisionError as error:
                pause = tries.pause_after(error)
            await asyncio.sleep(pause)

    async def _apart(self, exchange: Exchange, end: float) -> Raw:
        """Make one try in a task of its own, which no cancellation reaches.

        httpcore loses the connection that it gave to a request which is cancelled before it
        begins: sixteen of those, and the pool answers nobody any more. So a caller leaves, and
        the try ends by its own time-outs.
        """
        task = asyncio.create_task(self._once(exchange, end))
        _open.add(task)
        task.add_done_callback(_forget)
        return await asyncio.shield(task)

    async def _once(self, exchange: Exchange, end: float) -> Raw:
        pool = self._pool(waits=exchange.waits)
        async with pool.room:
            return await self._sent(pool.client, exchange, end)

    async def _sent(self, client: httpx.AsyncClient, exchange: Exchange, end: float) -> Raw:
        left = end - time.monotonic()
        if left <= 0:
            raise unreachable(_LATE, unsure=False)  # it was never sent
        request = client.build_request(
            exchange.method,
            self._url + exchange.path,
            headers=exchange.header_fields(self._url, self._nonce.value),
            content=exchange.body,
            timeout=left,
        )
        try:
            response = await client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += _bounded(chunk, body)
                    if time.monotonic() > end:  # a drip resets the socket's own time-out
                        raise unreachable(_LATE, unsure=True)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise _broken(error) from error
        return _raw(response, bytes(body))

    def _pool(self, *, waits: bool) -> _Pool:
        pools = self._pools.setdefault(asyncio.get_running_loop(), {})
        if waits not in pools:
            connections = WAITING_CONNECTIONS if waits else CONNECTIONS
            client = httpx.AsyncClient(
                limits=httpx.Limits(max_connections=connections, keepalive_expiry=30),
                trust_env=False,
                follow_redirects=False,
                verify=self._tls or True,
            )
            pools[waits] = _Pool(client, asyncio.Semaphore(connections))
        return pools[waits]

    async def close(self) -> None:
        """Close the pools of the running loop."""
        pools = self._pools.pop(asyncio.get_running_loop(), {})
        for pool in pools.values():
            await pool.client.aclose()


class SyncClient:
    """The same exchanges for code without an event loop."""

    def __init__(
        self, url: str, *, insecure_http: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self._url = checked_url(url, insecure_http=insecure_http)
        self._nonce = Nonce()
        self._pool = httpx.Client(
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=30),
            trust_env=False,
            follow_redirects=False,
            verify=tls or True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def send(self, exchange: Exchange, *, deadline_seconds: float) -> bytes:
        """Return the JSON body of a complete 200.

        Raises:
            NoDecisionError: everything else, before the deadline.
        """
        end = time.monotonic() + deadline_seconds
        tries = Tries()
        while True:
            try:
                raw = self._once(exchange, end)
                if self._nonce.learned(raw):
                    raw = self._once(exchange, end)
                    self._nonce.learned(raw)
                return accepted(raw)
            except NoDecisionError as error:
                pause = tries.pause_after(error)
                if time.monotonic() + pause >= end:
                    raise
            time.sleep(pause)

    def _once(self, exchange: Exchange, end: float) -> Raw:
        left = end - time.monotonic()
        if left <= 0:
            raise unreachable(_LATE, unsure=True)
        request = self._pool.build_request(
            exchange.method,
            self._url + exchange.path,
            headers=exchange.header_fields(self._url, self._nonce.value),
            content=exchange.body,
            timeout=left,
        )
        try:
            response = self._pool.send(request, stream=True)
            try:
                body = bytearray()
                for chunk in response.iter_raw():
                    body += _bounded(chunk, body)
                    if time.monotonic() > end:  # a drip resets the socket's own time-out
                        raise unreachable(_LATE, unsure=True)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _broken(error) from error
        return _raw(response, bytes(body))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def _forget(task: asyncio.Task[Raw]) -> None:
    _open.discard(task)
    if not task.cancelled():
        task.exception()  # seen: its caller may have left


def _broken(error: httpx.HTTPError) -> ServiceUnreachableError:
    """What a broken exchange is: only where no connection was had, surely nobody decided."""
    unheard = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return unreachable(type(error).__name__, unsure=not unheard)


def _bounded(chunk: bytes, so_far: bytearray) -> bytes:
    if len(so_far) + len(chunk) > MAX_ANSWER_BYTES:
        raise AnswerNotTrustedError("it is too large")
    return chunk


def _raw(response: httpx.Response, body: bytes) -> Raw:
    return Raw(
        status=response.status_code,
        media_type=response.headers.get("Content-Type", ""),
        body=body,
        challenge=response.headers.get("WWW-Authenticate", ""),
        nonce=response.headers.get("DPoP-Nonce"),
    )
