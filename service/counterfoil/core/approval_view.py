"""An approval for people and hooks: `schemas/approval.json`, the exact action and who answers."""

from __future__ import annotations

from typing import cast

from counterfoil.core.approval import Approval, Status
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.response import policy_json
from counterfoil.core.template import holes_json
from counterfoil.core.times import rfc3339_second

PATH = "/console/approvals/"
"""The page of the console where a person judges it; the link holds no secret and no right."""


def reference_json(approval: Approval, *, url: str, now: float) -> JsonObject:
    """What the answer to `needs_approval` says of it."""
    return {
        "id": approval.id,
        "status": approval.status(now).value,
        "expires_at": rfc3339_second(approval.expires_at),
        "url": f"{url}{PATH}{approval.id}",
    }


def approval_json(approval: Approval, *, url: str, now: float) -> JsonObject:
    """Everything that a person needs to judge the action, and how it was answered."""
    asked, about = approval.asked, approval.input
    view: dict[str, JsonValue] = {
        **reference_json(approval, url=url, now=now),
        "decision_id": approval.decision_id,
        "action_digest": approval.action_digest,
        "opened_at": approval.opened_at,
        "subject": _person(approval.asker.subject),
        "actor": None if approval.asker.actor is None else _person(approval.asker.actor),
        "run": approval.asker.run,
        "action": about["action"],
        "resource": about["resource"],
        "operations": about["operations"],
        "permissions": about["required"],
        "ambient": about["ambient"],
        "execute": asked["execute"],
        "reasons": asked["reasons"],
        "prompt": _prompt(approval),
        "approvers": list(approval.terms.approvers),
        "quorum": approval.terms.quorum,
        **_terms(approval),
        "answers": [_answer(approval, index) for index in range(len(approval.answers))],
        "policy": policy_json(approval.policy_revision),
    }
    task = cast("JsonObject", about["context"]).get("task")
    if task is not None:
        view["task"] = task
    last = approval.answers[-1].comment if approval.answers else None
    if last is not None and approval.status(now) in {Status.APPROVED, Status.DENIED, Status.SPENT}:
        view["comment"] = last
    return view


def _prompt(approval: Approval) -> JsonObject:
    """The prompt and on whose word it rests; its text may be recorded with the run only."""
    text = cast("JsonObject", approval.input["context"]).get("prompt")
    source = approval.asked["prompt_source"]
    return {"text": text, "source": source, "digest": approval.prompt_digest}


def _terms(approval: Approval) -> JsonObject:
    """What the terms say besides: absent where they do not."""
    terms = approval.terms
    said: dict[str, JsonValue] = {}
    if terms.each_from:
        said["each_from"] = list(terms.each_from)
    if terms.max_sign_in_age_seconds is not None:
        said["max_sign_in_age_seconds"] = terms.max_sign_in_age_seconds
    if terms.similar is not None:
        said["similar_at_most"] = {"uses": terms.similar.uses, "seconds": terms.similar.seconds}
    template = approval.similar
    if template is not None:
        said["similar"] = {
            "holes": holes_json(template.holes),
            "uses": template.uses,
            "used": template.used,
            "until": rfc3339_second(template.until),
            "ended": template.ended,
        }
    return said


def _person(person: tuple[str, str]) -> JsonObject:
    return {"iss": person[0], "sub": person[1]}


def _answer(approval: Approval, index: int) -> JsonObject:
    item = approval.answers[index]
    return {
        "person": None if item.person is None else _person(item.person),
        "answer": item.answer,
        "comment": item.comment,
        "answered_at": item.time,
    }
