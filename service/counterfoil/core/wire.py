"""Validated JSON to model: the readers of request bodies (DESIGN §2 step 1).

Shapes are judged by JSON Schema alone; a `Validate` is handed in and raises. What stands
here only moves members into frozen values, so a drift test walks schema and model together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from counterfoil.core.model import (
    AnswerRequest,
    AuthorizationRequest,
    Context,
    JsonObject,
    OutcomeReport,
    PrivacyRequest,
    RevocationRequest,
)
from counterfoil.core.strict_json import parse

Validate = Callable[[JsonObject], None]
"""Returns for a value of the published shape; raises `SchemaViolation` for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReader:
    """Reads the bodies of `/authorize`, its batch and outcomes, within one bound on bytes."""

    max_bytes: int
    validate_request: Validate
    validate_batch: Validate
    validate_outcome: Validate

    def read(self, body: bytes, batch: bool) -> list[AuthorizationRequest]:  # noqa: FBT001 -- the flow's port
        """Return the requests of a body: one, or those of a batch in order.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        if batch:
            self.validate_batch(value)
            actions = cast("list[JsonObject]", value["actions"])
            return [authorization_request(item) for item in actions]
        self.validate_request(value)
        return [authorization_request(value)]

    def read_outcome(self, body: bytes) -> OutcomeReport:
        """Return the report of `POST /decisions/{id}/outcome`.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate_outcome(value)
        return OutcomeReport(
            status=cast("str", value["status"]),
            excerpt=cast("str | None", value.get("excerpt")),
            # JSON Schema's integer includes 3.0; the model's does not
            length=_integer(cast("float | None", value.get("length"))),
            sha256=cast("str | None", value.get("sha256")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalReader:
    """Reads the bodies of answers and withdrawals, within one bound on bytes."""

    max_bytes: int
    validate_answer: Validate
    validate_cancel: Validate

    def read_answer(self, body: bytes) -> AnswerRequest:
        """Return the answer of `POST /approvals/{id}/answer`.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate_answer(value)
        return AnswerRequest(
            answer=cast("str", value["answer"]),
            action_digest=cast("str", value["action_digest"]),
            comment=cast("str | None", value.get("comment")),
            similar=cast("JsonObject | None", value.get("similar")),
        )

    def read_cancel(self, body: bytes) -> None:
        """Accept the body of `POST /approvals/{id}/cancel`, which says nothing.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        self.validate_cancel(parse(body, max_bytes=self.max_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequestReader:
    """Reads the bodies of access requests, whose unknown members are no fault."""

    max_bytes: int
    validate: Validate

    def read(self, body: bytes) -> JsonObject:
        """Return the object of `POST /access/v1/requests`.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate(value)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRequestReader:
    """Reads the body of `POST /revocations`, within one bound on bytes."""

    max_bytes: int
    validate: Validate

    def read(self, body: bytes) -> RevocationRequest:
        """Return what is to be revoked.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate(value)
        by = next(name for name in _REVOCABLE if name in value)
        named = value[by]
        if isinstance(named, dict):
            parts: tuple[str, ...] = (cast("str", named["iss"]), cast("str", named["sub"]))
        else:
            parts = () if named is True else (cast("str", named),)
        return RevocationRequest(
            by=by,
            parts=parts,
            before=cast("str | None", value.get("before")),
            reason=cast("str | None", value.get("reason")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRequestReader:
    """Reads the bodies of `POST /erasures` and `POST /holds`, within one bound on bytes."""

    max_bytes: int
    validate: Validate

    def read(self, body: bytes) -> PrivacyRequest:
        """Return whose data is meant.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate(value)
        named = value.get("subject")
        subject = (
            (cast("str", named["iss"]), cast("str", named["sub"]))
            if isinstance(named, dict)
            else None
        )
        return PrivacyRequest(
            subject=subject,
            reason=cast("str", value["reason"]),
            release=value.get("hold") == "release",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRequestReader:
    """Reads the body of `POST /retention`, which says nothing: the configuration does."""

    max_bytes: int
    validate: Validate

    def read(self, body: bytes) -> None:
        """Accept it.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        self.validate(parse(body, max_bytes=self.max_bytes))


_REVOCABLE = ("subject", "actor", "run", "token", "everything")


def authorization_request(value: JsonObject) -> AuthorizationRequest:
    """Move a valid `schemas/authorization_request.json` value into the model."""
    action = cast("JsonObject", value["action"])
    properties = cast("JsonObject", action["properties"])
    return AuthorizationRequest(
        action_name=cast("str", action["name"]),
        arguments=cast("JsonObject", properties["arguments"]),
        context=_context(cast("JsonObject | None", value.get("context"))),
        resource=cast("JsonObject | None", value.get("resource")),
    )


def _context(value: JsonObject | None) -> Context:
    if value is None:
        return Context()
    approval = cast("JsonObject | None", value.get("approval"))
    return Context(
        prompt=cast("str | None", value.get("prompt")),
        task=cast("str | None", value.get("task")),
        agent=cast("JsonObject | None", value.get("agent")),
        call_id=cast("str | None", value.get("call_id")),
        approval_id=None if approval is None else cast("str", approval["id"]),
    )


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)
