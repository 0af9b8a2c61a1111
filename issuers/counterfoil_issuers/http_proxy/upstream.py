"""The way to the API: one origin, addresses that were checked, one request a connection.

No proxy, environment, cookie, redirect or second try: what was decided is sent once. The
address is checked where it is connected to, so a name cannot mean another one meanwhile.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.http import Request
from counterfoil.core.actions.http.hosts import power_of, read_host
from counterfoil.core.actions.http.url import DEFAULT_PORTS
from counterfoil_issuers.contract import TargetError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_CONNECTIONS: Final = 64
_REACH_SECONDS: Final = 10.0
_NEVER: Final = frozenset({"metadata", "special"})


def may_reach(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address may be connected to: a public one, or one of the configured networks.

    A cloud's metadata service, link-local and reserved addresses never, nor an IPv4 address
    inside of an IPv6 one.
    """
    try:
        ip = ipaddress.ip_address(address)
        host = read_host(f"[{ip.compressed}]" if ip.version == 6 else str(ip), (0, 0))  # noqa: PLR2004
    except (ValueError, Unreadable):
        return False
    power = power_of(host)
    if power is None:
        return True
    return power not in _NEVER and any(ip in network for network in networks)


class CheckedResolver(AbstractResolver):
    """Resolves a name to addresses that may all be reached; one that may not refuses it."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of the name.

        Raises:
            OSError: there is none, or one may not be reached.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = [str(sockaddr[0]) for *_, sockaddr in found]
        if not addresses or not all(may_reach(one, self._networks) for one in addresses):
            raise OSError("an address that is not configured")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for address, (kind, _, proto, *_) in zip(addresses, found, strict=True)
        ]

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One API. `credential` is the standing one: a header's name and its value."""

    origin: str
    credential: tuple[str, str] = field(repr=False)
    networks: tuple[Network, ...]
    tls: ssl.SSLContext

    def reach(self) -> None:
        """Connect, and send nothing.

        Raises:
            TargetError: an address may not be reached, does not answer, or nobody vouches for it.
        """
        parts = urlsplit(self.origin)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            if not all(may_reach(str(address[0]), self.networks) for *_, address in found):
                raise TargetError(f"{host} is in no network of target.networks")
            with socket.create_connection((host, port), timeout=_REACH_SECONDS) as connection:
                if parts.scheme == "https":
                    self.tls.wrap_socket(connection, server_hostname=host).close()
        except OSError as error:  # SSLError is one
            raise TargetError(f"{self.origin} is not reached: {type(error).__name__}") from error

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send it, with the standing credential; the answer has begun.

        Raises:
            aiohttp.ClientError, OSError: there is none.
        """
        name, value = self.credential
        headers = {**request.headers, "accept-encoding": "identity", name.lower(): value}
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self.tls,
                    resolver=CheckedResolver(self.networks),
                    use_dns_cache=False,
                    force_close=True,  # one that is kept would be tried again by the client
                    limit=MAX_CONNECTIONS,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the gateway bounds the whole
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("accept", "accept-encoding", "user-agent", "content-type"),
            ) as session,
            session.request(
                request.method,
                as_sent(request.url.text),
                data=request.body,
                headers=headers,
                allow_redirects=False,
            ) as response,
        ):
            yield response


def as_sent(url: str) -> URL:
    """The URL that the client sends as it stands; `sends` says whether it does."""
    return URL(url, encoded=True)


def sends(origin: str, target: str) -> bool:
    """Whether the client would put exactly this target on the wire."""
    return as_sent(origin + target).raw_path_qs == target
