"""An approval: a person's recorded answer to one `needs_approval`, bound to what was asked.

    pending ──approve (quorum)──▶ approved ──the same action again──▶ spent
       │                             │
       ├──deny──▶ denied             ├──▶ cancelled (by who asked)
       ├──▶ cancelled                └──▶ expired
       └──▶ expired

An approval is nothing but its events, folded in log order: `approval_requested`, then any of
`approval_answered`, `approval_cancelled`, `approval_expired`, `approval_spent`. Its version
is their number; a step is recorded only if no other came between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from counterfoil.core.approval_quorum import enough, people_of
from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.case import Case
from counterfoil.core.model import ApprovalTerms, Caller, JsonObject, JsonValue
from counterfoil.core.template import Template

APPROVE, DENY = "approve", "deny"


class Status(StrEnum):
    """Where an approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SPENT = "spent"


OPEN = frozenset({Status.PENDING, Status.APPROVED})
"""What may still change; at most one such per run and action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asked, in which run: an approval is of no use to anybody else."""

    tenant: str
    subject: tuple[str, str]
    actor: tuple[str, str] | None
    run: str | None

    @classmethod
    def of(cls, caller: Caller) -> Asker:
        """The asker that a caller is."""
        actor = caller.actor
        return cls(
            tenant=caller.tenant,
            subject=(caller.subject.issuer, caller.subject.sub),
            actor=None if actor is None else (actor.issuer, actor.sub),
            run=caller.run_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One person's answer; `person` is None where the person was erased.

    `token` and `session` name the credential it was given with, `signed_in_at` (seconds) its
    person's sign-in.
    """

    person: tuple[str, str] | None
    groups: tuple[str, ...]
    answer: str
    time: str
    comment: str | None = None
    token: str | None = None
    session: str | None = None
    signed_in_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One approval as its events tell it.

    `asked` is what the agent would do (`asked_json`) and why it needs approval; `launcher`
    the client that the asking credential was given to, `similar` what was approved with it in
    advance.
    """

    id: str
    decision_id: str
    asker: Asker
    action_digest: str
    prompt_digest: str
    policy_revision: str
    terms: ApprovalTerms
    opened_at: str
    expires_at: int
    asked: JsonObject
    launcher: str | None = None
    answers: tuple[Answer, ...] = ()
    ended: Status | None = None
    similar: Template | None = None
    version: int = 1

    @property
    def input(self) -> JsonObject:
        """The policy input of the decision that asked."""
        return cast("JsonObject", self.asked["input"])

    def status(self, now: float) -> Status:
        """Where it stands at `now`; time alone ends it too."""
        if self.ended is not None:
            return self.ended
        status = self._answered()
        return Status.EXPIRED if status in OPEN and now >= self.expires_at else status

    def is_asked_by(self, caller: Caller) -> bool:
        """Whether the caller is who asked: the same person, agent, run and tenant."""
        return self.asker == Asker.of(caller)

    def approvers(self) -> tuple[Answer, ...]:
        """Who approved, in order; nobody counts who is not known any more."""
        return tuple(
            item for item in self.answers if item.answer == APPROVE and item.person is not None
        )

    def with_answer(self, answer: Answer) -> Approval:
        """The approval one answer later."""
        return replace(self, answers=(*self.answers, answer), version=self.version + 1)

    def _answered(self) -> Status:
        if any(item.answer != APPROVE for item in self.answers):
            return Status.DENIED
        # One person may have several issuers: only `sub` is theirs in all of them.
        people = people_of(
            (item.person[1], item.groups) for item in self.approvers() if item.person is not None
        )
        return Status.APPROVED if enough(people, self.terms) else Status.PENDING


def asked_json(case: Case, caller: Caller, policy_input: JsonObject) -> dict[str, JsonValue]:
    """What an action would do, as it is recorded and shown; reasons are added when decided."""
    execute = case.reading.execute
    return {
        "input": policy_input,
        "execute": None
        if execute is None
        else {"arguments": execute.arguments, "session": execute.session},
        "prompt_source": "agent" if caller.prompt_digest is None else "run",
    }


def measure(asked: JsonObject) -> bytes:
    """What of an action must be the same at its use: what it would do, need and run."""
    value = cast("JsonObject", asked["input"])
    return canonical_bytes(
        [*(value[name] for name in ("operations", "required", "ambient")), asked["execute"]],
        floats=True,
    )


def prompt_digest_of(case: Case, caller: Caller) -> str:
    """The digest of the run's prompt, or of the one that the agent states."""
    return caller.prompt_digest or digest((case.request.context.prompt or "").encode())


def verified_json(approval: Approval) -> JsonObject:
    """An approved approval as policy reads it, `schemas/policy_input.json`."""
    given = approval.approvers()
    return {
        "id": approval.id,
        "approvers": [
            {"iss": item.person[0], "sub": item.person[1], "groups": list(item.groups)}
            for item in given
            if item.person is not None
        ],
        "answered_at": given[-1].time,
    }
