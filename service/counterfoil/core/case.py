"""One action on its way through the main path."""

from __future__ import annotations

from dataclasses import dataclass

from counterfoil.core.catalog import Located
from counterfoil.core.model import (
    Actor,
    AuthorizationRequest,
    Caller,
    Effect,
    Interpretation,
    JsonObject,
    Operation,
    Reason,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was asked, what it means, and the digest that names exactly this.

    `judged` is what the digest covers beside the arguments.
    """

    decision_id: str
    request: AuthorizationRequest
    located: Located
    reading: Interpretation
    judged: JsonObject
    digest: str


def operation_json(operation: Operation) -> dict[str, JsonObject | str | list[str] | list[int]]:
    """An operation as policy, ledger and people read it."""
    value: dict[str, JsonObject | str | list[str] | list[int]] = {
        "family": operation.family,
        "verb": operation.verb,
        "object": operation.object,
    }
    if operation.columns is not None:
        value["columns"] = list(operation.columns)
    if operation.span is not None:
        value["span"] = list(operation.span)
    if operation.details:
        value["details"] = operation.details
    return value


def reason_json(reason: Reason) -> dict[str, JsonObject | str]:
    """A reason as callers read it; empty members are left out."""
    value: dict[str, JsonObject | str] = {"code": reason.code, "title": reason.title}
    if reason.solution:
        value["solution"] = reason.solution
    if reason.details is not None:
        value["details"] = reason.details
    return value


def uncertain_json(reading: Interpretation) -> list[JsonObject]:
    """What could not be read with certainty, for policy and the ledger."""
    found: list[JsonObject] = []
    for item in reading.uncertain:
        value: dict[str, str | list[int]] = {"code": item.code}
        if item.span is not None:
            value["span"] = list(item.span)
        if item.detail:
            value["detail"] = item.detail
        found.append(value)
    return found


def catalogue_json(reading: Interpretation) -> dict[str, JsonObject]:
    """The member `catalogue`, where the reading rests on one."""
    return {} if reading.catalogue is None else {"catalogue": reading.catalogue}


def actor_json(actor: Actor) -> dict[str, str | list[str] | list[dict[str, str]]]:
    """The agent as policy reads it; `via` and `ceiling` where it has them."""
    value: dict[str, str | list[str] | list[dict[str, str]]] = {
        "iss": actor.issuer,
        "sub": actor.sub,
    }
    if actor.via:
        value["via"] = [{"iss": actor.issuer, "sub": name} for name in actor.via]
    if actor.ceiling is not None:
        value["ceiling"] = sorted(actor.ceiling)
    return value


def caller_json(caller: Caller) -> dict[str, JsonObject | str | None]:
    """Subject, actor and run as policy reads them."""
    return {
        "tenant": caller.tenant,
        "subject": {
            "iss": caller.subject.issuer,
            "sub": caller.subject.sub,
            "groups": list(caller.subject.groups),
        },
        "actor": None if caller.actor is None else actor_json(caller.actor),
        "run": caller.run_id,
    }


PERMITTING = frozenset({Effect.ALLOW})
"""The effects under which anything is permitted: one, and it stays one."""
