"""A real registry with its issuer as realm, and jobs at it: as decided, narrowed, or made up."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from counterfoil.core.actions.contract import DEFAULT_LIMITS
from counterfoil.core.actions.oci import interpret
from counterfoil.core.model import Command, Permission, Resource
from counterfoil.keys import ensure_es256_key, jwks_document, public_jwk
from counterfoil.system import SystemClock
from counterfoil_issuers.contract import Job
from counterfoil_issuers.oci_registry import Registry, build
from registry_client import Client
from servers import registry as real
from servers.registry import Trust

TOKEN_ISSUER = "counterfoil"


@dataclass(frozen=True, slots=True)
class World:
    """A registry that answers at `url`, and the issuer that is its realm."""

    url: str
    realm: str
    issuer: Registry

    @property
    def resource(self) -> Resource:
        return Resource(type="oci_registry", id="images", location=self.url, issuer="registry")

    def reference(self, name: str) -> str:
        """`name` with the registry's host in front."""
        return f"{self.url.partition('://')[2]}/{name}"

    def decided(self, verb: str, name: str, **arguments: Any) -> tuple[Permission, ...]:
        """The permissions that Counterfoil reads from one act."""
        if "from" in arguments:
            arguments["from"] = self.reference(arguments["from"])
        command = Command(
            tool="image",
            family="registry",
            arguments={"reference": self.reference(name), "verb": verb, **arguments},
            command_argument="reference",
            resource=self.resource,
        )
        return interpret(command, DEFAULT_LIMITS).required

    def right(self, name: str, *actions: str, location: str | None = None) -> Permission:
        """A permission as a decision would hold it."""
        return {
            "type": "oci_registry",
            "locations": [location or self.url],
            "identifier": name,
            "actions": list(actions),
            "operations": [0],
        }

    def client(self, permissions: Sequence[Permission], seconds: int = 120) -> Client:
        """Whoever holds the credential of a new job, and nothing else."""
        return self.holder(job_of(permissions, seconds))

    def holder(self, job: Job) -> Client:
        """As `client`, of a job that the test knows."""
        self.issuer.check(job)
        secret = self.issuer.make(job).secret
        return Client(secret["registry"], secret["username"], secret["password"])


def now() -> float:
    """The machine's time, which a real registry goes by."""
    return SystemClock().now()


def job_of(permissions: Sequence[Permission], seconds: int = 120) -> Job:
    """A job that nobody else has, with so long to live."""
    return Job(
        jti=f"jti_{secrets.token_hex(8)}",
        decision_id="dec_1",
        action_digest="d" * 43,
        permissions=tuple(permissions),
        ambient=(),
        deadline=int(now()) + seconds,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What an issuer is told and what a registry trusts, so that the two fit."""

    port: int
    settings: dict[str, Any]
    trust: Trust


def plan(folder: Path, *, by_certificate: bool) -> Plan:
    """Make keys, and take two ports.

    Args:
        folder: for keys.
        by_certificate: tokens name their key by `x5c`, else by `kid`.
    """
    port, realm_port = real.ports()
    key = ensure_es256_key(folder / "token.pem")
    certificates, keys = folder / "token.crt", folder / "token.jwks.json"
    certificates.write_bytes(_certificate(key))
    keys.write_text(json.dumps(jwks_document([public_jwk(key)])), "utf-8")
    settings: dict[str, Any] = {
        "location": f"http://127.0.0.1:{port}",
        "token_issuer": TOKEN_ISSUER,
        "key_file": str(folder / "token.pem"),
        "listen": f"127.0.0.1:{realm_port}",
    }
    if by_certificate:
        settings["certificate_file"] = str(certificates)
    trust = Trust(
        realm=f"http://127.0.0.1:{realm_port}/token",
        service=f"127.0.0.1:{port}",
        issuer=TOKEN_ISSUER,
        certificates=certificates if by_certificate else None,
        keys=None if by_certificate else keys,
    )
    return Plan(port, settings, trust)


@contextmanager
def running(folder: Path, *, by_certificate: bool) -> Iterator[World]:
    """Start the issuer in this process, and the registry that trusts it; as `plan`."""
    made = plan(folder, by_certificate=by_certificate)
    issuer = build(made.settings)
    issuer.start()
    try:
        with real.running(made.port, made.trust) as url:
            yield World(url, made.trust.realm, issuer)
    finally:
        issuer.stop()


def _certificate(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "counterfoil")])
    began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + dt.timedelta(days=36_500))
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
