"""`GET /decisions/{id}` and `POST /decisions/{id}/outcome`."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint

from counterfoil.core.model import JsonValue
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import json_body, known_id
from counterfoil.ports import Proof


class ReadsTrail(Protocol):
    """`flows.trail.TrailFlow`."""

    def run(
        self, *, decision_id: str, unverified_token: str | None, proof: Proof | None
    ) -> JsonValue:
        """Return all events of a decision; raises `CounterfoilError`."""


class TakesOutcome(Protocol):
    """`flows.outcome.OutcomeFlow`."""

    def run(
        self, *, decision_id: str, body: bytes, unverified_token: str | None, proof: Proof | None
    ) -> JsonValue:
        """Record what happened; raises `CounterfoilError`."""


def decisions_blueprint(
    *, trail: ReadsTrail, outcome: TakesOutcome, credentials: Credentials, max_body_bytes: int
) -> Blueprint:
    """Hang reading a decision and reporting its outcome on their paths."""
    blueprint = Blueprint("decisions", __name__)

    def read(environ: Environ, decision_id: str) -> Reply:
        token, proof = credentials.read(environ)
        value = trail.run(
            decision_id=known_id("dec", decision_id), unverified_token=token, proof=proof
        )
        return json_reply(value)

    def report(environ: Environ, decision_id: str) -> Reply:
        token, proof = credentials.read(environ)
        value = outcome.run(
            decision_id=known_id("dec", decision_id),
            body=json_body(environ, max_bytes=max_body_bytes),
            unverified_token=token,
            proof=proof,
        )
        return json_reply(value)

    hang(blueprint, "/decisions/<decision_id>", "read", read, method="GET")
    hang(blueprint, "/decisions/<decision_id>/outcome", "report", report, method="POST")
    return blueprint
