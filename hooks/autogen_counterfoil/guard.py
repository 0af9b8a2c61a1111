"""From a call to a permit or a refusal, for every framework alike.

Each number recurs beside the code that does it:

1. The session of the call. None: refuse.
2. Room to report the outcome. None in time: refuse.
3. The token of the agent. None that names an actor: refuse.
4. The question, with an id of the hook's own.
5. Needs approval: wait for a person, then ask the same again. Never twice.
6. Hold the answer to this action.
7. What runs: exactly the arguments that were judged.

Every failure is a refusal. Observe mode is the one exception, within what the service says.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from autogen_core.code_executor import CodeExecutor

from autogen_counterfoil import refusal
from autogen_counterfoil.approvals import ApprovalWait, OnApproval
from autogen_counterfoil.cancel import Cancel, CancelledRunError
from autogen_counterfoil.canonical import canonical
from autogen_counterfoil.client import AsyncClient
from autogen_counterfoil.credentials import DelegationToken, TokenBook, Tokens
from autogen_counterfoil.dpop import DPoPKey
from autogen_counterfoil.errors import (
    Again,
    AnswerNotTrustedError,
    CredentialError,
    CredentialRejectedError,
    NoDecisionError,
)
from autogen_counterfoil.grant import Grant, Issuers, grant_of, hold_to_action
from autogen_counterfoil.obligations import BY_TOOLS, MAX_ROWS
from autogen_counterfoil.refusal import Refusal
from autogen_counterfoil.session import Session
from autogen_counterfoil.sessions import Sessions
from autogen_counterfoil.wire import Action, Answer, Effect, Enforcement
from autogen_counterfoil.withheld import withhold_secrets

log = logging.getLogger("autogen_counterfoil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A call may run, with exactly these arguments.

    `decision_id` is None where observe mode runs a call that nobody could be asked about.
    """

    session: Session
    action: Action
    arguments: bytes
    decision_id: str | None
    grant: Grant | None


