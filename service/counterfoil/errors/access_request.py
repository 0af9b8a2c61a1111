"""What the AuthZEN access request and approval profile (draft 1) calls its errors.

Their problem types are the profile's, so that its clients know them; the codes are ours.
"""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError

_TYPES = "urn:openid:authzen:access-request:error:"


class AccessRequestError(CounterfoilError):
    """The request for access, or the task, cannot be served like this."""

    code = "access_request.not_requestable"
    type_uri = _TYPES + "not_requestable"
    title = "Nobody can be asked for this"
    status = 400
    solution = "Name one denied evaluation that needs an approval, without items and callback."


class NotRequestable(AccessRequestError):
    """Denied for good, several at once, or with a callback."""


class InvalidDenialBinding(AccessRequestError):
    """No such evaluation of this caller's, or it was about something else."""

    code = "access_request.invalid_denial_binding"
    type_uri = _TYPES + "invalid_denial_binding"
    title = "The request does not belong to a denial of this caller's"
    solution = "Send the evaluation_id, subject, action and resource of the denial as they were."


class ExpiredDenial(AccessRequestError):
    """What was denied can be approved no more."""

    code = "access_request.expired_denial"
    type_uri = _TYPES + "expired_denial"
    title = "The denial is too old to ask for an approval"
    status = 410
    solution = "Evaluate the action again, and ask with the new denial."


class DuplicateRequest(AccessRequestError):
    """The Idempotency-Key stands for another request."""

    code = "access_request.duplicate_request"
    type_uri = _TYPES + "duplicate_request"
    title = "The idempotency key was used for another request"
    status = 409
    solution = "Use a new key for a new request."


class UnknownTask(AccessRequestError):
    """No such task, or not one that this caller may see."""

    code = "access_request.unknown_task"
    type_uri = _TYPES + "unknown_task"
    title = "There is no such task"
    status = 404
    solution = "Use the status_endpoint of the answer, with a credential of the same run."


class TaskExpired(AccessRequestError):
    """Its time is over."""

    code = "access_request.task_expired"
    type_uri = _TYPES + "task_expired"
    title = "The task has expired"
    status = 410
    solution = "Evaluate the action again, and ask with the new denial."


class InvalidTaskState(AccessRequestError):
    """It is final already."""

    code = "access_request.invalid_task_state"
    type_uri = _TYPES + "invalid_task_state"
    title = "The task is final already"
    status = 409
    solution = "Read the task; what is final stays so."
