"""*Approve*: what waits for this person, one action whole, and their answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

import orjson
from flask import Blueprint

from counterfoil.core.model import Caller, JsonObject, JsonValue
from counterfoil.core.spoken import operation_words, permission_words
from counterfoil.http.approvals import ReadsApprovals, TakesAnswers
from counterfoil.http.console.door import ConsoleDoor, Visit
from counterfoil.http.console.limits import RateLimit
from counterfoil.http.console.pages import redirect
from counterfoil.http.console.words import arguments_shown, line, shown, span_of
from counterfoil.http.exchange import Reply, hang
from counterfoil.http.inbound import known_id
from counterfoil.ports import Proof

PATH: Final = "/console/approvals"
LISTED: Final = 20  # each is read from its events, some milliseconds
FIELDS: Final = ("answer", "action_digest", "comment")


class ListsSome(ReadsApprovals, Protocol):
    """`flows.approval_reading.ApprovalReadingFlow`, a page at a time."""

    def listed(
        self, *, unverified_token: str | None, proof: Proof | None, most: int = ...
    ) -> JsonValue:
        """At most `most` that wait for a person, those first that end first."""


class TellsBefore(Protocol):
    """`flows.run_before.RunBeforeFlow`."""

    def run(self, caller: Caller, approval: Mapping[str, object]) -> list[JsonObject]:
        """Earlier decisions of the run; raises `CounterfoilError`."""


def approve_blueprint(
    door: ConsoleDoor,
    *,
    reading: ListsSome,
    answering: TakesAnswers,
    before: TellsBefore,
    commands: Mapping[str, str | None],
    limit: RateLimit,
) -> Blueprint:
    """Hang the pages. `commands` names, for each tool, the argument that is its command."""
    blueprint = Blueprint("console_approve", __name__)

    def listed(visit: Visit) -> Reply:
        answer = reading.listed(unverified_token=visit.token, proof=None, most=LISTED + 1)
        found = cast("Mapping[str, list[dict[str, Any]]]", answer)["approvals"]
        rows, more = [_row(item) for item in found[:LISTED]], len(found) > LISTED
        return door.pages.render("approvals.html", {**visit.base, "rows": rows, "more": more})

    def one(visit: Visit, approval_id: str) -> Reply:
        approval = _read(visit, approval_id)
        values = approval_values(approval, commands.get(approval["action"]["name"]))
        values["before"] = before.run(visit.caller, approval)
        values["why_not"] = why_not(approval, visit.caller)
        return door.pages.render("approval.html", {**visit.base, **values})

    def answer(visit: Visit, approval_id: str) -> Reply:
        who = visit.caller
        limit.take((who.tenant, who.subject.issuer, who.subject.sub))
        said = {name: visit.form[name] for name in FIELDS if visit.form.get(name)}
        answering.run(
            approval_id=known_id("apr", approval_id),
            body=orjson.dumps(said),
            unverified_token=visit.token,
            proof=None,
        )
        return redirect(f"{PATH}/{approval_id}")

    def _read(visit: Visit, approval_id: str) -> dict[str, Any]:
        value = reading.one(
            approval_id=known_id("apr", approval_id),
            wait_seconds=0,
            unverified_token=visit.token,
            proof=None,
        )
        return cast("dict[str, Any]", value)

    hang(blueprint, PATH, "listed", door.page(listed), method="GET")
    hang(blueprint, f"{PATH}/<approval_id>", "one", door.page(one), method="GET")
    hang(blueprint, f"{PATH}/<approval_id>/answer", "answer", door.change(answer), method="POST")
    return blueprint


def approval_values(approval: dict[str, Any], command: str | None) -> dict[str, Any]:
    """Everything that the page of one approval shows, nothing shortened."""
    operations = approval["operations"]
    spans = [span_of(item) for item in operations]
    action, execute = approval["action"], approval["execute"]
    changed = execute is not None and execute["arguments"] != action["arguments"]
    prompt = approval["prompt"]
    return {
        "approval": approval,
        "tool": action["name"],
        "arguments": arguments_shown(action["arguments"], command, spans),
        "runs": arguments_shown(execute["arguments"], command, ()) if changed else [],
        "session": (execute or {}).get("session") or {},
        "operations": [line(operation_words(item)) for item in operations],
        "permissions": [line(permission_words(item)) for item in approval["permissions"]],
        "ambient": [line(permission_words(item)) for item in approval["ambient"]],
        "prompt": None if prompt["text"] is None else shown(prompt["text"]),
        "prompt_source": prompt["source"],
        "task": shown(approval["task"]) if "task" in approval else None,
        "answers": [
            {
                "answer": item["answer"],
                "who": line((item["person"] or {}).get("sub", "erased")),
                "comment": line(item["comment"] or ""),
                "time": item["answered_at"],
            }
            for item in approval["answers"]
        ],
    }


def why_not(approval: Mapping[str, Any], caller: Caller) -> str:
    """Why there is no form for this person; empty where there is one. The flow decides anyway."""
    if approval["status"] != "pending":
        return f"It is {approval['status']}: nothing is left to answer."
    people = [approval["subject"]["sub"], (approval["actor"] or {}).get("sub")]
    if caller.subject.sub in people:
        return "You asked for it: somebody else must answer."
    if set(approval["approvers"]).isdisjoint(caller.subject.groups):
        return "You are in none of the groups that may answer."
    answered = {(item["person"] or {}).get("sub") for item in approval["answers"]}
    if caller.subject.sub in answered:
        return "You have answered. Others of the group must answer too."
    return ""


def _row(item: dict[str, Any]) -> dict[str, Any]:
    first = operation_words(item["operations"][0]) if item["operations"] else item["action"]["name"]
    return {
        "id": item["id"],
        "tool": item["action"]["name"],
        "words": line(first),
        "more": max(len(item["operations"]) - 1, 0),
        "subject": line(item["subject"]["sub"]),
        "actor": line((item["actor"] or {}).get("sub", "nobody")),
        "expires_at": item["expires_at"],
    }
