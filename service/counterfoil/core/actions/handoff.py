"""The `handoff` family: one agent gives the work to another (docs/actions/handoff.md).

There is no command to parse. What matters is to whom, and that is a *registered* agent: the
name that a team gives to one of its members is a label that the agent's process chose, so it
means something only where the operator registered it as a resource of type `agent`.

A handoff needs no permission: no target is reached by it. The receiving agent acts with a
token of its own or of the team, and each of its actions is judged for itself.
"""

from __future__ import annotations

from counterfoil.core.actions.contract import Limits, Unreadable, command_text
from counterfoil.core.model import Command, Interpretation, Operation

AGENT = "agent"


def interpret(command: Command, limits: Limits) -> Interpretation:
    """Say to whom the work goes. What it is told is text, and changes nothing here.

    Raises:
        Unreadable: nobody registered is named, or the arguments and the mapping name two.
    """
    del limits  # nothing is parsed
    resource = command.resource
    if resource is None or resource.type != AGENT:
        raise Unreadable("uncertain.resource_type", "a registered agent is needed")
    # A mapping with a fixed resource must not let the arguments name somebody else.
    if command.command_argument is not None and command_text(command) != resource.id:
        raise Unreadable("uncertain.handoff_target", resource.id)
    operation = Operation(
        family="handoff", verb="receive", object={"kind": AGENT, "name": resource.id}
    )
    return Interpretation(operations=(operation,))
