"""Errors to RFC 9457 problem details, in one table: the only place where a failure is worded.

The table is `errors/` itself (code, title, status, solution); docs/problems/ has a page
per code, and a test holds the two together. Nothing here shows a stack, a path, a token, or
the detail of a refused credential (one public answer for every cause) or of a failure of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import orjson

from counterfoil.core.model import JsonValue
from counterfoil.errors import (
    CallerError,
    CounterfoilError,
    IdentityError,
    InvalidProof,
    MissingCredential,
    SchemaViolation,
)
from counterfoil.http.exchange import Headers, Reply

PROBLEM_JSON = "application/problem+json"
TYPE_BASE = "urn:counterfoil:problem:"
RETRY_AFTER_SECONDS = 1  # OPA and the writer come back within a second, or an alarm rises
PROOF_ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")  # RFC 9449; `identity/dpop.py`
METADATA_PATH = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Problems:
    """Words errors for callers; `public_url` is where the service says it lives."""

    public_url: str

    def reply(self, error: CounterfoilError, *, request_id: str, headers: Headers = ()) -> Reply:
        """Return the one answer that an error has."""
        body: dict[str, JsonValue] = {
            "type": error.type_uri or TYPE_BASE + error.code,
            "title": error.title,
            "status": error.status,
            "code": error.code,
            "solution": error.solution,
            "request_id": request_id,
        }
        if error.detail and may_be_told(error):
            body["detail"] = error.detail
        if errors := _places(error):
            body["errors"] = errors
        return Reply(
            error.status,
            orjson.dumps(body),
            PROBLEM_JSON,
            headers + self._challenge(error),
            code=error.code,
        )

    def _challenge(self, error: CounterfoilError) -> Headers:
        if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return (("Retry-After", str(RETRY_AFTER_SECONDS)),)
        metadata = f'resource_metadata="{self.public_url}{METADATA_PATH}"'  # RFC 9728 §5.1
        if isinstance(error, CallerError):
            return (("WWW-Authenticate", f'Bearer error="insufficient_scope", {metadata}'),)
        if error.status != HTTPStatus.UNAUTHORIZED:
            return ()
        # RFC 6750 §3.1: no error code without a token
        bearer = "" if isinstance(error, MissingCredential) else 'error="invalid_token", '
        # RFC 9449 §7.1
        proof = 'error="invalid_dpop_proof", ' if isinstance(error, InvalidProof) else ""
        both = f'Bearer {bearer}{metadata}, DPoP {proof}algs="{" ".join(PROOF_ALGORITHMS)}"'
        return (("WWW-Authenticate", both),)


def may_be_told(error: CounterfoilError) -> bool:
    """Whether the detail is for callers too, and not for the log alone."""
    return not isinstance(error, IdentityError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR


def _places(error: CounterfoilError) -> list[JsonValue]:
    if isinstance(error, SchemaViolation) and error.findings:
        return [finding._asdict() for finding in error.findings]
    if error.pointer and may_be_told(error):
        code = error.code.rpartition(".")[2]
        return [{"pointer": error.pointer, "code": code, "detail": error.detail or error.title}]
    return []
