"""Bytes of `/authorize` in and out, without any I/O: the published shapes, read strictly.

Whatever is not exactly as published is no decision (`AnswerNotTrustedError`): an unknown
effect, a missing member, a grant beside a denial, an obligation this hook does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from autogen_counterfoil.canonical import JsonObject, JsonValue, canonical, parsed
from autogen_counterfoil.errors import AnswerNotTrustedError
from autogen_counterfoil.obligations import MAX_ROWS, MEMBERS

MAX_CONTEXT_TEXT = 65_536  # characters, `schemas/authorization_request.json`
MAX_NAME = 256


class Effect(StrEnum):
    """What was decided. Nothing but `ALLOW` permits anything."""

    ALLOW = "allow"
    DENY = "deny"
    NEEDS_APPROVAL = "needs_approval"


class Enforcement(StrEnum):
    """Whether the effect is held to; the service's configuration says so."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One call as it will be judged. `id` is the hook's own: the model's can repeat."""

    id: str
    name: str
    arguments: bytes
    agent: str | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an effect fell, and what to do next."""

    code: str
    title: str
    solution: str = ""
    parts: tuple[str, ...] = ()
    """The words of the call that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A pending or answered request for approval."""

    id: str
    status: str
    expires_at: str | None = None
    url: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One decision as the service gave it."""

    decision_id: str
    effect: Effect
    enforcement: Enforcement
    reasons: tuple[Reason, ...]
    action_digest: str
    permissions: tuple[JsonObject, ...] = ()
    ambient: tuple[JsonObject, ...] = ()
    execute: JsonObject | None = None
    session: JsonObject | None = None
    max_rows: int | None = None
    obligations: frozenset[str] = frozenset()
    scoped_token_request: JsonObject | None = None
    approval: Approval | None = None
    judged: JsonObject | None = None
    policy: JsonObject | None = None
    receipt: JsonObject | None = None


def request_body(
    action: Action, *, prompt: str | None, task: str | None, approval_id: str | None = None
) -> bytes:
    """Return the body of `POST /authorize`.

    Raises:
        ValueError: the texts hold something that is not Unicode text.
    """
    context: dict[str, JsonValue] = {}
    if prompt is not None:
        context["prompt"] = prompt
    if task is not None:
        context["task"] = task[:MAX_CONTEXT_TEXT]
    agent: dict[str, JsonValue] = {"framework": "autogen"}
    if action.agent:
        agent["name"] = action.agent[:MAX_NAME]
    context["agent"] = agent
    if action.call_id:
        context["call_id"] = action.call_id[:MAX_NAME]
    if approval_id is not None:
        context["approval"] = {"id": approval_id}
    arguments = parsed(action.arguments)
    return canonical(
        {
            "action": {"name": action.name, "properties": {"arguments": arguments}},
            "context": context,
        }
    )


