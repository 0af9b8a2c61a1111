"""The session under `opa_client.OpaClient`: its few calls, over our own exchange.

`requests` reads proxies and passwords from the environment, follows a 301 with a GET that
lost its input, and retries for 0.6 s when the engine is down; here none of that exists. There
is one address, fixed at the start. `docs/adr/0002-policy-client.md` holds the measurements.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Never
from urllib.parse import urlsplit

import orjson

from counterfoil.core.model import JsonValue
from counterfoil.errors import ConfigError, PolicyUnavailable
from counterfoil.policy.http1 import Connection, HttpAnswer

MAX_ANSWER_BYTES: Final = 4_194_304  # 16 decisions of many permissions; hostile ones end here
_MAX_IDLE: Final = 8
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ForkedClient(PolicyUnavailable):
    """The client was made in another process.

    Two processes on one connection read each other's answers: measured, 53 of 1,200 calls
    got another person's allow. One client a worker, made after the fork.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the engine listens: a unix socket, or a host."""

    path: str | None = None
    host: str = "localhost"
    port: int = 0
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(cls, text: str, *, ca_file: str | None = None) -> Address:
        """Read `unix:///run/opa.sock`, `https://opa:8181`, or plain http on loopback.

        Raises:
            ConfigError: another scheme, a path on a host, or http beyond this machine.
        """
        try:
            parts = urlsplit(text)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise ConfigError(f"not an address: {text}", pointer="policy.opa") from error
        extra = parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme == "unix" and parts.path and not parts.netloc and not extra:
            return cls(path=parts.path)
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if (
            not parts.hostname
            or parts.path.strip("/")
            or extra
            or parts.scheme not in _DEFAULT_PORTS
        ):
            raise ConfigError("use unix:///path or https://host:port", pointer="policy.opa")
        if parts.scheme == "http" and not plain:
            raise ConfigError("plain http is for this machine only", pointer="policy.opa")
        tls = None if plain else ssl.create_default_context(cafile=ca_file)
        return cls(host=parts.hostname, port=port, tls=tls)

    def connect(self, seconds: float) -> socket.socket:
        """Open a connection within `seconds`.

        Raises:
            OSError: nobody listens, in time or at all; or TLS does not verify.
        """
        if self.path is not None:
            connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connected.settimeout(seconds)
                connected.connect(self.path)
            except BaseException:
                connected.close()
                raise
            return connected
        until = time.monotonic() + seconds
        plain = socket.create_connection((self.host, self.port), timeout=seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is None:
                return plain
            plain.settimeout(max(0.001, until - time.monotonic()))
            return self.tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    @property
    def authority(self) -> str:
        """The Host header: no name of ours leaks to a unix socket's server."""
        return "localhost" if self.path is not None else f"{self.host}:{self.port}"


class LeanResponse:
    """What `OpaClient` reads of a `requests.Response`."""

    __slots__ = ("content", "status_code")

    def __init__(self, answer: HttpAnswer) -> None:
        self.status_code = answer.status
        self.content = answer.body

    def json(self) -> JsonValue:
        """The body as JSON; decisions are read by a stricter reader, in `opa.py`."""
        value: JsonValue = json.loads(self.content)
        return value

    def raise_for_status(self) -> None:
        """Refuse everything but 200, redirects included.

        Raises:
            PolicyUnavailable: another status.
        """
        if self.status_code != 200:  # noqa: PLR2004 -- the one status that decides
            raise PolicyUnavailable(f"the engine answered {self.status_code}")


class LeanSession:
    """A small pool of kept-alive connections to one address.

    `timeout` is always in seconds and covers the whole call. Belongs to the process that
    made it.
    """

    def __init__(
        self,
        address: Address,
        *,
        headers: Mapping[str, str] | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._address = address
        self._max_answer_bytes = max_answer_bytes
        self._idle: deque[Connection] = deque()
        self._pid = os.getpid()
        lines = {"Host": address.authority, "Content-Type": "application/json", **(headers or {})}
        if any(mark in f"{name}{value}" for name, value in lines.items() for mark in "\r\n"):
            raise ConfigError("a header of the policy engine's holds a line break")
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._heads: dict[str, bytes] = {}

    def post(
        self,
        url: str,
        *,
        json: JsonValue,
        timeout: float,
        sent: Callable[[], None] = lambda: None,
    ) -> LeanResponse:
        """Post JSON and return a complete answer of any status.

        `sent` is called once the question is out, and must not wait.

        Raises:
            TimeoutError: not complete within `timeout` seconds.
            OSError: the engine cannot be reached.
            BrokenAnswer: it did not answer in HTTP.
            ForkedClient: called in a process other than the one that made this.
            TypeError: the value cannot be written as JSON.
        """
        body = orjson.dumps(json, default=_plain)
        head = self._heads.get(url) or self._head("POST", url, url)
        return self._exchange(b"%b%d\r\n\r\n%b" % (head, len(body), body), timeout, sent)

    def get(self, url: str, *, timeout: float) -> LeanResponse:
        """Get a document, for health. Raises as `post` does."""
        head = self._heads.get(f"GET {url}") or self._head("GET", url, f"GET {url}")
        return self._exchange(b"%b0\r\n\r\n" % head, timeout)

    def put(self, *_: object, **__: object) -> Never:
        """Nothing here changes the engine: policy comes in verified bundles only.

        Raises:
            PolicyUnavailable: always.
        """
        raise PolicyUnavailable("the policy engine is only asked, never changed")

    patch = delete = put

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(
        self, request: bytes, seconds: float, sent: Callable[[], None] = lambda: None
    ) -> LeanResponse:
        if os.getpid() != self._pid:
            raise ForkedClient("the policy client was made before a fork")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = Connection(self._address.connect, self._max_answer_bytes)
        answer = connection.exchange(request, time.monotonic() + seconds, sent)
        if len(self._idle) < _MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
        return LeanResponse(answer)

    def _head(self, method: str, url: str, key: str) -> bytes:
        """The request's fixed part. Few constant URLs are ever asked, so each is kept."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        text = f"{method} {target} HTTP/1.1\r\n{self._headers}Content-Length: "
        head = text.encode("ascii")
        if any(mark in target for mark in "\r\n ") or len(self._heads) >= _MAX_IDLE:
            raise ConfigError("not a constant path of the policy engine")
        self._heads[key] = head
        return head


def _plain(value: object) -> object:
    """Read-only mappings as objects, for the writer."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
