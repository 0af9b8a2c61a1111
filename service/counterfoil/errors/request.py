"""The request cannot be read, or asks for what is not there."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.errors.base import CounterfoilError


class RequestError(CounterfoilError):
    """The request cannot be read as what it should be."""

    code = "request.malformed"
    title = "The request is malformed"
    status = 400
    solution = "Send one JSON object without duplicate names, NaN or unpaired surrogates."


class MalformedBody(RequestError):
    """Not strict JSON (RFC 8259, I-JSON RFC 7493)."""


class MalformedHeader(RequestError):
    """A header of ours cannot be read."""

    code = "request.header"
    title = "A request header is malformed"
    solution = "Correct the header named in the detail."


class BodyTooLarge(RequestError):
    """Too many bytes, or nested too deeply."""

    code = "request.too_large"
    title = "The request is too large or too deeply nested"
    status = 413
    solution = "Send a smaller request; the limits are in the detail."


class Finding(NamedTuple):
    """One place where a value leaves its schema: JSON Pointer fragment, keyword, sentence."""

    pointer: str
    code: str
    detail: str


class SchemaViolation(RequestError):
    """Well-formed, but not of the published shape; `pointer` says where."""

    code = "request.schema"
    title = "The request does not have the published shape"
    status = 422
    solution = "Compare the request with the path's schema in /openapi.json at each pointer."

    def __init__(
        self, detail: str = "", *, pointer: str = "", findings: tuple[Finding, ...] = ()
    ) -> None:
        super().__init__(detail, pointer=pointer)
        self.findings = findings


class ResourceMismatch(RequestError):
    """The body states a location or type other than the registered one (DESIGN step 3)."""

    code = "request.resource_mismatch"
    title = "The resource in the request differs from the registered one"
    status = 422
    solution = "Leave the resource's location out: it comes from the service's configuration."


class UnsupportedMediaType(RequestError):
    """The body is not declared as JSON."""

    code = "request.media_type"
    title = "The content type is not application/json"
    status = 415
    solution = "Send Content-Type: application/json."


class NotFound(RequestError):
    """No such thing, or not of this caller: the two are not told apart."""

    code = "request.not_found"
    title = "There is no such resource"
    status = 404
    solution = "Check the path and the id; an id of another tenant or run is not visible."


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    code = "request.method_not_allowed"
    title = "The method is not allowed here"
    status = 405
    solution = "See /openapi.json for the methods of this path."


class MisdirectedRequest(RequestError):
    """The Host header is not one of this service's (DNS rebinding against a loopback bind)."""

    code = "request.host"
    title = "The Host header does not name this service"
    status = 421
    solution = "Call the address on which the service listens."


class IdempotencyConflict(RequestError):
    """The same key came with another body."""

    code = "request.idempotency_conflict"
    title = "The idempotency key was used for another request"
    status = 422
    solution = "Use a new key for a new request."


class GrantRevoked(RequestError):
    """The key stands for an answer with a grant whose run, person or agent was revoked since."""

    code = "grant.revoked"
    title = "The grant was revoked"
    status = 409
    solution = "Send the action again (with another Idempotency-Key); it is then decided anew."


class IdempotencyInProgress(IdempotencyConflict):
    """The first request with this key is still running."""

    title = "The first request with this idempotency key is still running"
    status = 409
    solution = "Wait a moment and repeat the same request with the same key."


class IdempotencyErased(IdempotencyConflict):
    """The first answer went with the data of the person that it was given to."""

    code = "request.idempotency_erased"
    title = "The answer that this idempotency key stands for was erased"
    status = 409
    solution = "Use a new key; the request is then decided anew."


class OutcomeConflict(RequestError):
    """An outcome was already reported, with another content."""

    code = "request.outcome_conflict"
    title = "Another outcome was already reported for this decision"
    status = 409
    solution = "An outcome is reported once; repeating the same body is fine."


class OutcomeNotExpected(RequestError):
    """The decision granted nothing, so nothing can have happened under it."""

    code = "request.outcome_not_expected"
    title = "This decision takes no outcome"
    status = 409
    solution = "Report outcomes of allowed actions only, before the decision's outcome deadline."
