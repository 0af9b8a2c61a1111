"""The main path: from the bytes of a request to a recorded answer.

Each number recurs beside the code that does it, and in docs/life-of-a-decision.md:

1. Request: strict JSON of the published shape, within bounds.
2. Identity: the bearer token becomes a caller: tenant, person, agent, run. Only now may
   an idempotency key return an earlier answer, and a receipt that the hook holds be held
   against the ledger: one that should be in it and is not stops the tenant.
3. Action: the server's mapping gives family, command and resource; the interpreter reads
   the command itself; one digest names exactly this action.
4. Policy: one bounded question per action (several of one request go together).
5. Decision: one table turns the answer into an effect; permissions must be exactly what
   the operations require, whatever policy says. An approval that the action was sent with
   was held to it before policy saw it, and carries an allow or denies (flows/approvals.py).
6. Grant: only an allow gets a scoped token request.
7. Ledger: the event is durable before anything leaves. No record, no permission; and none
   for what was revoked while it was judged. The grant is signed while the record is written.
8. Response: built from the decision, with the receipt.

Any exception on the way means that nothing was permitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from counterfoil.core.case import Case
from counterfoil.core.catalog import Catalog
from counterfoil.core.credential import jti_of
from counterfoil.core.grant import GrantTerms, issue_grant, scoped_token_request
from counterfoil.core.meanwhile import Meanwhile
from counterfoil.core.model import (
    AuthorizationRequest,
    Caller,
    Decision,
    Grant,
)
from counterfoil.core.policy_input import policy_input
from counterfoil.core.response import Draft, draft, finished
from counterfoil.core.revocation import Standing
from counterfoil.core.verdict import judge
from counterfoil.errors import (
    ActorRequired,
    LedgerError,
    PolicyError,
    RevokedCredential,
    StateConflict,
)
from counterfoil.flows.approvals import ApprovalDesk, Presented, Settlement
from counterfoil.flows.cases import READING_SECONDS, read_cases
from counterfoil.flows.idempotency import Idempotency
from counterfoil.flows.prompts import RunPrompts
from counterfoil.flows.recording import Opening, decided_event, failed_event, opening
from counterfoil.flows.requests import hold_prompt_rule, of_each
from counterfoil.ports import (
    Clock,
    Event,
    GrantSigner,
    IdentityVerifier,
    Ids,
    Interpreter,
    Ledger,
    PolicyAnswer,
    PolicyEngine,
    PolicyQuestion,
    Proof,
)
from counterfoil.ports_evidence import Receipts
from counterfoil.ports_tokens import Revocations

RIVALS = 4
"""How often an action is judged anew because a rival moved its approval meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Numbers and names of the configuration that the path needs."""

    actor_required: bool
    policy_timeout_seconds: float
    ledger_timeout_seconds: float
    grant_terms: GrantTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What stays the same while one call is judged."""

    caller: Caller
    now: float
    promise: Idempotency | None
    batch: bool
    unrecorded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeFlow:
    """The product in one method: `run`."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes, bool], list[AuthorizationRequest]]
    identity: IdentityVerifier
    catalog: Catalog
    interpreter: Interpreter
    policy: PolicyEngine
    signer: GrantSigner
    ledger: Ledger
    approvals: ApprovalDesk
    revocations: Revocations
    prompts: RunPrompts
    receipts: Receipts
    settings: Settings

    def run(
        self,
        *,
        body: bytes,
        unverified_token: str | None,
        proof: Proof | None = None,
        idempotency_key: str | None,
        batch: bool,
        unrecorded: int = 0,
        unverified_receipt: str | None = None,
    ) -> Draft:
        """Answer one request, or one batch.

        `unverified_receipt` is the last one that the hook got (`Counterfoil-Last-Receipt`),
        `unrecorded` how many calls the hook let run before this one without asking.

        Raises:
            CounterfoilError: the request, the caller, the policy engine or the ledger
                gave no ground to decide; nothing was permitted.
        """
        requests = self.read(body, batch)  # 1
        now = self.clock.now()
        caller = self.identity.verify(unverified_token or "", now=now, proof=proof)  # 2
        if caller.actor is None and self.settings.actor_required:
            raise ActorRequired
        self.receipts.hold(caller.tenant, unverified_receipt, now=now)
        of_each(requests, lambda request: hold_prompt_rule(request, caller), batch=batch)
        promise = Idempotency.of(caller, idempotency_key, requests, batch=batch, now=now)
        ledger_deadline = self.clock.monotonic() + self.settings.ledger_timeout_seconds
        if promise is not None:
            earlier = promise.earlier_answer(
                self.ledger, self.revocations, deadline=ledger_deadline
            )
            if earlier is not None:
                return earlier
        asked = _Asked(caller=caller, now=now, promise=promise, batch=batch, unrecorded=unrecorded)
        try:
            return self._decide(requests, asked)
        except BaseException:
            if promise is not None:
                promise.release(self.ledger)
            raise

    def _decide(self, requests: Sequence[AuthorizationRequest], asked: _Asked) -> Draft:
        requests = self.prompts.filled(requests, asked.caller)
        located = of_each(requests, self.catalog.locate, batch=asked.batch)  # 3
        cases = read_cases(
            requests,
            located,
            asked.caller,
            interpreter=self.interpreter,
            ids=self.ids,
            deadline=self.clock.monotonic() + READING_SECONDS,
        )
        for _ in range(RIVALS - 1):
            with suppress(StateConflict):
                return self._judge(cases, asked)
        return self._judge(cases, asked)

    def _judge(self, cases: Sequence[Case], asked: _Asked) -> Draft:
        """Steps 4 to 8.

        Raises:
            StateConflict: a rival moved an approval meanwhile; nothing was recorded.
        """
        caller, now = asked.caller, asked.now
        presented = self.approvals.presented(cases, caller, now=now)
        openings = Meanwhile(lambda: self._openings(cases, caller))
        judged = self._decisions(cases, presented, caller, now=now, meanwhile=openings)
        decisions = [item.hold(decision) for item, decision in zip(presented, judged, strict=True)]
        pairs = [
            self._grant(case, caller, decision, item, now=now)  # 6
            for case, decision, item in zip(cases, decisions, presented, strict=True)
        ]
        settled = self.approvals.settle(cases, [d for d, _ in pairs], presented, caller, now=now)
        grants = [grant for _, grant in pairs]
        drafts = Meanwhile(lambda: self._drafts(cases, settled, grants))
        events = self._events(cases, settled, grants, openings.value(), asked)
        if asked.promise is not None:
            events = asked.promise.bind(events, drafts.value(), grants, batch=asked.batch)
        if self.revocations.covers(Standing.of_caller(caller)):
            raise RevokedCredential  # while it was judged
        deadline = self.clock.monotonic() + self.settings.ledger_timeout_seconds
        recorded = self.ledger.append(events, deadline=deadline, meanwhile=drafts)  # 7
        if recorded[0].repeated is not None and asked.promise is not None:
            return asked.promise.replay(recorded[0].repeated, self.ledger, self.revocations)
        receipts = [item.receipt for item in recorded[: len(cases)]]
        return finished(drafts.value(), receipts, batch=asked.batch)  # 8

    def _openings(self, cases: Sequence[Case], caller: Caller) -> list[Opening]:
        """What needs no decision, made while policy answers."""
        return [opening(case, caller, self.ledger, event_id=self.ids.new("evt")) for case in cases]

    def _drafts(
        self, cases: Sequence[Case], settled: Settlement, grants: Sequence[Grant | None]
    ) -> list[Draft]:
        """The answers but for their receipts, grants signed; they leave with those or never."""
        sign = self.signer.sign
        requests = [
            None if grant is None else scoped_token_request(grant, sign) for grant in grants
        ]
        return [
            draft(case, decision, request, approval)
            for case, decision, request, approval in zip(
                cases, settled.decisions, requests, settled.references, strict=True
            )
        ]

    def _decisions(
        self,
        cases: Sequence[Case],
        presented: Sequence[Presented],
        caller: Caller,
        *,
        now: float,
        meanwhile: Callable[[], None],
    ) -> list[Decision]:
        questions = [
            PolicyQuestion(
                tenant=caller.tenant,
                action_digest=case.digest,
                input=policy_input(case, caller, now=now, approvals=item.for_policy),
            )
            for case, item in zip(cases, presented, strict=True)
        ]
        deadline = self.clock.monotonic() + self.settings.policy_timeout_seconds
        answers = self.policy.ask(questions, deadline=deadline, meanwhile=meanwhile)  # 4
        failures = [
            (case, answer)
            for case, answer in zip(cases, answers, strict=True)
            if isinstance(answer, Exception)
        ]
        if failures:
            self._record_failures(failures, caller, now=now)
            raise failures[0][1]
        known = self.policy.known_revisions()
        return [
            judge(answer, case.reading, known_revisions=known)  # 5
            for case, answer in zip(cases, answers, strict=True)
            if isinstance(answer, PolicyAnswer)
        ]

    def _events(
        self,
        cases: Sequence[Case],
        settled: Settlement,
        grants: Sequence[Grant | None],
        openings: Sequence[Opening],
        asked: _Asked,
    ) -> list[Event]:
        """A decided event each, in order, then the steps of approvals."""
        decided = [
            decided_event(
                case,
                asked.caller,
                decision,
                grant,
                event_id=opened.event_id,
                time=asked.now,
                approval_id=approval_id,
                unrecorded=0 if index else asked.unrecorded,
                opening=opened,
            )
            for index, (case, decision, grant, approval_id, opened) in enumerate(
                zip(cases, settled.decisions, grants, settled.ids, openings, strict=True)
            )
        ]
        return [*decided, *settled.events]

    def _grant(
        self, case: Case, caller: Caller, decision: Decision, presented: Presented, *, now: float
    ) -> tuple[Decision, Grant | None]:
        """Step 6: a grant for an allow; an allow that cannot be rendered becomes a deny."""
        return issue_grant(
            decision,
            caller,
            case.reading,
            case.located.command.resource,
            decision_id=case.decision_id,
            action_digest=case.digest,
            terms=self.settings.grant_terms,
            request_id=self.ids.new("str"),
            jti=jti_of(case.decision_id),
            now=now,
            approved=presented.approved,
        )

    def _record_failures(
        self, failures: Sequence[tuple[Case, Exception]], caller: Caller, *, now: float
    ) -> None:
        """A question without an answer is an event too; its own failure changes nothing."""
        events = [
            failed_event(
                case,
                caller,
                error.code if isinstance(error, PolicyError) else PolicyError.code,
                event_id=self.ids.new("evt"),
                time=now,
            )
            for case, error in failures
        ]
        deadline = self.clock.monotonic() + self.settings.ledger_timeout_seconds
        with suppress(LedgerError):
            self.ledger.append(events, deadline=deadline)
