"""What `counterfoil login` speaks with providers and the service: bounded, and no redirect.

https by the system's certificate authorities (or `login.ca_file`), http to this machine alone;
no proxy, no environment, no cookie. Secrets go in bodies and headers, never into a URL.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, urlencode, urlsplit

from counterfoil.cli.text import members
from counterfoil.core.model import JsonObject

MAX_ANSWER_BYTES = 1_048_576
TIMEOUT_SECONDS = 15.0
FORM = "application/x-www-form-urlencoded"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class LoginFailed(Exception):
    """The login cannot go on: what happened, and what to do about it."""

    def __init__(self, detail: str, solution: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.solution = solution


@dataclass(frozen=True, slots=True)
class Answered:
    """Status and JSON object of an answer; an empty one where it was no JSON."""

    status: int
    body: JsonObject

    @property
    def ok(self) -> bool:
        """Whether it is a complete 200."""
        return self.status == HTTPStatus.OK

    def word(self, name: str) -> str:
        """A member that is text, empty where there is none."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Web:
    """One exchange a connection."""

    ca_file: Path | None = None

    def get(self, url: str) -> Answered:
        """Read a JSON document.

        Raises:
            LoginFailed: the server cannot be reached, or redirects.
        """
        return self._send("GET", url, None, {})

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Send a form.

        Raises:
            LoginFailed: the server cannot be reached, or redirects.
        """
        sent = {"Content-Type": FORM, **(headers or {})}
        return self._send("POST", url, urlencode(form).encode(), sent)

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answered:
        parts = _split(url)
        connection = self._connection(parts)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, path, body, {"Accept": "application/json", **headers})
            response = connection.getresponse()
            data = response.read(MAX_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise LoginFailed(
                f"{parts.scheme}://{parts.netloc} cannot be asked: {error}",
                "Check the address and the network, then log in again.",
            ) from error
        finally:
            connection.close()
        if response.status in range(300, 400):
            raise LoginFailed(
                f"{parts.scheme}://{parts.netloc} redirects, which is not followed",
                "Write the address that it has itself.",
            )
        return Answered(response.status, _object(data))

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https" and host:
            context = ssl.create_default_context(cafile=self.ca_file)
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
        if parts.scheme == "http" and host in _LOOPBACK:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        raise LoginFailed(
            f"{parts.geturl()}: http would show everybody on the way what is said",
            "Write https://…; http:// counts on this machine alone.",
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise LoginFailed(f"{url} is no URL", "Correct the address.") from error
    return parts


def _object(data: bytes) -> JsonObject:
    try:
        return members(json.loads(data)) if len(data) <= MAX_ANSWER_BYTES else {}
    except (ValueError, RecursionError):
        return {}
