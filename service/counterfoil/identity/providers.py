"""The process that calls identity providers (`app_providers.py` starts it).

Nobody else does, so fetches are bounded across workers by there being one place that makes
them, a hostile answer meets a process without keys, ledger or callers, and a slow provider
keeps no request waiting. For each issuer without a key file it

1. finds the key set: `jwks_uri`, or the provider's own metadata (`discovery.py`);
2. fetches it (`fetch.py`) and judges it (`jwks.py`), every `jwks_refresh_seconds`, and
   between that when a worker asks, at most once per `jwks_retry_seconds`;
3. publishes a good set as a file, whose age says when the last good fetch was. What is no
   good set changes nothing: the last good one stays.

For each SAML provider with a `metadata_url` it does the same with the metadata, every
`refresh_seconds`; an XML child judges them, their signature too where a certificate is given.

Workers ask through a unix socket, one line of JSON each way (`published.py`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from counterfoil.config import Config
from counterfoil.config_model import Introspection, RemoteProvider, SamlProvider
from counterfoil.errors import ConfigError, IdentityUnavailable, SamlRefused
from counterfoil.identity.discovery import MalformedMetadata, metadata_url, read_metadata
from counterfoil.identity.fetch import Fetcher, FetchFailed
from counterfoil.identity.fetchers import make_fetcher, saml_fetcher
from counterfoil.identity.introspection import client_authorization
from counterfoil.identity.jwks import MalformedKeySet, read_key_set
from counterfoil.identity.published import FOLDER, SOCKET_NAME, keys_path, metadata_path
from counterfoil.identity.saml_metadata import (
    READ_SECONDS,
    trusted_certificates,
)
from counterfoil.identity.sign_in_codes import CodeRedeemer
from counterfoil.ports_saml import SamlReader

QUESTION_SECONDS: Final = 2.0
MAX_ASKING: Final = 32  # tokens in question at one provider; more are answered 503 at once
MAX_QUESTION_BYTES: Final = 65_536
RETRY_SECONDS: Final = 60
"""Between two fetches of SAML metadata that were not due: after a failure, for an unknown key."""
_SAML: Final = (SamlRefused, IdentityUnavailable, ConfigError)
_log = logging.getLogger("counterfoil.providers")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a document is fetched: of itself, and at most when it failed or was asked for."""

    refresh_seconds: int
    retry_seconds: int


class Publisher:
    """One document of one provider. Owned by the loop.

    Args:
        what: what it is, for the log.
        path: where it is published.
        fetch: fetches and judges it.
        pace: how often.
        monotonic: the clock that `pace` is counted by.
    """

    def __init__(
        self,
        what: str,
        path: Path,
        fetch: Callable[[], Awaitable[bytes]],
        pace: Pace,
        monotonic: Callable[[], float],
    ) -> None:
        self._what, self._path, self._fetch, self._pace = what, path, fetch, pace
        self._monotonic = monotonic
        self._began: float | None = None
        self._running: asyncio.Task[None] | None = None
        self._failing = False

    async def keep(self) -> None:
        """Renew it for ever."""
        while True:
            await self.renew()
            pace = self._pace
            await asyncio.sleep(pace.retry_seconds if self._failing else pace.refresh_seconds)

    async def renew(self) -> float:
        """Renew it unless that was done just now; how long not to ask again."""
        if self._running is None and self._rest() == 0.0:
            self._began = self._monotonic()
            self._running = asyncio.create_task(self._once())
        if self._running is not None:
            await asyncio.shield(self._running)  # a caller that leaves stops nobody's fetch
        return self._rest()

    def _rest(self) -> float:
        if self._began is None:
            return 0.0
        return max(0.0, self._began + self._pace.retry_seconds - self._monotonic())

    async def _once(self) -> None:
        try:
            _publish(self._path, await self._fetch())
        except (FetchFailed, MalformedMetadata, MalformedKeySet, OSError, *_SAML) as error:
            if not self._failing:
                _log.warning("%s: %s; the last good ones stay", self._what, error)
            self._failing = True
        else:
            if self._failing:
                _log.warning("%s: good again", self._what)
            self._failing = False
        finally:
            self._running = None


