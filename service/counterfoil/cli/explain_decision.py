"""`counterfoil explain dec_…`: a decision as it was recorded, and what would be decided today.

The record is opened as `counterfoil trail` opens it, with the sealing key beside the service,
and each event is checked against its receipt. The recorded command is then read and asked about
again: for the same person, groups, agent, run and prompt, with the approval that it had. The
rule and the data shown are those of today's policy, and it is said where that is another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from counterfoil.cli.book import open_book
from counterfoil.cli.explain_because import because_json, because_lines
from counterfoil.cli.explain_text import marked, reasons_of
from counterfoil.cli.explain_why import Asking, Why
from counterfoil.cli.text import items, members, opened
from counterfoil.config import Config
from counterfoil.core.approval import verified_json
from counterfoil.core.approval_record import fold
from counterfoil.core.explanation import explanation_json
from counterfoil.core.model import (
    Actor,
    AuthorizationRequest,
    Caller,
    Context,
    JsonObject,
    JsonValue,
    Subject,
)
from counterfoil.errors import RequestError
from counterfoil.flows.explain import Explained
from counterfoil.flows.prompts import recorded_prompt
from counterfoil.ledger import states
from counterfoil.ledger.reader import Reader
from counterfoil.ports import StoredEvent
from counterfoil.system import SystemClock

_ID: Final = re.compile(r"dec_[0-9A-Za-z]{26}")
_LIFETIME_SECONDS: Final = 900.0
_APPROVAL: Final = "approval"
_COMPARED: Final = ("effect", "permissions")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decision of the ledger, with what is needed to ask again."""

    decision_id: str
    time: str
    plain: JsonObject
    said: JsonObject
    request: AuthorizationRequest
    caller: Caller
    approvals: tuple[JsonObject, ...] = ()

    def value(self) -> dict[str, JsonValue]:
        """What was decided, in the members of `explain --json`."""
        decision = members(self.said.get("decision"))
        return {
            "effect": self.plain.get("effect"),
            "reasons": items(decision.get("reasons")),
            "operations": items(decision.get("operations")),
            "uncertain": items(decision.get("uncertain")),
            "permissions": items(decision.get("permissions")),
            "ambient": items(decision.get("ambient")),
        }


def is_decision_id(text: str | None) -> bool:
    """Whether an argument names a decision, not a file."""
    return text is not None and _ID.fullmatch(text) is not None


def recorded_decision(config: Config, decision_id: str) -> Recorded | None:
    """Open a decision; None where there is none, or nothing was decided.

    Raises:
        ConfigError: a key cannot be read.
        LedgerError: the ledger cannot be read, or a record is not what its receipt says.
        RequestError: its person was erased, and its words with them.
    """
    with open_book(config) as book:
        for tenant in book.tenants(None):
            for event in book.reader.trail(tenant, decision_id):
                if event.kind == "decided":
                    return _recorded(book.reader, tenant, event)
    return None


def compared(recorded: Recorded, asking: Asking) -> tuple[Explained, Why, JsonObject]:
    """Ask again; the last value says what would be decided today, and whether it is the same.

    Raises:
        CounterfoilError: the action cannot be judged today at all.
    """
    (item,) = asking.flow.run([recorded.request], recorded.caller, recorded.approvals)
    today = explanation_json(item.case, item.decision)
    then = recorded.value()
    same = all(today[name] == then[name] for name in _COMPARED)
    revision = item.decision.policy_revision
    return (
        item,
        asking.why(item),
        {
            "policy": revision,
            "same_policy": revision == recorded.plain.get("policy"),
            "same": same,
            "effect": today["effect"],
            "reasons": today["reasons"],
            "permissions": today["permissions"],
        },
    )


def decision_json(recorded: Recorded, asking: Asking) -> JsonObject:
    """For `--json`."""
    _, why, today = compared(recorded, asking)
    return {
        "decision_id": recorded.decision_id,
        "time": recorded.time,
        "policy": recorded.plain.get("policy"),
        **recorded.value(),
        "today": {**today, **because_json(why)},
    }


def decision_text(recorded: Recorded, asking: Asking, *, colour: bool) -> str:
    """For people."""
    item, why, today = compared(recorded, asking)
    command = item.case.located.command
    text = recorded.request.arguments.get(command.command_argument or "")
    value = {**recorded.value(), "required": recorded.value()["permissions"]}
    lines = [
        f"{recorded.decision_id}, recorded {recorded.time} by policy {recorded.plain.get('policy')}"
    ]
    lines += marked(text if isinstance(text, str) else "", value, colour=colour)
    lines += reasons_of(value, colour=colour)
    lines.append("")
    revision = "the same policy" if today["same_policy"] else f"policy {today['policy']}"
    if today["same"]:
        lines.append(f"today {revision} decides the same")
    else:
        lines.append(f"TODAY IT WOULD BE DECIDED OTHERWISE, by {revision}")
        lines += reasons_of(today, colour=colour)
    return "\n".join([*lines, "", *because_lines(why)])


def _recorded(reader: Reader, tenant: str, event: StoredEvent) -> Recorded:
    said = {name: opened(data) for name, data in event.payload.items()}
    request, about = members(said.get("request")), members(said.get("caller"))
    if not request or not about:
        raise RequestError("the person was erased, and with them what they asked")
    context = members(request.get("context"))
    stated = event.payload.get("prompt")
    prompt, of_run = None if stated is None else stated.decode(), False
    run, digest = about.get("run"), about.get("prompt_digest")
    if prompt is None and isinstance(run, str) and digest is not None:
        prompt, of_run = recorded_prompt(reader.trail(tenant, run)), True
    return Recorded(
        decision_id=str(event.decision_id),
        time=event.time,
        plain=event.plain,
        said=said,
        request=AuthorizationRequest(
            action_name=str(request.get("action")),
            arguments=members(said.get("arguments")),
            context=Context(
                prompt=prompt,
                task=_text(context.get("task")),
                agent=members(context.get("agent")) or None,
                call_id=_text(context.get("call_id")),
                prompt_of_run=of_run,
            ),
        ),
        caller=_caller(tenant, about),
        approvals=tuple(_approvals(reader, tenant, event)),
    )


def _caller(tenant: str, about: JsonObject) -> Caller:
    subject, actor = members(about.get("subject")), members(about.get("actor"))
    ceiling = actor.get("ceiling")
    return Caller(
        tenant=tenant,
        subject=Subject(
            issuer=str(subject.get("iss")),
            sub=str(subject.get("sub")),
            groups=tuple(map(str, items(subject.get("groups")))),
        ),
        actor=Actor(
            issuer=str(actor.get("iss")),
            sub=str(actor.get("sub")),
            via=tuple(str(members(item).get("sub")) for item in items(actor.get("via"))),
            ceiling=None if ceiling is None else frozenset(map(str, items(ceiling))),
        )
        if actor
        else None,
        run_id=_text(about.get("run")),
        prompt_digest=_text(about.get("prompt_digest")),
        # As if the credential were fresh: that it ended since then is no fault of the action.
        expires_at=SystemClock().now() + _LIFETIME_SECONDS,
    )


def _approvals(reader: Reader, tenant: str, event: StoredEvent) -> Iterator[JsonObject]:
    """The approval that an allow rested on, as policy read it."""
    name = event.plain.get(_APPROVAL)
    if not isinstance(name, str) or event.plain.get("effect") != "allow":
        return
    found = reader.states(states.ONE, tenant, _APPROVAL, name)
    for state in found:
        approval = fold(reader.trail(tenant, state.decision_id), name, state.decision_id)
        if approval is not None and approval.approvers():
            yield verified_json(approval)


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
