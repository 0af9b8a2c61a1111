"""Where records are shipped to: an OTLP collector over HTTP, or files in a folder."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from yarl import URL

from counterfoil.cli.export_formats import sink_of
from counterfoil.cli.ship_cursor import put_durably
from counterfoil.config_model import ExportEntry
from counterfoil.ledger.bulk import Rows

EXCHANGE_SECONDS: Final = 10.0  # the whole of it: a collector that drips is one that hangs
MAX_ANSWER_BYTES: Final = 65_536
MAX_HEADER_BYTES: Final = 8_192
_HEADER = re.compile(rb"([A-Za-z0-9-]{1,64}):[ \t]*([\x20-\x7e]{1,8000})\r?\n?")
_OURS: Final = frozenset({"host", "content-type", "content-length", "transfer-encoding"})


class NotDelivered(Exception):
    """It did not arrive, as far as we know. The text holds nothing secret, and no foreign word."""


class Target(Protocol):
    """Takes records; what it returns from is delivered."""

    async def put(self, rows: Rows, origin: str) -> int:
        """Deliver some records; how many of them were rejected for good.

        Raises:
            NotDelivered: try again later.
        """

    async def close(self) -> None:
        """Let connections go."""


def target_of(entry: ExportEntry) -> Target:
    """The target of an entry.

    Raises:
        NotDelivered: a file that it names cannot be used.
    """
    if entry.directory is not None:
        return Files(entry.name, entry.directory, opened=entry.opened)
    return Otlp(entry)


class Files:
    """JSONL files, named by their places: what is written twice takes its own name again."""

    def __init__(self, name: str, directory: Path, *, opened: bool) -> None:
        self._name, self._directory, self._opened = name, directory, opened

    async def put(self, rows: Rows, origin: str) -> int:
        """One file (`Target`)."""
        sink = sink_of("jsonl", opened=self._opened, origin=origin, version="1.8.0")
        data, _ = sink.piece(rows)
        path = self._directory / f"{self._name}-{rows.index[0]:012d}-{rows.index[-1]:012d}.jsonl"
        try:
            put_durably(path, data)
        except OSError as error:
            raise NotDelivered(f"{type(error).__name__}: {error.strerror}") from error
        return 0

    async def close(self) -> None:
        """Nothing is open."""


class Otlp:
    """OTLP/JSON over HTTP: no proxy, no redirect, no cookie; a 200 is a delivery."""

    def __init__(self, entry: ExportEntry) -> None:
        self._entry = entry
        try:
            self._tls = ssl.create_default_context(cafile=entry.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise NotDelivered("ca_file holds no certificate") from error
        self._session: aiohttp.ClientSession | None = None

    async def put(self, rows: Rows, origin: str) -> int:
        """One request (`Target`)."""
        sink = sink_of("otlp", opened=self._entry.opened, origin=origin, version="1.8.0")
        body, _ = sink.piece(rows)
        headers = {"Content-Type": "application/json", **self._secret_header()}
        try:
            async with (
                asyncio.timeout(EXCHANGE_SECONDS),
                self._open().post(
                    URL(str(self._entry.url), encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise NotDelivered(f"the collector answers {response.status}")
                answer = bytearray()
                async for chunk in response.content.iter_any():
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise NotDelivered("the collector's answer has no end")
                return _rejected(bytes(answer))
        except TimeoutError as error:
            raise NotDelivered(f"no complete answer in {EXCHANGE_SECONDS:.0f} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The kind alone: texts of these quote addresses, headers and foreign words.
            raise NotDelivered(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=1, use_dns_cache=False),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _secret_header(self) -> dict[str, str]:
        """What lets us in, read anew: it may have been renewed."""
        path = self._entry.header_file
        if path is None:
            return {}
        try:
            with path.open("rb") as file:
                found = _HEADER.fullmatch(file.read(MAX_HEADER_BYTES))
        except OSError as error:
            raise NotDelivered("header_file cannot be read") from error
        if found is None or found[1].decode().lower() in _OURS:
            raise NotDelivered("header_file is not one line `Name: value`")
        return {found[1].decode(): found[2].decode()}


def _rejected(answer: bytes) -> int:
    """How many log records the collector rejects: it must not be asked again (OTLP 1.x)."""
    try:
        partial = json.loads(answer)["partialSuccess"]
        return max(0, int(partial.get("rejectedLogRecords", 0)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0