async def fetch_keys(issuer: str, provider: RemoteProvider, fetcher: Fetcher) -> bytes:
    """Fetch an issuer's key set and judge it.

    Raises:
        FetchFailed: no complete answer.
        MalformedMetadata: the provider's metadata are another's, or name no keys.
        MalformedKeySet: no key in it may verify, or it cannot be meant.
    """
    where = provider.jwks_uri
    if where is None:
        where = read_metadata(await fetcher.get(metadata_url(issuer)), issuer).jwks_uri
    if where is None:
        raise MalformedMetadata("the metadata name no jwks_uri that may be called")
    data = await fetcher.get(where)
    read_key_set(data)
    return data


async def fetch_saml(
    provider: SamlProvider, fetcher: Fetcher, reader: SamlReader, monotonic: Callable[[], float]
) -> bytes:
    """Fetch a SAML provider's metadata and judge them.

    Raises:
        FetchFailed: no complete answer.
        SamlRefused: they are no metadata of this provider, or not signed by whom they must be.
        IdentityUnavailable: they could not be read in time.
        ConfigError: the certificate's file cannot be read now.
    """
    data = await fetcher.get(provider.metadata_url or "")
    trusted = trusted_certificates(provider)
    deadline = monotonic() + READ_SECONDS
    await asyncio.to_thread(
        reader.metadata, data, entity_id=provider.issuer, trusted=trusted, deadline=deadline
    )
    return data


class Asker:
    """Asks one provider about opaque tokens. Owned by the loop."""

    def __init__(self, issuer: str, settings: Introspection, fetcher: Fetcher) -> None:
        self._issuer, self._uri, self._fetcher = issuer, settings.uri, fetcher
        self._authorization = client_authorization(settings)
        self._asking = 0

    async def ask(self, token: str) -> dict[str, object]:
        """Return the provider's answer as it came, or nothing."""
        if self._asking >= MAX_ASKING:
            return {}
        self._asking += 1
        try:
            form = {"token": token, "token_type_hint": "access_token"}
            uri = await self._where()
            body = await self._fetcher.post(uri, form, authorization=self._authorization)
            return {"body": body.decode("utf-8")}
        except (FetchFailed, MalformedMetadata, UnicodeDecodeError) as error:
            _log.warning("introspection at %s: %s", self._issuer, type(error).__name__)
            return {}
        finally:
            self._asking -= 1

    async def _where(self) -> str:
        if self._uri is None:
            data = await self._fetcher.get(metadata_url(self._issuer))
            self._uri = read_metadata(data, self._issuer).introspection_endpoint
        if self._uri is None:
            raise MalformedMetadata("the metadata name no introspection_endpoint")
        return self._uri


