"""`POST /erasures`, `/holds` and `/retention`: thin, for everything is in the flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from flask import Blueprint

from counterfoil.core.model import JsonObject
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, View, hang, json_reply
from counterfoil.http.inbound import json_body
from counterfoil.ports import Proof


class Orders(Protocol):
    """One of the flows."""

    def run(self, *, body: bytes, unverified_token: str | None, proof: Proof | None) -> JsonObject:
        """Carry one order of an administrator out; raises `CounterfoilError`."""


def privacy_blueprint(
    flows: Mapping[str, Orders], *, credentials: Credentials, max_body_bytes: int
) -> Blueprint:
    """Hang a path for each flow, `/<name>`."""
    blueprint = Blueprint("privacy", __name__)

    def handler(flow: Orders) -> View:
        def handle(environ: Environ) -> Reply:
            body = json_body(environ, max_bytes=max_body_bytes)
            token, proof = credentials.read(environ)
            return json_reply(flow.run(body=body, unverified_token=token, proof=proof))

        return handle

    for name, flow in flows.items():
        hang(blueprint, f"/{name}", name, handler(flow), method="POST")
    return blueprint
