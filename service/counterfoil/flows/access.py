"""Who may see or add to a decision (DESIGN §3, "Who may call what")."""

from __future__ import annotations

import json

from counterfoil.core.model import Actor, Caller
from counterfoil.ports import StoredEvent

AUDITOR = "auditor"


def belongs_to_agent(decided: StoredEvent, caller: Caller) -> bool:
    """Whether the caller is the decision's agent, for the same person, in the same run."""
    recorded = _caller_of(decided)
    return (
        caller.actor is not None
        and _same_actor(recorded.get("actor"), caller.actor)
        and _same_person(recorded, caller)
        and recorded.get("run") == caller.run_id
    )


def may_read(decided: StoredEvent, caller: Caller) -> bool:
    """An agent reads its own run; a person their own decisions; an auditor the tenant's."""
    if caller.actor is not None:
        return belongs_to_agent(decided, caller)
    return AUDITOR in caller.roles or _same_person(_caller_of(decided), caller)


def _caller_of(decided: StoredEvent) -> dict[str, object]:
    value = json.loads(decided.payload.get("caller", b"{}"))
    return value if isinstance(value, dict) else {}


def _same_actor(recorded: object, actor: Actor) -> bool:
    return (
        isinstance(recorded, dict)
        and recorded.get("iss") == actor.issuer
        and recorded.get("sub") == actor.sub
    )


def _same_person(recorded: dict[str, object], caller: Caller) -> bool:
    subject = recorded.get("subject")
    return (
        isinstance(subject, dict)
        and subject.get("iss") == caller.subject.issuer
        and subject.get("sub") == caller.subject.sub
    )
