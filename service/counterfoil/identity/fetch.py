"""One HTTP exchange with an identity provider, bounded in time and size (rule 10).

No proxy, no environment, no cookies, no redirect (CVE-2026-102267), no compressed answer:
what is configured is called, and nothing else. One deadline covers the whole exchange, name
resolution and handshake included, so a provider that drips is one that does not answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

import aiohttp
from yarl import URL

from counterfoil.core.urls import UnsafeUrl, check_callable

MAX_ANSWER_BYTES: Final = 262_144
EXCHANGE_SECONDS: Final = 5.0
MAX_CONNECTIONS: Final = 16  # of one provider; more would only burden it
_JSON: Final = "application/json"


class FetchFailed(Exception):
    """No complete 200 came; the text says why, and holds nothing that the provider sent."""


class Fetcher:
    """Exchanges with one provider; belongs to one event loop. Use as a context.

    Args:
        ca_file: the only authorities that count for it; None for the machine's.
        plain_loopback: whether http to this machine counts (`core.urls.check_callable`).
        accept: the kind of document that is asked for.
        max_bytes: the largest body that is read.

    Raises:
        OSError, ssl.SSLError: the file holds no certificate.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        plain_loopback: bool = False,
        accept: str = _JSON,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._plain_loopback = plain_loopback
        self._headers = {"Accept": accept, "Accept-Encoding": "identity"}
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._tls, limit=MAX_CONNECTIONS, use_dns_cache=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None),  # `_exchange` bounds the whole
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str) -> bytes:
        """Return the body of a complete 200.

        Raises:
            FetchFailed: anything else.
        """
        return await self._exchange("GET", url, form=None, authorization=None)

    async def post(self, url: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        """Send a form and return the body of a complete 200.

        Raises:
            FetchFailed: anything else.
        """
        return await self._exchange("POST", url, form=form, authorization=authorization)

    async def _exchange(
        self, method: str, url: str, *, form: Mapping[str, str] | None, authorization: str | None
    ) -> bytes:
        if self._session is None:
            raise FetchFailed("the fetcher is closed")
        headers = {} if authorization is None else {"Authorization": authorization}
        try:
            check_callable(url, plain_loopback=self._plain_loopback)
            async with (
                asyncio.timeout(EXCHANGE_SECONDS),
                self._session.request(
                    method,
                    URL(url, encoded=True),
                    data=form,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                return await _body(response, self._max_bytes)
        except UnsafeUrl as error:
            raise FetchFailed(f"the URL is not called: {error}") from error
        except TimeoutError as error:
            raise FetchFailed(f"no complete answer in {EXCHANGE_SECONDS:.0f} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The kind alone: texts of these quote what the provider sent.
            raise FetchFailed(type(error).__name__) from error


async def _body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if response.status != HTTPStatus.OK:
        raise FetchFailed(f"HTTP {response.status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchFailed("a compressed answer")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise FetchFailed(f"more than {max_bytes} bytes")
    return bytes(body)
