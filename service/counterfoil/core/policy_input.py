"""Step 4's question: `schemas/policy_input.json`, built from verified and parsed parts only."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.core.case import (
    Case,
    caller_json,
    catalogue_json,
    operation_json,
    uncertain_json,
)
from counterfoil.core.model import Caller, JsonObject, JsonValue
from counterfoil.core.times import rfc3339


def policy_input(
    case: Case, caller: Caller, *, now: float, approvals: Sequence[JsonObject] = ()
) -> JsonObject:
    """The input document of one action.

    The caller's bytes are never passed on: OPA keeps the last of duplicate names, so
    everything is rebuilt from values that strict readers made.
    """
    command = case.located.command
    resource = command.resource
    return {
        **caller_json(caller),
        "action": {
            "name": case.request.action_name,
            "family": command.family,
            "arguments": case.request.arguments,
        },
        "resource": None
        if resource is None
        else {
            "type": resource.type,
            "id": resource.id,
            "location": resource.location,
            **catalogue_json(case.reading),
        },
        "operations": [operation_json(item) for item in case.reading.operations],
        "uncertain": uncertain_json(case.reading),
        "required": list(case.reading.required),
        "ambient": list(case.reading.ambient),
        "action_digest": case.digest,
        "context": context_json(case, now=now),
        "approvals": list(approvals),
    }


def context_json(case: Case, *, now: float | None = None) -> dict[str, JsonValue]:
    """Prompt, task, agent and call id where given; with `now`, the time too."""
    context = case.request.context
    members: dict[str, JsonValue] = {
        "prompt": context.prompt,
        "task": context.task,
        "agent": context.agent,
        "call_id": context.call_id,
    }
    if now is not None:
        members["time"] = rfc3339(now)
    return {name: value for name, value in members.items() if value is not None}
