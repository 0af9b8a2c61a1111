"""The error taxonomy: every failure has a stable code, a title, a status and a solution.

A refusal that policy makes is a value (`Decision`), never one of these. An exception
here means: we could not decide, or may not answer. Nothing is granted then.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class CounterfoilError(Exception):
    """Base of every error of ours.

    Class attributes are the contract with callers: `code` is `family.snake_name` and
    is never reused, `status` is the HTTP status, `title` and `solution` are shown to
    people. `detail` is for one occurrence and never holds a secret or a token.
    """

    code: ClassVar[str] = "internal.error"
    title: ClassVar[str] = "Something unexpected went wrong"
    status: ClassVar[int] = 500
    solution: ClassVar[str] = "Report it to the operator with the request id."

    def __init__(self, detail: str = "", *, pointer: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.pointer = pointer  # JSON Pointer fragment, `#/action/name`, or empty


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


class IdempotencyInProgress(IdempotencyConflict):
    """The first request with this key is still running."""

    title = "The first request with this idempotency key is still running"
    status = 409
    solution = "Wait a moment and repeat the same request with the same key."


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


class IdentityError(CounterfoilError):
    """Who is calling could not be established. One generic answer for all (rule 13)."""

    code = "identity.invalid_token"
    title = "The credential was not accepted"
    status = 401
    solution = "Get a fresh token for this service from a configured issuer and send it as Bearer."


class MissingCredential(IdentityError):
    """No `Authorization: Bearer`."""

    code = "identity.missing_credential"
    title = "A bearer token is required"
    solution = "Send Authorization: Bearer with a token of a configured issuer."


class UnknownIssuer(IdentityError):
    """`iss` is not configured."""


class InvalidSignature(IdentityError):
    """No key of the issuer verifies the token, or its form is not canonical."""


class ExpiredCredential(IdentityError):
    """`exp` passed, or `nbf`/`iat` lie in the future."""


class WrongAudience(IdentityError):
    """`aud` does not hold this service's id."""


class MissingClaim(IdentityError):
    """A required claim is missing or of the wrong type."""


class ActorRequired(IdentityError):
    """A token without a registered actor (DESIGN step 2)."""

    code = "identity.actor_required"
    title = "The token names no registered agent"
    solution = "Use a delegation token, whose `act` claim names the agent."


class IdentityUnavailable(IdentityError):
    """The issuer's keys cannot be read now."""

    code = "identity.unavailable"
    title = "The issuer's keys are not available"
    status = 503
    solution = "Try again shortly; the operator should check the issuer's key file."


class CallerError(CounterfoilError):
    """The caller is known, and may not do this."""

    code = "caller.not_allowed"
    title = "The caller may not do this"
    status = 403
    solution = "Ask the operator for the role that the documentation of this path names."


class AgentNotAllowed(CallerError):
    """A token with `act` reached beyond what agents may call (DESIGN §3)."""

    code = "identity.agent_not_allowed"
    title = "An agent's token may not do this"
    solution = "Call this with a person's own credential, without an `act` claim."


class ApprovalError(CounterfoilError):
    """An approval cannot be answered or withdrawn like this; nothing changed."""

    code = "approval.not_possible"
    title = "The approval cannot be changed like this"
    status = 409
    solution = "Read the approval again (GET /approvals/{id}) and answer what it shows."


class NotAnApprover(ApprovalError):
    """The person is in none of the groups that may answer."""

    code = "approval.not_an_approver"
    title = "This person may not answer this approval"
    status = 403
    solution = "Let another person, of one of the approval's groups, answer."


class SelfApproval(NotAnApprover):
    """The one who asked, as person or as agent, would answer: four eyes are wanted."""

    code = "approval.self_approval"
    title = "Nobody approves an action of their own"


class AlreadyAnswered(ApprovalError):
    """Answered before: by this person, or enough people, or used since."""

    code = "approval.already_answered"
    title = "The approval was answered already"


class ApprovalExpired(ApprovalError):
    """Its time is over."""

    code = "approval.expired"
    title = "The approval has expired"
    solution = "Let the agent send the action again; that opens a new approval."


class ApprovalCancelled(ApprovalError):
    """Withdrawn by who asked."""

    code = "approval.cancelled"
    title = "The approval was withdrawn"


class DigestMismatch(ApprovalError):
    """The answer names another action than the one that waits."""

    code = "approval.digest_mismatch"
    title = "The answer is about another action than the approval"


class ApprovalPolicyChanged(ApprovalError):
    """Policy would not ask this person for this approval any more."""

    code = "approval.policy_changed"
    title = "Policy has changed since the approval was asked for"
    solution = "Let the agent send the action again; policy then decides anew."


class PolicyError(CounterfoilError):
    """No decision could be had. An undefined or malformed result is a deny, not this."""

    code = "policy.unavailable"
    title = "The policy engine did not answer"
    status = 503
    solution = "Try again shortly; nothing was permitted."


class PolicyUnavailable(PolicyError):
    """Unreachable, another status than 200, a redirect, or a cut body."""


class PolicyTimeout(PolicyError):
    """Not within `policy.timeout_ms`."""

    code = "policy.timeout"
    title = "The policy engine did not answer in time"


class LedgerError(CounterfoilError):
    """The event could not be made durable. No record, no permission."""

    code = "ledger.unavailable"
    title = "The decision could not be recorded"
    status = 503
    solution = "Try again shortly with the same Idempotency-Key; nothing was permitted."


class LedgerUnavailable(LedgerError):
    """The writer is down, slow, out of space, or its file was replaced."""


class LedgerCorrupt(LedgerError):
    """The stored log contradicts itself; the writer refuses to sign."""

    code = "ledger.corrupt"
    title = "The ledger's own check failed"
    solution = "The operator runs `counterfoil verify` and restores from a backup."


class StateConflict(LedgerError):
    """Another change of the same thing came first; nothing of this one was recorded."""

    code = "ledger.conflict"
    title = "Another change came first"


class ConfigError(CounterfoilError):
    """A wrong configuration stops the start (exit code 78); `pointer` is the setting's path."""

    code = "config.invalid"
    title = "The configuration is not valid"
    solution = "Correct the setting named in the detail."
