"""Speaks with the service: redeems, reports, and hears what has ended.

One exchange has one deadline, name resolution and handshake included. No proxy, no environment,
no cookie, no redirect, no compressed answer. Only a complete 200 of valid JSON is a yes; what
else came is told apart only where it matters: refused for good, or not answered.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.strict_json import parse
from counterfoil.core.urls import UnsafeUrl, check_callable, is_plain_loopback
from counterfoil.errors import RequestError
from counterfoil.identity.signing import Es256Signer
from counterfoil_issuers.contract import Job
from counterfoil_issuers.fetched_keys import KeysNotFetched

ASSERTION_TYPE: Final = "client-authentication+jwt"
EXCHANGE_SECONDS: Final = 5.0
WAIT_SECONDS: Final = 20  # how long the service may hold the question for events
MAX_ANSWER_BYTES: Final = 1_048_576
_ASSERTION_SECONDS: Final = 60
_OWN_SLACK_SECONDS: Final = 1.0
# The service says for good that it will not: not that it is busy, or that we are not known.
_FINAL: Final = frozenset({400, 404, 409, 410, 413, 422})


class NoAnswer(Exception):
    """Nobody knows whether it was done; the text says why, and quotes nothing that was sent."""


class Declined(Exception):
    """The service refuses for good; `code` is its problem's."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"HTTP {status} {code}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where the service is, and how the issuer proves who it is: a key, or a certificate."""

    url: str
    issuer: str
    audience: str
    signer: Es256Signer | None
    tls: ssl.SSLContext


class ServiceClient:
    """Thread safe; its exchanges run in `loop`, which another thread runs.

    Args:
        where: the service.
        loop: a running event loop.
        clock: seconds since the epoch.

    Raises:
        UnsafeUrl: the service's URL is not https, nor http to this machine.
    """

    def __init__(
        self, where: Whereabouts, loop: asyncio.AbstractEventLoop, *, clock: Callable[[], float]
    ) -> None:
        check_callable(where.url, plain_loopback=is_plain_loopback(where.url))
        self._where, self._loop, self._clock = where, loop, clock
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> Self:
        """Make ready; in the loop."""
        self._session = aiohttp.ClientSession(
            # A connection each: one that the service has closed meanwhile would be an
            # exchange that may have been done or not.
            connector=aiohttp.TCPConnector(ssl=self._where.tls, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def close(self) -> None:
        """Let go of all connections; in the loop."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def redeem(self, job: Job) -> JsonObject:
        """Have the request redeemed, once and for ever; the service's answer.

        Raises:
            Declined: it is not to be made.
            NoAnswer: it may be redeemed, but nobody may make it.
        """
        body: JsonObject = {"action_digest": job.action_digest, "credential": job.name}
        return self._call("POST", f"/grants/{quote(job.jti, safe='')}/redeem", body)

    def report(self, decision_id: str, body: JsonObject) -> None:
        """Have what was made, or ended, recorded.

        Raises:
            Declined: the service will never record it.
            NoAnswer: it may be recorded.
        """
        self._call("POST", f"/decisions/{quote(decision_id, safe='')}/issued", body)

    def events(self, after: str | None) -> JsonObject:
        """What ended since `after`; waits for something a while.

        Raises:
            Declined, NoAnswer: nothing was heard.
        """
        asked: dict[str, str] = {"wait": str(WAIT_SECONDS)}
        if after is not None:
            asked["after"] = after
        seconds = EXCHANGE_SECONDS + WAIT_SECONDS
        return self._call("GET", f"/grants/events?{urlencode(asked)}", None, seconds)

    def fetch_keys(self, url: str) -> bytes:
        """The bytes of the key set there.

        Raises:
            KeysNotFetched: no complete 200 came.
        """
        try:
            check_callable(url, plain_loopback=is_plain_loopback(self._where.url))
            status, data = self._run("GET", url, None, {}, EXCHANGE_SECONDS)
        except (UnsafeUrl, NoAnswer) as error:
            raise KeysNotFetched(str(error)) from error
        if status != HTTPStatus.OK:
            raise KeysNotFetched(f"HTTP {status}")
        return data

    def _call(
        self,
        method: str,
        path: str,
        body: JsonObject | None,
        seconds: float = EXCHANGE_SECONDS,
    ) -> JsonObject:
        url = self._where.url.rstrip("/") + path
        status, data = self._run(method, url, body, self._authorization(), seconds)
        try:
            answer = parse(data, max_bytes=MAX_ANSWER_BYTES)
        except RequestError as error:
            raise NoAnswer(f"HTTP {status} without JSON") from error
        if status == HTTPStatus.OK:
            return answer
        code = _word(answer.get("code"))
        if status in _FINAL:
            raise Declined(status, code)
        raise NoAnswer(f"HTTP {status} {code}")

    def _authorization(self) -> Mapping[str, str]:
        signer = self._where.signer
        if signer is None:
            return {}
        now = int(self._clock())
        assertion = signer.sign(
            {
                "iss": self._where.issuer,
                "sub": self._where.issuer,
                "aud": self._where.audience,
                "iat": now,
                "exp": now + _ASSERTION_SECONDS,
                "jti": secrets.token_urlsafe(18),
            }
        )
        return {"Authorization": f"Bearer {assertion}"}

    def _run(
        self,
        method: str,
        url: str,
        body: JsonObject | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> tuple[int, bytes]:
        exchange = self._exchange(method, url, body, headers, seconds)
        task = asyncio.run_coroutine_threadsafe(exchange, self._loop)
        try:
            return task.result(seconds + _OWN_SLACK_SECONDS)
        except TimeoutError as error:
            task.cancel()
            raise NoAnswer(f"no complete answer in {seconds:.0f} s") from error
        except CancelledError as error:
            raise NoAnswer("the issuer is stopping") from error

    async def _exchange(
        self,
        method: str,
        url: str,
        body: JsonObject | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise NoAnswer("the issuer is stopping")
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(
                    method,
                    URL(url, encoded=True),
                    json=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise NoAnswer("a compressed answer")
                return response.status, await _bounded(response)
        except TimeoutError as error:
            raise NoAnswer(f"no complete answer in {seconds:.0f} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > MAX_ANSWER_BYTES:
            raise NoAnswer(f"more than {MAX_ANSWER_BYTES} bytes")
    return bytes(data)


def _word(value: JsonValue) -> str:
    return value[:128] if isinstance(value, str) else ""


def tls_context(ca_file: str | None, certificate_file: str | None) -> ssl.SSLContext:
    """How the service is known, and by which certificate (with its key, PEM) the issuer is.

    Raises:
        OSError, ssl.SSLError: a file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if certificate_file is not None:
        context.load_cert_chain(certificate_file)
    return context
