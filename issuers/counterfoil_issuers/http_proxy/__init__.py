"""Calls to an API that knows no scoped credentials (docs/issuers/http_proxy.md).

The issuer holds the API's standing credential and is a gateway to it. A job's credential is a
key at the gateway, which lets through exactly the decided requests, each once: method, path and
query, and body as they were judged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.http.url import Url, read_url
from counterfoil.core.model import JsonValue
from counterfoil.core.renderings import NotRenderable, render_all
from counterfoil.core.renderings.http import Right, rights
from counterfoil.core.urls import UnsafeUrl, check_callable
from counterfoil.errors import ConfigError
from counterfoil.keys import read_private
from counterfoil.ports import Clock
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import Ended, Finding, Job, Made, TargetError
from counterfoil_issuers.http_proxy.answers import MIN_SECRET
from counterfoil_issuers.http_proxy.gateway import Gateway
from counterfoil_issuers.http_proxy.passes import Pass, Passes, hidden
from counterfoil_issuers.http_proxy.upstream import Network, Upstream, may_reach, sends
from counterfoil_issuers.listener import Listener, read_address

TYPE: Final = "http"
_SECONDS: Final = 30
_MAX_ANSWER_BYTES: Final = 10_485_760
_CUT_SECONDS: Final = 5.0
_HEADER_SECONDS: Final = 15.0  # beside an exchange: a connection that sends nothing
_FRAMING: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect"}
    | {"te", "trailer", "upgrade", "keep-alive", "content-encoding"}
)
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API behind one gateway. `url` is where holders reach it; None: as it listens."""

    origin: str
    url: str | None
    passes: Passes
    clock: Clock
    listener: Listener
    upstream: Upstream
    types: frozenset[str] = frozenset({TYPE})

    def start(self) -> None:
        """Serve the gateway.

        Raises:
            TargetError: the address cannot be had.
        """
        self.listener.start()

    def stop(self) -> None:
        """Serve it no more."""
        self.listener.stop()

    def reach(self) -> list[str]:
        """Connect to the API and send nothing: there is nothing that an operator should put right.

        Raises:
            TargetError: it is not reached, lies in a network that is not configured, or nobody
                vouches for it.
        """
        self.upstream.reach()
        return []

    def check(self, job: Job) -> None:
        """Refuse what is not of this API, or is not one request as it is sent.

        Raises:
            NotRenderable: the text says which.
        """
        self._requests(job)

    def make(self, job: Job) -> Made:
        """A key that lets each of the job's requests through once."""
        decided = self._requests(job)
        key = f"{job.name}.{secrets.token_urlsafe(32)}"
        self.passes.add(
            Pass(
                name=job.name,
                key_sha256=hidden(key),
                decided=decided,
                deadline=job.deadline,
                left=set(decided),
            )
        )
        return Made(
            secret={"url": self.url or self.listener.url, "key": key},
            public={"origin": self.origin},
            expires_at=job.deadline,
        )

    def end(self, job: Job) -> Ended:
        """Let nothing through any more, and cut what is under way.

        Raises:
            TargetError: something is under way yet.
        """
        return self.end_name(job.name)

    def end_name(self, name: str) -> Ended:
        """As `end`: nothing is ever handed over. What else was tried is a finding.

        Raises:
            TargetError: as `end`.
        """
        ended = self.passes.end(name)
        if ended is None:
            return Ended()
        if ended.under_way:
            try:
                self.listener.call(_cut(ended), seconds=_CUT_SECONDS)
            except TimeoutError as error:
                raise TargetError("a request is under way yet") from error
        self.passes.gone(name)
        found = (Finding(code=code, object=self.origin) for code in sorted(ended.refused))
        return Ended(findings=tuple(found))

    def names(self) -> Collection[str]:
        """Whose keys let something through."""
        return self.passes.names()

    def _requests(self, job: Job) -> frozenset[Right]:
        details = (*job.permissions, *job.ambient)
        if not details or any(item.get("type") != TYPE for item in details):
            raise NotRenderable("another type than http, or nothing")
        render_all(details)
        found = frozenset(one for item in details for one in rights(item) if isinstance(one, Right))
        if any(one.origin != self.origin for one in found):
            raise NotRenderable("another origin")
        if not all(_stands(one) for one in found):
            raise NotRenderable("a path or query that the gateway would not send as it stands")
        return found


