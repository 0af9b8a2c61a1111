"""Step 7: what goes into the record of a decision, and in which hand.

`plain` stands readable in the leaf: codes, ids and times, nothing that a person or a
command said. `payload` is committed and sealed field by field, so that one field can be
shown later without the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.case import (
    Case,
    caller_json,
    catalogue_json,
    operation_json,
    reason_json,
    uncertain_json,
)
from counterfoil.core.entry import leaf_word
from counterfoil.core.model import Caller, Decision, Execute, Grant, JsonObject, JsonValue
from counterfoil.core.policy_input import context_json
from counterfoil.core.times import rfc3339
from counterfoil.ports import Event, Ledger, SealedAhead


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a decision's event before the decision is: made while policy answers."""

    event_id: str
    payload: Mapping[str, bytes]
    ahead: SealedAhead | None


def opening(case: Case, caller: Caller, ledger: Ledger, *, event_id: str) -> Opening:
    """Write and seal that part; records nothing."""
    payload = asked_payload(case, caller)
    subject = (caller.subject.issuer, caller.subject.sub)
    return Opening(event_id, payload, ledger.seal_ahead(caller.tenant, subject, event_id, payload))


def decided_event(
    case: Case,
    caller: Caller,
    decision: Decision,
    grant: Grant | None,
    *,
    event_id: str,
    time: float,
    approval_id: str | None = None,
    unrecorded: int = 0,
    opening: Opening | None = None,
) -> Event:
    """The one event of a decision: request, decision and grant in one leaf.

    Args:
        case: what was asked.
        caller: who asked.
        decision: what was decided.
        grant: what an allow got.
        event_id: a fresh id.
        time: now.
        approval_id: the approval that it waits for, or was sent with.
        unrecorded: how many calls the hook says it let run before without asking.
        opening: what was made of this event before the decision.
    """
    plain: dict[str, JsonValue] = {
        **_plain(case, caller),
        "effect": decision.effect.value,
        "enforcement": case.located.enforcement.value,
        "reasons": [reason.code for reason in decision.reasons],
        "policy": decision.policy_revision,
    }
    if approval_id is not None:
        plain["approval"] = approval_id
    if unrecorded:
        plain["unrecorded"] = unrecorded
    payload = dict(asked_payload(case, caller) if opening is None else opening.payload)
    payload["decision"] = canonical_bytes(
        {
            "reasons": [reason_json(reason) for reason in decision.reasons],
            "permissions": list(decision.permissions),
            "obligations": list(decision.obligations),
            "ambient": list(case.reading.ambient),
            "operations": [operation_json(item) for item in case.reading.operations],
            "uncertain": uncertain_json(case.reading),
            "action_digest": case.digest,
            **_execute_json(case.reading.execute),
            **catalogue_json(case.reading),
        },
        floats=True,
    )
    if grant is not None:
        plain["grant"] = {
            "jti": grant.jti,
            "issuer": leaf_word(grant.audience),
            "expires": rfc3339(grant.expires_at),
            "credential_deadline": rfc3339(grant.credential_deadline),
        }
        payload["grant"] = canonical_bytes(grant.claims, floats=True)
    event = _event("decided", case, caller, plain, payload, event_id=event_id, time=time)
    return event if opening is None else replace(event, ahead=opening.ahead)


def _execute_json(execute: Execute | None) -> dict[str, JsonValue]:
    """What runs; the session goes to the issuer when the grant is redeemed."""
    if execute is None:
        return {"execute": None}
    session = {} if execute.session is None else {"session": execute.session}
    return {"execute": execute.arguments, **session}


def failed_event(case: Case, caller: Caller, code: str, *, event_id: str, time: float) -> Event:
    """Policy gave no answer: nothing was decided, and that is recorded."""
    plain: JsonObject = {**_plain(case, caller), "code": code}
    payload = asked_payload(case, caller)
    return _event("failed", case, caller, plain, payload, event_id=event_id, time=time)


def _event(
    kind: str,
    case: Case,
    caller: Caller,
    plain: JsonObject,
    payload: Mapping[str, bytes],
    *,
    event_id: str,
    time: float,
) -> Event:
    return Event(
        kind=kind,
        event_id=event_id,
        time=time,
        tenant=caller.tenant,
        subject=(caller.subject.issuer, caller.subject.sub),
        decision_id=case.decision_id,
        plain=plain,
        payload=payload,
    )


def _plain(case: Case, caller: Caller) -> dict[str, JsonValue]:
    return {
        "family": case.located.command.family,
        "run": caller.run_id,
        "actor": None
        if caller.actor is None
        else {"iss": leaf_word(caller.actor.issuer), "sub": leaf_word(caller.actor.sub)},
    }


def asked_payload(case: Case, caller: Caller) -> dict[str, bytes]:
    """The part of the payload that is known before the decision is."""
    context = context_json(case)
    prompt = context.pop("prompt", None)
    resource = case.located.command.resource
    payload = {
        "arguments": canonical_bytes(case.request.arguments, floats=True),
        "request": canonical_bytes(
            {
                "action": case.request.action_name,
                "resource": None
                if resource is None
                else {"type": resource.type, "id": resource.id},
                "context": context,
            },
            floats=True,
        ),
        "caller": canonical_bytes(
            {
                **caller_json(caller),
                "token_id": caller.token_id,
                "client_id": caller.client_id,
                "session": caller.session,
                "issued_at": None if caller.issued_at is None else rfc3339(caller.issued_at),
                "prompt_digest": caller.prompt_digest,
                "prompt_source": "agent" if caller.prompt_digest is None else "run",
            }
        ),
    }
    if isinstance(prompt, str) and not case.request.context.prompt_of_run:
        payload["prompt"] = prompt.encode()
    return payload
