"""How approvals stand in the record: what their events hold, and how they are folded back.

A payload may be gone, because its person was erased. Then the request tells no approval any
more, an approval counts for nobody, and a denial still denies: its code stands in the leaf.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from counterfoil.core.approval import APPROVE, DENY, Answer, Approval, Asker, Status
from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import ApprovalTerms, JsonObject, JsonValue, SimilarTerms
from counterfoil.core.template_record import ENDED, GIVEN, USED, follow

REQUESTED, ANSWERED = "approval_requested", "approval_answered"
CANCELLED, EXPIRED, SPENT = "approval_cancelled", "approval_expired", "approval_spent"
_ENDS = {CANCELLED: Status.CANCELLED, EXPIRED: Status.EXPIRED, SPENT: Status.SPENT}


class RecordedEvent(Protocol):
    """An event read back (`ports.StoredEvent`)."""

    @property
    def kind(self) -> str:
        """Which event."""

    @property
    def time(self) -> str:
        """When, RFC 3339."""

    @property
    def plain(self) -> JsonObject:
        """Codes, ids and times."""

    @property
    def payload(self) -> Mapping[str, bytes]:
        """What was said, opened."""


def fold(events: Iterable[RecordedEvent], approval_id: str, decision_id: str) -> Approval | None:
    """The approval that a decision's events tell, or None where they tell none (any more)."""
    found: Approval | None = None
    for event in events:
        if found is not None and (event.kind in {USED, ENDED} or _gives(event, approval_id)):
            found = replace(found, similar=follow(found.similar, event))
        if event.plain.get("approval") != approval_id:
            continue
        if event.kind == REQUESTED and found is None:
            found = _opened(event, approval_id, decision_id)
        elif found is not None and event.kind == ANSWERED:
            found = found.with_answer(_answer(event))
        elif found is not None and event.kind in _ENDS:
            found = replace(found, ended=_ENDS[event.kind], version=found.version + 1)
    return found


def _gives(event: RecordedEvent, approval_id: str) -> bool:
    return event.kind == GIVEN and event.plain.get("approval") == approval_id


def record_json(approval: Approval) -> bytes:
    """The payload of `approval_requested`, which `fold` reads back."""
    asker, terms = approval.asker, approval.terms
    return canonical_bytes(
        {
            "tenant": asker.tenant,
            "subject": list(asker.subject),
            "actor": None if asker.actor is None else list(asker.actor),
            "run": asker.run,
            "action_digest": approval.action_digest,
            "prompt_digest": approval.prompt_digest,
            "policy_revision": approval.policy_revision,
            "approvers": list(terms.approvers),
            "quorum": terms.quorum,
            "expires_in_seconds": terms.expires_in_seconds,
            "each_from": list(terms.each_from),
            "max_sign_in_age_seconds": terms.max_sign_in_age_seconds,
            "similar": None
            if terms.similar is None
            else {"uses": terms.similar.uses, "seconds": terms.similar.seconds},
            "launcher": approval.launcher,
            "expires_at": approval.expires_at,
            "asked": approval.asked,
        },
        floats=True,
    )


def answer_json(answer: Answer) -> bytes:
    """The payload of `approval_answered`, which `fold` reads back."""
    return canonical_bytes(
        {
            "person": None if answer.person is None else list(answer.person),
            "groups": list(answer.groups),
            "answer": answer.answer,
            "comment": answer.comment,
            "token": answer.token,
            "session": answer.session,
            "signed_in_at": answer.signed_in_at,
        },
        floats=True,
    )


def _opened(event: RecordedEvent, approval_id: str, decision_id: str) -> Approval | None:
    data = event.payload.get("approval")
    if data is None:
        return None
    value = json.loads(data)
    actor = value["actor"]
    return Approval(
        id=approval_id,
        decision_id=decision_id,
        asker=Asker(
            tenant=value["tenant"],
            subject=(value["subject"][0], value["subject"][1]),
            actor=None if actor is None else (actor[0], actor[1]),
            run=value["run"],
        ),
        action_digest=value["action_digest"],
        prompt_digest=value["prompt_digest"],
        policy_revision=value["policy_revision"],
        terms=ApprovalTerms(
            approvers=tuple(value["approvers"]),
            quorum=value["quorum"],
            expires_in_seconds=value["expires_in_seconds"],
            each_from=tuple(value.get("each_from", ())),
            max_sign_in_age_seconds=value.get("max_sign_in_age_seconds"),
            similar=SimilarTerms(**value["similar"]) if value.get("similar") else None,
        ),
        launcher=value.get("launcher"),
        opened_at=event.time,
        expires_at=value["expires_at"],
        asked=value["asked"],
    )


def _answer(event: RecordedEvent) -> Answer:
    data = event.payload.get("answer")
    if data is None:
        denied = event.plain.get("answer") != APPROVE
        return Answer(person=None, groups=(), answer=DENY if denied else APPROVE, time=event.time)
    value: Mapping[str, JsonValue] = json.loads(data)
    person = cast("Sequence[str]", value["person"])
    return Answer(
        person=(person[0], person[1]),
        groups=tuple(cast("Sequence[str]", value["groups"])),
        answer=cast("str", value["answer"]),
        comment=cast("str | None", value["comment"]),
        time=event.time,
        token=cast("str | None", value.get("token")),
        session=cast("str | None", value.get("session")),
        signed_in_at=cast("float | None", value.get("signed_in_at")),
    )