async def _cut(ended: Pass) -> None:
    """Let the time of everything under way be over, and wait until nothing is."""
    while ended.under_way:
        now = asyncio.get_running_loop().time()
        for limit in tuple(ended.under_way):
            if not limit.expired():
                limit.reschedule(now)
        await asyncio.sleep(0.01)


def _stands(right: Right) -> bool:
    """Whether readers, and the client that sends it, leave the URL as it is."""
    text = right.origin + right.target
    try:
        return read_url(text).text == text and sends(right.origin, right.target)
    except Unreadable:
        return False


def build(settings: Mapping[str, JsonValue], clock: Clock | None = None) -> Api:
    """Make the target of a `[target]` that schemas/issuer_http_proxy.json accepts.

    Raises:
        ConfigError: a file or an address cannot be used.
    """
    clock = clock or SystemClock()
    networks = _networks(settings)
    origin = _origin(str(settings["origin"]), networks)
    passes = Passes()
    seconds = float(str(settings.get("seconds", _SECONDS)))
    upstream = Upstream(
        origin=origin.origin,
        credential=(_header(settings), _credential(settings)),
        networks=networks,
        tls=_tls(settings),
    )
    gateway = Gateway(
        passes=passes,
        upstream=upstream,
        clock=clock,
        seconds=seconds,
        max_bytes=int(str(settings.get("max_answer_bytes", _MAX_ANSWER_BYTES))),
    )
    address = read_address(settings)
    listener = Listener(gateway, address, connection_seconds=seconds + _HEADER_SECONDS)
    url = settings.get("url")
    return Api(
        origin=origin.origin,
        url=None if url is None else str(url).rstrip("/"),
        passes=passes,
        clock=clock,
        listener=listener,
        upstream=upstream,
    )


def _origin(text: str, networks: tuple[Network, ...]) -> Url:
    pointer = "target.origin"
    try:
        url = read_url(text)
        check_callable(url.text, plain_loopback=True)
    except (Unreadable, UnsafeUrl) as error:
        detail = "it is https://host[:port]; http is for this machine alone."
        raise ConfigError(detail, pointer=pointer) from error
    if url.origin != text:
        raise ConfigError(f"write it as {url.origin}", pointer=pointer)
    host = url.host.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return url  # a name: what it means is looked up, and checked, with each request
    if not may_reach(host, networks):
        raise ConfigError("name its network in target.networks.", pointer=pointer)
    return url


def _networks(settings: Mapping[str, JsonValue]) -> tuple[Network, ...]:
    texts = cast("list[str]", settings.get("networks", []))
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise ConfigError(f"{error}. Write as 10.1.0.0/16.", pointer="target.networks") from error


def _header(settings: Mapping[str, JsonValue]) -> str:
    name = str(settings["header"])
    if name.lower() in _FRAMING:
        raise ConfigError(f"{name} says where a request ends or goes.", pointer="target.header")
    return name


def _credential(settings: Mapping[str, JsonValue]) -> str:
    pointer = "target.value_file"
    data = read_private(Path(str(settings["value_file"])), pointer, remedy="Make it.")
    text = data.decode("latin-1").removesuffix("\n")
    if not _VALUE.fullmatch(text) or len(text.rpartition(" ")[2]) < MIN_SECRET:
        detail = f"it is no header's value of {MIN_SECRET} characters or more, on one line."
        raise ConfigError(detail, pointer=pointer)
    return text


def _tls(settings: Mapping[str, JsonValue]) -> ssl.SSLContext:
    file = settings.get("ca_file")
    try:
        return ssl.create_default_context(cafile=None if file is None else str(file))
    except OSError as error:  # SSLError is one
        raise ConfigError(f"{file} holds no certificate.", pointer="target.ca_file") from error
