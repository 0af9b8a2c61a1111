"""A gateway on loopback, an API behind it, and holders of keys for requests as they were decided."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from counterfoil.core.actions.contract import DEFAULT_LIMITS
from counterfoil.core.actions.http import interpret
from counterfoil.core.model import Command, Permission
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import Job
from counterfoil_issuers.http_proxy import Api, build
from simulators.raw_upstream import RawUpstream

STANDING = "Bearer standing-credential-of-the-api"


@dataclass(frozen=True, slots=True)
class Holder:
    """Has a key at the gateway, and its address."""

    gateway: str
    key: str
    job: Job

    def send(self, method: str, target: str, **more: Any) -> requests.Response:
        """One request by an ordinary client."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        with requests.Session() as session:
            session.trust_env = False
            request = requests.Request(method, self.gateway, headers=headers, **more)
            prepared = session.prepare_request(request)
            prepared.url = self.gateway + target  # as it stands: requests writes `..` out
            return session.send(prepared, timeout=20, allow_redirects=False)

    def raw(self, request: str | bytes) -> bytes:
        """The very bytes, and all that comes back. `KEY` in them is the key."""
        text = request if isinstance(request, bytes) else request.encode("latin-1")
        host, _, port = self.gateway.rpartition("//")[2].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(text.replace(b"KEY", self.key.encode()))
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        return answer


@dataclass(frozen=True, slots=True)
class World:
    """The issuer, and the API's origin."""

    issuer: Api
    origin: str

    def decided(
        self,
        method: str,
        target: str,
        body: str | None = None,
        headers: dict[str, Any] | None = None,
    ) -> tuple[Permission, ...]:
        """The permissions that Counterfoil reads from one call."""
        url = self.origin + target
        arguments: dict[str, Any] = {"method": method, "url": url, "headers": headers or {}}
        if body is not None:
            arguments["body"] = body
        command = Command(
            tool="http_request",
            family="http",
            arguments=arguments,
            command_argument="url",
            resource=None,
        )
        required = interpret(command, DEFAULT_LIMITS).required
        assert required, "it is not certain"
        return required

    def holder(self, permissions: Sequence[Permission], seconds: int = 60) -> Holder:
        """Whoever holds the credential of a new job."""
        job = Job(
            jti=f"jti_{secrets.token_hex(8)}",
            decision_id="dec_1",
            action_digest="d" * 43,
            permissions=tuple(permissions),
            ambient=(),
            deadline=int(SystemClock().now()) + seconds,
        )
        self.issuer.check(job)
        secret = self.issuer.make(job).secret
        return Holder(secret["url"], secret["key"], job)

    def may(self, method: str, target: str, body: str | None = None) -> Holder:
        """As `holder`, of one call."""
        return self.holder(self.decided(method, target, body))


@contextmanager
def gateway(folder: Path, origin: str, **settings: Any) -> Iterator[World]:
    """Serve a gateway to an API on this machine."""
    value = folder / "standing"
    value.write_text(settings.pop("value", STANDING) + "\n", "utf-8")
    value.chmod(0o600)
    target: dict[str, Any] = {
        "origin": origin,
        "header": "Authorization",
        "value_file": str(value),
        "listen": "127.0.0.1:0",
        "networks": ["127.0.0.0/8"],
        **settings,
    }
    issuer = build(target)
    issuer.start()
    try:
        yield World(issuer, origin)
    finally:
        issuer.stop()


def unheard(upstream: RawUpstream) -> bool:
    """Whether nothing has reached the API."""
    return not upstream.heard
