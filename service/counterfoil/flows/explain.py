"""What the main path would decide, by its own steps 3 to 6; nothing is recorded or granted.

The same catalogue of tools, reader of commands, policy and measure of permissions, in the
same order as in flows/authorize.py. A grant is made ready to see that the target can express
it, and is thrown away unsigned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from counterfoil.core.case import Case
from counterfoil.core.catalog import Catalog
from counterfoil.core.grant import GrantTerms, issue_grant
from counterfoil.core.model import AuthorizationRequest, Caller, Decision, JsonObject
from counterfoil.core.policy_input import policy_input
from counterfoil.core.verdict import judge
from counterfoil.flows.cases import READING_SECONDS, read_cases
from counterfoil.ports import (
    Clock,
    Ids,
    Interpreter,
    PolicyAnswer,
    PolicyEngine,
    PolicyQuestion,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One action, the decision that it would get, and what policy was asked."""

    case: Case
    decision: Decision
    asked: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFlow:
    """Steps 3 to 6 of the main path without its record."""

    clock: Clock
    ids: Ids
    catalog: Catalog
    interpreter: Interpreter
    policy: PolicyEngine
    policy_timeout_seconds: float
    grant_terms: GrantTerms

    def run(
        self,
        requests: Sequence[AuthorizationRequest],
        caller: Caller,
        approvals: Sequence[JsonObject] = (),
    ) -> list[Explained]:
        """Explain each request, in order.

        Args:
            requests: what is asked about.
            caller: whose rights count; nobody was verified.
            approvals: answers to suppose, of `schemas/policy_input.json`.

        Raises:
            RequestError: a resource that is not the registered one, or arguments without a
                canonical form.
            PolicyError: the policy engine gave no complete answer in time.
        """
        cases = read_cases(  # 3
            requests,
            [self.catalog.locate(request) for request in requests],
            caller,
            interpreter=self.interpreter,
            ids=self.ids,
            deadline=self.clock.monotonic() + READING_SECONDS,
        )
        now = self.clock.now()
        inputs = [policy_input(case, caller, now=now, approvals=approvals) for case in cases]
        questions = [
            PolicyQuestion(tenant=caller.tenant, action_digest=case.digest, input=asked)
            for case, asked in zip(cases, inputs, strict=True)
        ]
        deadline = self.clock.monotonic() + self.policy_timeout_seconds
        explained = []
        answers = self.policy.ask(questions, deadline=deadline)
        for case, asked, answer in zip(cases, inputs, answers, strict=True):
            if not isinstance(answer, PolicyAnswer):  # 4
                raise answer
            known = self.policy.known_revisions()
            decision = self.judged(case, answer, caller, known=known)
            explained.append(Explained(case=case, decision=decision, asked=asked))
        return explained

    def judged(
        self, case: Case, answer: PolicyAnswer, caller: Caller, *, known: Collection[str]
    ) -> Decision:
        """Steps 5 and 6 for an answer of policy, whichever gave it."""
        decision = judge(answer, case.reading, known_revisions=known)  # 5
        return self._grantable(case, decision, caller, now=self.clock.now())

    def _grantable(self, case: Case, decision: Decision, caller: Caller, *, now: float) -> Decision:
        """Step 6: an allow that no target could express is a deny here too."""
        decision, _ = issue_grant(
            decision,
            caller,
            case.reading,
            case.located.command.resource,
            decision_id=case.decision_id,
            action_digest=case.digest,
            terms=self.grant_terms,
            request_id="",
            jti="",
            now=now,
        )
        return decision