class Guard:
    """Asks one Counterfoil service about every action.

    Args:
        url: the service, `https://…` or loopback.
        mode: `observe` runs a refused call where the *service* says that it only observes
            the tool; it can never run one that the service enforces.
        deadline_seconds: the most a question may take, retries included.
        approval_wait_seconds: the most a call waits for a person.
        flush_seconds: the most the end of a run waits for outcome reports.
        on_approval: called with what a person is asked for, once per wait.
        honours: names of tools that hold to `current_grant().max_rows`, that follow no
            redirect, and that open files by `Root.open` or like it. Any other tool is
            refused where an allow asks for it.
        sandboxes: classes of code executors that run code in a sandbox, beside AutoGen's own
            Docker and Azure ones. It is your word, for exactly these classes.
        insecure_http: allow plain HTTP to another machine, which shows it the token.
        tls: trust and client certificate for https, at the service and at issuers.
    """

    def __init__(
        self,
        url: str,
        *,
        mode: Literal["enforce", "observe"] = "enforce",
        deadline_seconds: float = 5.0,
        approval_wait_seconds: float = 900.0,
        flush_seconds: float = 10.0,
        on_approval: OnApproval | None = None,
        honours: Collection[str] = (),
        sandboxes: Collection[type[CodeExecutor]] = (),
        insecure_http: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if mode not in {"enforce", "observe"}:
            raise ValueError(f"mode is enforce or observe, not {mode!r}")
        withhold_secrets()
        self.sessions = Sessions()
        self._client = AsyncClient(url, insecure_http=insecure_http, tls=tls)
        self._issuers = Issuers(tls=tls, insecure_http=insecure_http)
        self._observing = mode == "observe"
        self._deadline_seconds = deadline_seconds
        self._approval_wait_seconds = approval_wait_seconds
        self._flush_seconds = flush_seconds
        self._on_approval = on_approval
        self._honours = frozenset(honours)
        self.sandboxes = frozenset(sandboxes)
        self._open_on: dict[asyncio.AbstractEventLoop, int] = {}
        self._enforced: set[str] = set()  # tools that the service has said it enforces

    @asynccontextmanager
    async def session(
        self,
        *,
        token: Tokens = None,
        key: DPoPKey | None = None,
        task: str | None = None,
        teams: Iterable[str] = (),
    ) -> AsyncIterator[Session]:
        """Open a run: calls inside are asked for with `token`; leaving reports what is left.

        With `key`, every token must be bound to it, and every call carries a proof of it.

        Raises:
            CredentialError: no delegation token can be had, so nothing should start.
        """
        book = TokenBook(token, key)
        session = Session(self._client, book, task=task, deadline_seconds=self._deadline_seconds)
        await book.check()
        loop = asyncio.get_running_loop()
        self._open_on[loop] = self._open_on.get(loop, 0) + 1
        self.sessions.open(session, teams)
        try:
            yield session
        finally:
            self.sessions.close(session)
            await session.finish(within_seconds=self._flush_seconds)
            await self._left(loop)

    async def _left(self, loop: asyncio.AbstractEventLoop) -> None:
        self._open_on[loop] -= 1
        if not self._open_on[loop]:
            del self._open_on[loop]
            await self._client.close()

    async def decide(
        self,
        *,
        name: str,
        arguments: bytes,
        agent: str | None,
        call_id: str | None,
        team_id: str | None,
        cancel: Cancel,
        keeps: frozenset[str] = frozenset(),
    ) -> Permit | Refusal:
        """Return a permit for one call, or why it may not run. Never raises an error.

        `keeps` are the obligations that whoever runs the call keeps by itself.

        Raises:
            asyncio.CancelledError: the waiting task was cancelled; nothing may run.
        """
        session = self.sessions.find(team_id)  # 1
        if session is None:
            return _no_session()
        action = Action(
            id=uuid.uuid4().hex,  # noqa: TID251 -- the hook is the outer edge
            name=name,
            arguments=arguments,
            agent=agent,
            call_id=call_id,
        )
        try:
            return await self._with_room(session, action, cancel, keeps)
        except CancelledRunError:
            return refusal.cancelled()

    async def _with_room(
        self, session: Session, action: Action, cancel: Cancel, keeps: frozenset[str]
    ) -> Permit | Refusal:
        try:
            await cancel.race(session.outbox.reserve(within_seconds=self._deadline_seconds))  # 2
        except TimeoutError:
            return refusal.refused(
                "hook.outcomes_undelivered",
                "Too many earlier outcomes could not be reported",
                solution="Wait; if it lasts, tell the operator of the service.",
                again=Again.LATER,
            )
        kept = False
        try:
            verdict = await self._decided(session, action, cancel, keeps)
            permitted = isinstance(verdict, Permit) and verdict.decision_id is not None
            kept = permitted or session.abandoned(action)
        except (asyncio.CancelledError, CancelledRunError):
            kept = session.abandoned(action)
            raise
        finally:
            if not kept:
                session.outbox.release()
        if isinstance(verdict, Refusal):
            session.tally.refused += 1
        return verdict

    async def _decided(
        self, session: Session, action: Action, cancel: Cancel, keeps: frozenset[str]
    ) -> Permit | Refusal:
        try:
            token = await cancel.race(session.token(action.agent))  # 3
            answer = await session.carried(  # 4
                action,
                token,
                partial(self._ask, session, action, token),
                cancel,
                closes=not self._observing,
            )
            self._remember(action.name, answer)
            if answer.effect is Effect.NEEDS_APPROVAL and not self._observes(answer):  # 5
                wait = ApprovalWait(session, action, cancel)
                approved = await wait.until_answered(
                    answer, at_most_seconds=self._approval_wait_seconds, tell=self._on_approval
                )
                if isinstance(approved, Refusal):
                    return approved
                token = await cancel.race(session.token(action.agent))
                again = partial(session.ask, action, token, approval_id=approved)
                asked_for = answer.action_digest
                answer = await session.carried(action, token, again, cancel)
                if answer.action_digest != asked_for:
                    raise AnswerNotTrustedError("it is not for the action that was approved")
            return self._permit(session, action, token, answer, keeps)
        except CancelledRunError:
            raise
        except CredentialError as error:
            return self._undecided(session, action, CredentialRejectedError(str(error)))
        except NoDecisionError as error:
            return self._undecided(session, action, error)
        except Exception as error:
            # never raise into the framework: it would hang or crash the run
            log.exception("the guard failed; the call is refused")
            return refusal.from_error(AnswerNotTrustedError(type(error).__name__))

    async def _ask(self, session: Session, action: Action, token: DelegationToken) -> Answer:
        """Ask; once more with another token if this one was rejected and has been renewed."""
        try:
            return await session.ask(action, token)
        except CredentialRejectedError:
            renewed = await session.token(action.agent)
            if renewed.value == token.value:
                raise
            return await session.ask(action, renewed)

    def _permit(
        self,
        session: Session,
        action: Action,
        token: DelegationToken,
        answer: Answer,
        keeps: frozenset[str],
    ) -> Permit | Refusal:
        observed = self._observes(answer)
        if answer.effect is Effect.ALLOW:
            judged = action.arguments if answer.execute is None else canonical(answer.execute)
            hold_to_action(answer, action, token, judged)  # 6
            unmet = answer.obligations - keeps - self._kept(action.name)
            if unmet and not observed:
                return _not_kept(answer, unmet)
            session.tally.allowed += 1
            return Permit(
                session=session,
                action=action,
                arguments=action.arguments if observed else judged,  # 7
                decision_id=answer.decision_id,
                grant=grant_of(answer, token, self._issuers),
            )
        if observed:
            session.tally.observed += 1
            return Permit(
                session=session,
                action=action,
                arguments=action.arguments,
                decision_id=answer.decision_id,
                grant=None,
            )
        denied = refusal.by_policy(answer.reasons, decision_id=answer.decision_id)
        if answer.effect is Effect.NEEDS_APPROVAL:  # after an approval: it was not taken
            return replace(denied, headline="the approval did not cover this action.")
        return denied

    def _kept(self, name: str) -> frozenset[str]:
        return BY_TOOLS if name in self._honours else frozenset()

    def _observes(self, answer: Answer) -> bool:
        return self._observing and answer.enforcement is Enforcement.OBSERVE

    def _remember(self, name: str, answer: Answer) -> None:
        if answer.enforcement is Enforcement.ENFORCE:
            self._enforced.add(name)
        else:
            self._enforced.discard(name)

    def _undecided(
        self, session: Session, action: Action, error: NoDecisionError
    ) -> Permit | Refusal:
        """Refuse; in observe mode run a call whose service is out of reach, and count it.

        A tool that the service has said it enforces stays enforced: taking the service
        away must not widen anything.
        """
        if not (self._observing and error.unreached) or action.name in self._enforced:
            return refusal.from_error(error)
        session.ran_unrecorded()
        return Permit(
            session=session,
            action=action,
            arguments=action.arguments,
            decision_id=None,
            grant=None,
        )


def _not_kept(answer: Answer, unmet: frozenset[str]) -> Refusal:
    if answer.max_rows is not None and MAX_ROWS in unmet:
        return refusal.not_bound(answer.max_rows, decision_id=answer.decision_id)
    return refusal.not_kept(min(unmet), decision_id=answer.decision_id)


def _no_session() -> Refusal:
    return refusal.refused(
        "hook.no_session",
        "No authorized run is open",
        solution="The person must start the team with autogen_counterfoil.run(guard, team, …).",
        again=Again.NOT_IN_THIS_RUN,
    )
