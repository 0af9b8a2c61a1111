"""A person answers an approval.

1. The answer: strict JSON of `schemas/approval_answer.json`.
2. The person: a credential without `act`. No agent answers, whoever it acts for.
3. The approval: of this tenant; the person is in its groups, and neither asked for it nor is
   the agent or the launcher that did; it waits for them, they mean exactly its action, and to
   approve they signed in lately enough.
4. Policy, once more, for an approval: it must still ask, under the same revision and terms. A
   denial needs no policy: it permits nothing.
5. The record: one step, and the template where similar actions are approved in advance. Of two
   answers at the same moment one comes second, and is judged by what the first has made of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

from counterfoil.core.approval import APPROVE, Answer, Approval
from counterfoil.core.approval_rules import check_answer, check_sign_in
from counterfoil.core.approval_view import approval_json
from counterfoil.core.model import (
    AnswerRequest,
    Caller,
    Effect,
    Interpretation,
    JsonObject,
    JsonValue,
)
from counterfoil.core.template import Template, check_template, read_holes
from counterfoil.core.times import rfc3339
from counterfoil.core.verdict import judge
from counterfoil.errors import (
    AgentNotAllowed,
    ApprovalPolicyChanged,
    NotFound,
    StateConflict,
    TemplateUnusable,
)
from counterfoil.flows import approval_events as record
from counterfoil.flows import template_events
from counterfoil.flows.expiry import with_end_recorded
from counterfoil.ports import (
    Clock,
    IdentityVerifier,
    Ids,
    Ledger,
    PolicyEngine,
    PolicyQuestion,
    Proof,
    States,
)
from counterfoil.ports_tokens import Revocations

RIVALS = 8
"""Answers that may come first before one gives up: more people than any quorum asks at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFlow:
    """Takes one answer of one person."""

    clock: Clock
    ids: Ids
    read_answer: Callable[[bytes], AnswerRequest]
    identity: IdentityVerifier
    policy: PolicyEngine
    ledger: Ledger
    states: States
    revocations: Revocations
    url: str
    policy_timeout_seconds: float
    ledger_timeout_seconds: float
    max_sign_in_age_seconds: int | None = None

    def run(
        self,
        *,
        approval_id: str,
        body: bytes,
        unverified_token: str | None,
        proof: Proof | None = None,
    ) -> JsonValue:
        """Record an answer and return the approval as it stands then.

        Raises:
            AgentNotAllowed: the credential is an agent's.
            NotFound: no such approval in this tenant.
            ApprovalError: this person may not answer it so, or it does not wait any more.
            CounterfoilError: unreadable, unknown caller, no policy, or not recorded.
        """
        request = self.read_answer(body)  # 1
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)  # 2
        if caller.actor is not None:
            raise AgentNotAllowed
        for _ in range(RIVALS):
            with suppress(StateConflict):
                approval = self._answer(approval_id, request, caller, now=now)
                return approval_json(approval, url=self.url, now=now)
        raise StateConflict

    def _answer(
        self, approval_id: str, request: AnswerRequest, caller: Caller, *, now: float
    ) -> Approval:
        approval = record.load(self.ledger, self.states, caller.tenant, approval_id)
        if approval is None:
            raise NotFound
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        approval = with_end_recorded(
            approval,
            self.ledger,
            self.revocations,
            event_id=self.ids.new("evt"),
            now=now,
            deadline=deadline,
        )
        check_answer(approval, caller, action_digest=request.action_digest, now=now)  # 3
        if request.answer == APPROVE:
            policys = approval.terms.max_sign_in_age_seconds
            check_sign_in(caller, self.max_sign_in_age_seconds, policys, now=now)
            self._ask_policy_again(approval, now=now)  # 4
        answer = _answer_of(request, caller, now=now)
        template = self._template(approval, request, answer, now=now)
        events = [record.answered(approval, answer, caller, event_id=self.ids.new("evt"), now=now)]
        if template is not None:
            event_id = self.ids.new("evt")
            events.append(template_events.given(approval, template, event_id=event_id, now=now))
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        self.ledger.append(events, deadline=deadline)  # 5
        return replace(approval.with_answer(answer), similar=template)

    def _template(
        self, approval: Approval, request: AnswerRequest, answer: Answer, *, now: float
    ) -> Template | None:
        """What is approved in advance, None where nothing is.

        Raises:
            TemplateUnusable: policy lets nobody do that, or the template does not fit the action.
        """
        if request.similar is None:
            return None
        terms = approval.terms.similar
        if terms is None or request.answer != APPROVE:
            raise TemplateUnusable("policy lets nobody approve more than this one action here")
        holes = read_holes(request.similar["holes"])
        uses, seconds = (_whole(request.similar[name]) for name in ("uses", "expires_in_seconds"))
        arguments = cast("JsonObject", cast("JsonObject", approval.input["action"])["arguments"])
        check_template(holes, arguments, uses=uses, seconds=seconds, terms=terms)
        return Template(
            id=self.ids.new("tpl"),
            holes=holes,
            uses=uses,
            until=math.floor(now) + seconds,
            person=answer.person,
            groups=answer.groups,
        )

    def _ask_policy_again(self, approval: Approval, *, now: float) -> None:
        """Judge the recorded input as of now; nothing but the same demand will do."""
        question = PolicyQuestion(
            tenant=approval.asker.tenant,
            action_digest=approval.action_digest,
            input=_as_of_now(approval.input, now=now),
        )
        (answer,) = self.policy.ask(
            [question], deadline=self.clock.monotonic() + self.policy_timeout_seconds
        )
        if isinstance(answer, Exception):
            raise answer
        decision = judge(answer, Interpretation(), known_revisions=self.policy.known_revisions())
        if (
            decision.effect is not Effect.NEEDS_APPROVAL
            or decision.policy_revision != approval.policy_revision
            or decision.approval != approval.terms
        ):
            raise ApprovalPolicyChanged


def _whole(value: JsonValue) -> int:
    return int(cast("float", value))  # JSON Schema's integer includes 3.0


def _answer_of(request: AnswerRequest, caller: Caller, *, now: float) -> Answer:
    return Answer(
        person=(caller.subject.issuer, caller.subject.sub),
        groups=caller.subject.groups,
        answer=request.answer,
        time=rfc3339(now),
        comment=request.comment,
        token=caller.token_id,
        session=caller.session,
        signed_in_at=caller.signed_in_at,
    )


def _as_of_now(recorded: JsonObject, *, now: float) -> JsonObject:
    context = recorded["context"]
    assert isinstance(context, dict)  # noqa: S101 -- `policy_input` wrote it
    return {**recorded, "context": {**context, "time": rfc3339(now)}, "approvals": []}
