"""An explanation as JSON: the published members, each place in the text included."""

from __future__ import annotations

from counterfoil.core.case import PERMITTING, Case, operation_json
from counterfoil.core.model import Decision, JsonValue
from counterfoil.core.response import answered_reason


def explanation_json(
    case: Case, decision: Decision, *, details: bool = False
) -> dict[str, JsonValue]:
    """What `counterfoil explain --json` prints of one action.

    Only an allow carries permissions, ambient rights or what to execute, as in the service's
    own answer. Every operation and doubt has a span; where the reader names no smaller part,
    it is the whole text.

    Args:
        case: the action as it was read.
        decision: what would be decided.
        details: also each operation's `details`, `required`: what the operations need,
            permitted or not, and the `catalogue` that the reading rests on.
    """
    permitted = decision.effect in PERMITTING
    reading = case.reading
    whole: list[JsonValue] = [0, len(command_text(case))]
    operations = []
    for item in reading.operations:
        value: dict[str, JsonValue] = {**operation_json(item)}
        if not details:
            value.pop("details", None)
        operations.append({**value, "span": value.get("span", whole)})
    explained: dict[str, JsonValue] = {
        "effect": decision.effect.value,
        "reasons": [answered_reason(reason, case) for reason in decision.reasons],
        "operations": operations,
        "uncertain": [
            {"code": item.code, "span": whole if item.span is None else list(item.span)}
            for item in reading.uncertain
        ],
        "permissions": list(decision.permissions) if permitted else [],
        "ambient": list(reading.ambient) if permitted else [],
    }
    if permitted and decision.obligations:
        explained["obligations"] = list(decision.obligations)
    if permitted and reading.execute is not None:
        execute: dict[str, JsonValue] = {"arguments": reading.execute.arguments}
        if reading.execute.session is not None:
            execute["session"] = reading.execute.session
        explained["execute"] = execute
    if details:
        explained["required"] = list(reading.required)
        explained["catalogue"] = reading.catalogue
    return explained


def command_text(case: Case) -> str:
    """The text that spans are places of; empty where the tool has none."""
    command = case.located.command
    text = command.arguments.get(command.command_argument or "")
    return text if isinstance(text, str) else ""
