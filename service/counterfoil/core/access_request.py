"""Access requests and their tasks (AuthZEN access request and approval profile, draft 1).

A task is an approval seen through the profile. It promises nothing: an approved one says
`reevaluate`, and the same action is sent again with `context.approval`.

    pending → pending      approved, spent → approved      the others by their own names
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from counterfoil.core.approval import Approval
from counterfoil.core.model import Caller, JsonObject, JsonValue

PATH: Final = "/access/v1/requests/"
PENDING: Final = "pending"
_STATUS: Final = {"spent": "approved"}


def task_json(view: JsonObject, *, url: str) -> JsonObject:
    """The answer for an approval as `approval_json` shows it."""
    endpoint = f"{url}{PATH}{view['id']}"
    status = _STATUS.get(str(view["status"]), view["status"])
    links: dict[str, JsonValue] = {"review": view["url"]}
    if status == PENDING:
        links["cancel"] = f"{endpoint}/cancel"
    task: JsonObject = {
        "id": view["id"],
        "status": status,
        "status_endpoint": endpoint,
        "expires_at": view["expires_at"],
        "links": links,
    }
    if status != "approved":
        return {"task": task}
    answers = cast("list[JsonObject]", view["answers"])
    approval: JsonObject = {
        "id": view["id"],
        "approved_at": answers[-1]["answered_at"],
        "approved_until": view["expires_at"],
    }
    return {"task": task, "result": {"mode": "reevaluate", "approval": approval}}


def is_about(value: JsonObject, approval: Approval, caller: Caller) -> bool:
    """Whether a request names the caller and the action and resource that were denied.

    An action without a registered resource is named as `{"type": "tool", "id": its name}`; so
    may any other be. The agent, where the request names one, is the caller's.
    """
    subject, action, resource = (
        cast("JsonObject", value[name]) for name in ("subject", "action", "resource")
    )
    asked = cast("JsonObject", approval.input["action"])
    known = approval.input["resource"]
    names = {("tool", asked["name"])}
    if isinstance(known, Mapping):
        names.add((cast("str", known["type"]), known["id"]))
    return (
        subject["id"] == caller.subject.sub
        and action["name"] == asked["name"]
        and (resource["type"], resource["id"]) in names
        and _agent_of(value) in {None, caller.actor.sub if caller.actor else None}
    )


def evaluation_of(value: JsonObject) -> str:
    """The decision whose denial the request is about."""
    return str(cast("JsonObject", value["denial"])["evaluation_id"])


def _agent_of(value: JsonObject) -> JsonValue:
    client = value.get("client")
    actor = client.get("actor") if isinstance(client, Mapping) else None
    return actor.get("id") if isinstance(actor, Mapping) else None
