"""`/approvals`: listed, read, waited for, answered and withdrawn."""

from __future__ import annotations

import re
from typing import Final, Protocol
from urllib.parse import parse_qsl

from flask import Blueprint

from counterfoil.core.model import JsonValue
from counterfoil.errors import SchemaViolation
from counterfoil.flows.approval_reading import MAX_WAIT_SECONDS
from counterfoil.http.approval_stream import stream, wants_events
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Reply, hang, json_reply
from counterfoil.http.inbound import json_body, known_id
from counterfoil.ports import Proof

_SECONDS: Final = re.compile(r"[0-9]{1,2}", re.ASCII)


class ReadsApprovals(Protocol):
    """`flows.approval_reading.ApprovalReadingFlow`."""

    def listed(self, *, unverified_token: str | None, proof: Proof | None) -> JsonValue:
        """What waits for a person, or all of an agent's run; raises `CounterfoilError`."""

    def one(
        self,
        *,
        approval_id: str,
        wait_seconds: int,
        unverified_token: str | None,
        proof: Proof | None,
    ) -> JsonValue:
        """One approval, after a wait while it is pending; raises `CounterfoilError`."""

    def cancel(
        self, *, approval_id: str, body: bytes, unverified_token: str | None, proof: Proof | None
    ) -> JsonValue:
        """Withdraw one; raises `CounterfoilError`."""


class TakesAnswers(Protocol):
    """`flows.approve.AnswerFlow`, and `flows.templates.EndTemplateFlow`."""

    def run(
        self, *, approval_id: str, body: bytes, unverified_token: str | None, proof: Proof | None
    ) -> JsonValue:
        """Record what a person says; raises `CounterfoilError`."""


def approvals_blueprint(
    *,
    reading: ReadsApprovals,
    answering: TakesAnswers,
    ending: TakesAnswers,
    credentials: Credentials,
    max_body_bytes: int,
) -> Blueprint:
    """Hang the paths of approvals."""
    blueprint = Blueprint("approvals", __name__)

    def listed(environ: Environ) -> Reply:
        token, proof = credentials.read(environ)
        return json_reply(reading.listed(unverified_token=token, proof=proof))

    def one(environ: Environ, approval_id: str) -> Reply:
        token, proof = credentials.read(environ)
        name, seconds = known_id("apr", approval_id), _wait(environ)

        def read(wait_seconds: int) -> JsonValue:
            return reading.one(
                approval_id=name, wait_seconds=wait_seconds, unverified_token=token, proof=proof
            )

        if wants_events(environ) and proof is None:  # a proof is good for one reading
            return stream(environ, read, seconds)
        return json_reply(read(seconds or 0))

    def answer(environ: Environ, approval_id: str) -> Reply:
        token, proof = credentials.read(environ)
        value = answering.run(
            approval_id=known_id("apr", approval_id),
            body=json_body(environ, max_bytes=max_body_bytes),
            unverified_token=token,
            proof=proof,
        )
        return json_reply(value)

    def cancel(environ: Environ, approval_id: str) -> Reply:
        token, proof = credentials.read(environ)
        value = reading.cancel(
            approval_id=known_id("apr", approval_id),
            body=json_body(environ, max_bytes=max_body_bytes),
            unverified_token=token,
            proof=proof,
        )
        return json_reply(value)

    def end(environ: Environ, approval_id: str) -> Reply:
        token, proof = credentials.read(environ)
        value = ending.run(
            approval_id=known_id("apr", approval_id),
            body=json_body(environ, max_bytes=max_body_bytes),
            unverified_token=token,
            proof=proof,
        )
        return json_reply(value)

    path = "/approvals/<approval_id>/similar/end"
    hang(blueprint, path, "end_similar", end, method="POST")
    hang(blueprint, "/approvals", "listed", listed, method="GET")
    hang(blueprint, "/approvals/<approval_id>", "one", one, method="GET")
    hang(blueprint, "/approvals/<approval_id>/answer", "answer", answer, method="POST")
    hang(blueprint, "/approvals/<approval_id>/cancel", "cancel", cancel, method="POST")
    return blueprint


def _wait(environ: Environ) -> int | None:
    """The seconds of `?wait=`, None without it.

    Raises:
        SchemaViolation: not a whole number up to the bound, said twice, or beside others.
    """
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if not pairs:
        return None
    name, value = pairs[0]
    if len(pairs) > 1 or name != "wait" or not _SECONDS.fullmatch(value):
        raise SchemaViolation("the query holds `wait` alone, in whole seconds", pointer="#/wait")
    if int(value) > MAX_WAIT_SECONDS:
        raise SchemaViolation(f"wait is at most {MAX_WAIT_SECONDS} seconds", pointer="#/wait")
    return int(value)
