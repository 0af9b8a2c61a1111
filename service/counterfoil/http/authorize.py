"""`POST /authorize` and `POST /authorize/batch`: thin, for everything is in the flow."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint

from counterfoil.core.model import JsonObject
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import idempotency_key, json_body, unrecorded_calls
from counterfoil.http.metrics import Metrics
from counterfoil.ports import Proof


class Authorizes(Protocol):
    """The main path, `flows.authorize.AuthorizeFlow`."""

    def run(
        self,
        *,
        body: bytes,
        unverified_token: str | None,
        proof: Proof | None,
        idempotency_key: str | None,
        batch: bool,
        unrecorded: int = 0,
        unverified_receipt: str | None = None,
    ) -> JsonObject:
        """Answer one request or one batch; raises `CounterfoilError`."""


def authorize_blueprint(
    flow: Authorizes, *, credentials: Credentials, max_body_bytes: int, metrics: Metrics
) -> Blueprint:
    """Hang the main path on its two paths."""
    blueprint = Blueprint("authorize", __name__)

    def answer(environ: Environ, *, batch: bool) -> Reply:
        token, proof = credentials.read(environ)
        value = flow.run(
            body=json_body(environ, max_bytes=max_body_bytes),
            unverified_token=token,
            proof=proof,
            idempotency_key=idempotency_key(environ),
            batch=batch,
            unrecorded=unrecorded_calls(environ),
            unverified_receipt=environ.get("HTTP_COUNTERFOIL_LAST_RECEIPT"),
        )
        metrics.decided(value)
        return json_reply(value)

    def one(environ: Environ) -> Reply:
        return answer(environ, batch=False)

    def batch(environ: Environ) -> Reply:
        return answer(environ, batch=True)

    hang(blueprint, "/authorize", "one", one, method="POST")
    hang(blueprint, "/authorize/batch", "batch", batch, method="POST")
    return blueprint
