"""What the main path would decide, by its own steps 3 to 6; nothing is recorded or granted.

The same catalogue of tools, reader of commands, policy and measure of permissions, in the
same order as in flows/authorize.py. A grant is made ready to see that the target can express
it, and is thrown away unsigned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.core.case import Case
from counterfoil.core.catalog import Catalog
from counterfoil.core.grant import GrantTerms, issue_grant
from counterfoil.core.model import AuthorizationRequest, Caller, Decision
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
    """One action and the decision that it would get."""

    case: Case
    decision: Decision


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

    def run(self, requests: Sequence[AuthorizationRequest], caller: Caller) -> list[Explained]:
        """Explain each request, in order.

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
        return [
            Explained(case=case, decision=decision)
            for case, decision in zip(cases, self._decisions(cases, caller), strict=True)
        ]

    def _decisions(self, cases: Sequence[Case], caller: Caller) -> list[Decision]:
        now = self.clock.now()
        questions = [
            PolicyQuestion(
                tenant=caller.tenant,
                action_digest=case.digest,
                input=policy_input(case, caller, now=now),
            )
            for case in cases
        ]
        deadline = self.clock.monotonic() + self.policy_timeout_seconds
        decisions = []
        for case, answer in zip(cases, self.policy.ask(questions, deadline=deadline), strict=True):
            if not isinstance(answer, PolicyAnswer):  # 4
                raise answer
            known = self.policy.known_revisions()
            decision = judge(answer, case.reading, known_revisions=known)  # 5
            decisions.append(self._grantable(case, decision, caller, now=now))
        return decisions

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
            sign=lambda _claims: "",
        )
        return decision
