"""Step 3, second half: each located request becomes a case with its reading and its digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from counterfoil.core.canonical import NotCanonical, action_digest, judged_action
from counterfoil.core.case import Case
from counterfoil.core.catalog import Located
from counterfoil.core.model import AuthorizationRequest, Caller, Interpretation
from counterfoil.errors import SchemaViolation
from counterfoil.ports import Ids, Interpreter

READING_SECONDS = 2.0
"""A hostile command costs its reader a second at most; a place behind one, another."""


def read_cases(
    requests: Sequence[AuthorizationRequest],
    located: Sequence[Located],
    caller: Caller,
    *,
    interpreter: Interpreter,
    ids: Ids,
    deadline: float,
) -> list[Case]:
    """Read all commands in one message, and name each action by its digest.

    Raises:
        SchemaViolation: arguments without a canonical form.
    """
    readable = [item.command for item in located if not item.uncertain]
    read = iter(interpreter.interpret(readable, deadline=deadline) if readable else ())
    readings = [
        Interpretation(uncertain=item.uncertain) if item.uncertain else next(read)
        for item in located
    ]
    return [
        _case(request, _named(item, reading), reading, caller, ids)
        for request, item, reading in zip(requests, located, readings, strict=True)
    ]


def _named(located: Located, reading: Interpretation) -> Located:
    """A command that names its target itself (a URL, a reference, a path) is about that one."""
    if reading.resource is None:
        return located
    return replace(located, command=replace(located.command, resource=reading.resource))


def _case(
    request: AuthorizationRequest,
    located: Located,
    reading: Interpretation,
    caller: Caller,
    ids: Ids,
) -> Case:
    arguments = reading.execute.arguments if reading.execute else request.arguments
    judged = judged_action(
        tenant=caller.tenant,
        subject=caller.subject,
        actor=caller.actor,
        name=request.action_name,
        family=located.command.family,
        resource=located.command.resource,
    )
    try:
        name = action_digest(judged, arguments, floats=True)
    except NotCanonical as error:
        raise SchemaViolation(str(error), pointer="#/action/properties/arguments") from error
    return Case(
        decision_id=ids.new("dec"),
        request=request,
        located=located,
        reading=reading,
        judged=judged,
        digest=name,
    )