class Desk:
    """Answers what workers ask."""

    def __init__(
        self,
        publishers: dict[str, Publisher],
        metadata: dict[str, Publisher],
        askers: dict[str, Asker],
        redeemers: Mapping[str, CodeRedeemer] = MappingProxyType({}),
    ) -> None:
        self._publishers, self._metadata, self._askers = publishers, metadata, askers
        self._redeemers = redeemers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: a question, an answer."""
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                line = await reader.readline()
            writer.write(json.dumps(await self._answer(line)).encode("ascii") + b"\n")
            await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # a worker that left, or no question: nobody is owed an answer
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        match json.loads(line):
            case {"renew": str(issuer)} if issuer in self._publishers:
                return {"rest_seconds": await self._publishers[issuer].renew()}
            case {"renew_metadata": str(name)} if name in self._metadata:
                return {"rest_seconds": await self._metadata[name].renew()}
            case {"introspect": str(issuer), "token": str(token)} if issuer in self._askers:
                return await self._askers[issuer].ask(token)
            case {"authorize": str(issuer)} if issuer in self._redeemers:
                return await _answered("endpoint", self._redeemers[issuer].endpoint())
            case {"redeem": str(issuer), "code": str(code), "code_verifier": str(proof)} if (
                issuer in self._redeemers
            ):
                return await _answered("id_token", self._redeemers[issuer].redeem(code, proof))
            case _:
                raise ValueError("no such question")


async def _answered(name: str, asking: Awaitable[str]) -> dict[str, object]:
    """What a provider said to a sign-in, or nothing."""
    try:
        return {name: await asking}
    except (FetchFailed, MalformedMetadata) as error:
        _log.warning("sign-in: %s", error)
        return {}


async def run(
    config: Config, reader: SamlReader, *, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Keep all keys and metadata, and answer workers, until cancelled.

    `reader` reads SAML metadata in a child of its own; `monotonic` is the clock that intervals
    are counted by.

    Raises:
        ConfigError: an authority's file or the run directory cannot be used.
    """
    directory = config.server.run_directory
    console = config.console.issuer
    remote = [
        issuer
        for issuer in config.identity.oidc
        if issuer.calls_provider or issuer.entry.issuer == console
    ]
    async with AsyncExitStack() as stack:
        publishers: dict[str, Publisher] = {}
        askers: dict[str, Asker] = {}
        redeemers: dict[str, CodeRedeemer] = {}
        for issuer in remote:
            name, provider = issuer.entry.issuer, issuer.provider
            fetcher = await stack.enter_async_context(make_fetcher(issuer))
            if provider.introspection is not None:
                askers[name] = Asker(name, provider.introspection, fetcher)
            if name == console:
                redeemers[name] = CodeRedeemer(config.console, fetcher)
            if issuer.jwks_file is None:
                publishers[name] = Publisher(
                    f"keys of {name}",
                    keys_path(directory, name, provider),
                    partial(fetch_keys, name, provider, fetcher),
                    Pace(provider.jwks_refresh_seconds, provider.jwks_retry_seconds),
                    monotonic,
                )
        metadata = await _metadata_publishers(config, stack, reader, monotonic)
        server = await asyncio.start_unix_server(
            Desk(publishers, metadata, askers, redeemers).serve,
            _fresh_socket(directory),
            limit=MAX_QUESTION_BYTES,
        )
        async with server, asyncio.TaskGroup() as group:
            group.create_task(server.serve_forever())
            for publisher in (*publishers.values(), *metadata.values()):
                group.create_task(publisher.keep())


async def _metadata_publishers(
    config: Config, stack: AsyncExitStack, reader: SamlReader, monotonic: Callable[[], float]
) -> dict[str, Publisher]:
    """What publishes SAML metadata, by the name that one asks for."""
    found: dict[str, Publisher] = {}
    for provider in config.identity.saml:
        if provider.metadata_url is None:
            continue
        path = metadata_path(config.server.run_directory, provider)
        fetcher = await stack.enter_async_context(saml_fetcher(provider, provider.metadata_url))
        found[path.stem] = Publisher(
            f"metadata of {provider.issuer}",
            path,
            partial(fetch_saml, provider, fetcher, reader, monotonic),
            Pace(provider.refresh_seconds, RETRY_SECONDS),
            monotonic,
        )
    return found


def _fresh_socket(directory: Path) -> Path:
    try:
        (directory / FOLDER).mkdir(mode=0o700, exist_ok=True)
        path = directory / SOCKET_NAME
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be used ({error.strerror}).", pointer="server.run_directory"
        ) from error
    return path


def _publish(path: Path, data: bytes) -> None:
    """Whole or not at all; a set that did not change only gets a new age."""
    if path.exists() and path.read_bytes() == data:
        os.utime(path)
        return
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)
