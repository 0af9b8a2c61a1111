"""`GET /decisions`, `GET /decisions/{id}` and `POST /decisions/{id}/outcome`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qsl

from flask import Blueprint

from counterfoil.core.model import JsonValue
from counterfoil.errors import SchemaViolation
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import json_body, known_id
from counterfoil.ports import Proof

_MAX_PARAMETERS = 16


class ReadsTrail(Protocol):
    """`flows.trail.TrailFlow`."""

    def run(
        self, *, decision_id: str, unverified_token: str | None, proof: Proof | None
    ) -> JsonValue:
        """Return all events of a decision; raises `CounterfoilError`."""


class Searches(Protocol):
    """`flows.search.SearchFlow`."""

    def run(
        self,
        *,
        unverified_query: Sequence[tuple[str, str]],
        unverified_token: str | None,
        proof: Proof | None,
    ) -> JsonValue:
        """Return a page of decisions; raises `CounterfoilError`."""


class TakesOutcome(Protocol):
    """`flows.outcome.OutcomeFlow`."""

    def run(
        self, *, decision_id: str, body: bytes, unverified_token: str | None, proof: Proof | None
    ) -> JsonValue:
        """Record what happened; raises `CounterfoilError`."""


def decisions_blueprint(
    *,
    trail: ReadsTrail,
    search: Searches,
    outcome: TakesOutcome,
    credentials: Credentials,
    max_body_bytes: int,
) -> Blueprint:
    """Hang searching, reading a decision and reporting its outcome on their paths."""
    blueprint = Blueprint("decisions", __name__)

    def found(environ: Environ) -> Reply:
        token, proof = credentials.read(environ)
        value = search.run(unverified_query=_query(environ), unverified_token=token, proof=proof)
        return json_reply(value)

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

    hang(blueprint, "/decisions", "found", found, method="GET")
    hang(blueprint, "/decisions/<decision_id>", "read", read, method="GET")
    hang(blueprint, "/decisions/<decision_id>/outcome", "report", report, method="POST")
    return blueprint


def _query(environ: Environ) -> list[tuple[str, str]]:
    """The pairs of the query.

    Raises:
        SchemaViolation: too many, or not UTF-8.
    """
    try:
        return parse_qsl(
            environ.get("QUERY_STRING", ""),
            keep_blank_values=True,
            strict_parsing=bool(environ.get("QUERY_STRING")),
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError as error:
        raise SchemaViolation("the query is not name=value pairs", pointer="#") from error
