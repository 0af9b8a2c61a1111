"""`/access/v1/requests…`: AuthZEN's access request and approval profile."""

from __future__ import annotations

from typing import Final, Protocol

from flask import Blueprint

from counterfoil.core.access_request import PATH
from counterfoil.core.model import JsonObject
from counterfoil.errors import (
    MalformedBody,
    MalformedHeader,
    NotFound,
    SchemaViolation,
    UnknownTask,
    UnsupportedMediaType,
)
from counterfoil.flows.access_requests import is_pending
from counterfoil.http.credentials import Credentials
from counterfoil.http.exchange import Environ, Headers, Reply, hang, json_reply
from counterfoil.http.inbound import idempotency_key, json_body, known_id
from counterfoil.ports import Proof

RETRY_SECONDS: Final = 2
"""How soon a client asks again; it backs off by itself (the profile, "Polling")."""


class RequestsAccess(Protocol):
    """`flows.access_requests.AccessRequestFlow`."""

    def submit(
        self, *, body: bytes, key: str, unverified_token: str | None, proof: Proof | None
    ) -> JsonObject:
        """The task of a denial; raises `CounterfoilError`."""

    def one(
        self, *, approval_id: str, unverified_token: str | None, proof: Proof | None
    ) -> JsonObject:
        """A task; raises `CounterfoilError`."""

    def cancel(
        self, *, approval_id: str, unverified_token: str | None, proof: Proof | None
    ) -> JsonObject:
        """Withdraw one; raises `CounterfoilError`."""


def access_requests_blueprint(
    flow: RequestsAccess, *, credentials: Credentials, max_body_bytes: int
) -> Blueprint:
    """Hang the profile's paths."""
    blueprint = Blueprint("access_requests", __name__)

    def submit(environ: Environ) -> Reply:
        token, proof = credentials.read(environ)
        key = idempotency_key(environ)
        if key is None:
            raise MalformedHeader("Idempotency-Key is required here")
        try:
            body = json_body(environ, max_bytes=max_body_bytes)
            answer = flow.submit(body=body, key=key, unverified_token=token, proof=proof)
        except (SchemaViolation, UnsupportedMediaType) as error:  # AuthZEN: 400 for both
            raise MalformedBody(error.detail or error.title, pointer=error.pointer) from error
        return _answered(answer, status=202 if is_pending(answer) else 201)

    def one(environ: Environ, task_id: str) -> Reply:
        token, proof = credentials.read(environ)
        answer = flow.one(approval_id=_known(task_id), unverified_token=token, proof=proof)
        return _answered(answer)

    def cancel(environ: Environ, task_id: str) -> Reply:
        token, proof = credentials.read(environ)
        answer = flow.cancel(approval_id=_known(task_id), unverified_token=token, proof=proof)
        return _answered(answer)

    path = PATH.rstrip("/")
    hang(blueprint, path, "submit", submit, method="POST")
    hang(blueprint, f"{path}/<task_id>", "one", one, method="GET")
    hang(blueprint, f"{path}/<task_id>/cancel", "cancel", cancel, method="POST")
    return blueprint


def _known(task_id: str) -> str:
    try:
        return known_id("apr", task_id)
    except NotFound as error:
        raise UnknownTask from error


def _answered(answer: JsonObject, *, status: int = 200) -> Reply:
    made = json_reply(answer, status=status)
    task = answer["task"]
    assert isinstance(task, dict)  # noqa: S101 -- `task_json` made it
    headers: Headers = ()
    if status != 200:  # noqa: PLR2004 -- HTTP
        headers += (("Location", f"{PATH}{task['id']}"),)
    if is_pending(answer):
        headers += (("Retry-After", str(RETRY_SECONDS)),)
    return Reply(made.status, made.body, made.content_type, headers)
