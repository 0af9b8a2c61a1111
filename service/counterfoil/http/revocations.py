"""`POST /revocations`: thin, for everything is in the flow."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint

from counterfoil.core.model import JsonObject
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import json_body
from counterfoil.ports import Proof


class Revokes(Protocol):
    """`flows.revocation.RevocationFlow`."""

    def run(self, *, body: bytes, unverified_token: str | None, proof: Proof | None) -> JsonObject:
        """Record one revocation; raises `CounterfoilError`."""


def revocations_blueprint(
    flow: Revokes, *, credentials: Credentials, max_body_bytes: int
) -> Blueprint:
    """Hang the one path."""
    blueprint = Blueprint("revocations", __name__)

    def revoke(environ: Environ) -> Reply:
        body = json_body(environ, max_bytes=max_body_bytes)
        token, proof = credentials.read(environ)
        return json_reply(flow.run(body=body, unverified_token=token, proof=proof))

    hang(blueprint, "/revocations", "revoke", revoke, method="POST")
    return blueprint