def read_json(body: bytes) -> JsonObject:
    """Return one JSON object without duplicate names or NaN.

    Raises:
        AnswerNotTrustedError: anything else.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise AnswerNotTrustedError("it is not JSON") from error
    if not isinstance(value, dict):
        raise AnswerNotTrustedError("it is not a JSON object")
    return cast("JsonObject", value)


def read_answer(body: bytes) -> Answer:
    """Return the decision of a complete HTTP 200.

    Raises:
        AnswerNotTrustedError: the answer is not of the published shape.
    """
    value = read_json(body)
    try:
        effect = Effect(_text(value, "effect"))
        enforcement = Enforcement(_text(value, "enforcement"))
    except ValueError as error:
        raise AnswerNotTrustedError(str(error)) from error
    execute = _object(value, "execute")
    _hold_together(value, effect)
    return Answer(
        decision_id=_text(value, "decision_id"),
        effect=effect,
        enforcement=enforcement,
        reasons=tuple(_reason(item) for item in _objects(value, "reasons")),
        action_digest=_text(value, "action_digest"),
        permissions=_objects(value, "permissions"),
        ambient=_objects(value, "ambient"),
        execute=None if execute is None else _object(execute, "arguments"),
        session=None if execute is None else _object(execute, "session"),
        scoped_token_request=_object(value, "scoped_token_request"),
        approval=_approval(_object(value, "approval")),
        max_rows=_max_rows(value),
        obligations=_obligations(value),
        judged=_object(value, "judged"),
        policy=_object(value, "policy"),
        receipt=_object(value, "receipt"),
    )


def _hold_together(value: JsonObject, effect: Effect) -> None:
    """Check that the members fit the effect."""
    execute = _object(value, "execute")
    if effect is Effect.ALLOW:
        if execute is not None and _object(execute, "arguments") is None:
            raise AnswerNotTrustedError("execute names no arguments")
    elif execute is not None or any(
        value.get(name) for name in ("scoped_token_request", "permissions", "ambient", "judged")
    ):
        raise AnswerNotTrustedError("it carries a grant without an allow")


def _obligations(value: JsonObject) -> frozenset[str]:
    """The kinds of obligations; of a kind that this hook does not know, none may hold."""
    kinds: set[str] = set()
    for item in _objects(value, "obligations"):
        kind = item.get("type")
        if frozenset(item.keys() - {"operations"}) != MEMBERS.get(str(kind)):
            # XACML: an allow whose obligations the enforcement point does not know is none
            raise AnswerNotTrustedError("it carries an obligation that this hook does not know")
        kinds.add(str(kind))
    return frozenset(kinds)


def _max_rows(value: JsonObject) -> int | None:
    """How many rows a tool may give, at most: the least of all numbers."""
    least: int | None = None
    for item in _objects(value, "obligations"):
        if item.get("type") != MAX_ROWS:
            continue
        rows = item.get("rows")
        if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
            raise AnswerNotTrustedError("its obligation names no number of rows")
        least = rows if least is None else min(least, rows)
    return least


def read_approval(body: bytes) -> Approval:
    """Return the state of `GET /approvals/{id}`.

    Raises:
        AnswerNotTrustedError: the answer is not of the published shape.
    """
    value = read_json(body)
    approval = _approval(_object(value, "approval") or value)
    if approval is None:
        raise AnswerNotTrustedError("it holds no approval")
    return approval


def _approval(value: JsonObject | None) -> Approval | None:
    if value is None:
        return None
    return Approval(
        id=_text(value, "id"),
        status=_text(value, "status"),
        expires_at=_optional_text(value, "expires_at"),
        url=_optional_text(value, "url"),
        comment=_optional_text(value, "comment"),
    )


def _reason(value: JsonObject) -> Reason:
    return Reason(
        code=_text(value, "code"),
        title=_text(value, "title"),
        solution=_optional_text(value, "solution") or "",
        parts=_parts(value.get("parts", [])),
    )


def _parts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise AnswerNotTrustedError("parts are no list of texts")
    return tuple(value)


def _text(value: JsonObject, name: str) -> str:
    member = value.get(name)
    if not isinstance(member, str) or not member:
        raise AnswerNotTrustedError(f"{name} is missing or no text")
    return member


def _optional_text(value: JsonObject, name: str) -> str | None:
    member = value.get(name)
    if member is not None and not isinstance(member, str):
        raise AnswerNotTrustedError(f"{name} is no text")
    return member


def _object(value: JsonObject, name: str) -> JsonObject | None:
    member = value.get(name)
    if member is not None and not isinstance(member, Mapping):
        raise AnswerNotTrustedError(f"{name} is no object")
    return member


def _objects(value: JsonObject, name: str) -> tuple[JsonObject, ...]:
    member = value.get(name, [])
    if not isinstance(member, list) or not all(isinstance(item, dict) for item in member):
        raise AnswerNotTrustedError(f"{name} is no list of objects")
    return tuple(cast("list[JsonObject]", member))


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
