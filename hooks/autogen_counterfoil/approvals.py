"""Waiting for a person: one wait per call, so siblings go on.

Only the id travels back to the service. What was approved is decided there, by the digest;
an approval that comes after this wait ended runs nothing, because nobody asks with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from autogen_counterfoil.cancel import Cancel, CancelledRunError
from autogen_counterfoil.errors import Again, CredentialError, NoDecisionError
from autogen_counterfoil.refusal import Refusal, refused
from autogen_counterfoil.session import Session
from autogen_counterfoil.wire import Action, Answer, Approval

log = logging.getLogger("autogen_counterfoil")
PENDING, APPROVED = "pending", "approved"
LONG_POLL_SECONDS = 20  # one request waits this long at the service
PAUSES_SECONDS = (0.1, 0.3, 1.0, 2.0, 5.0)  # between requests that brought no change
WITHDRAW_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingApproval:
    """What a person is asked for, given to `Guard(on_approval=…)`."""

    id: str
    url: str | None
    expires_at: str | None
    decision_id: str
    action_digest: str
    action_name: str
    agent: str | None


OnApproval = Callable[[PendingApproval], None]


class ApprovalWait:
    """The wait of one call."""

    def __init__(self, session: Session, action: Action, cancel: Cancel) -> None:
        self._session = session
        self._action = action
        self._cancel = cancel

    async def until_answered(
        self, answer: Answer, *, at_most_seconds: float, tell: OnApproval | None
    ) -> str | Refusal:
        """Return the id of an approved approval, or why there is none.

        Raises:
            CancelledRunError: the run was cancelled; the approval is withdrawn.
            NoDecisionError: the answer brought no approval to wait for.
        """
        approval = answer.approval
        if approval is None:
            return _no_approval(answer)
        self._announce(answer, approval, tell)
        end = time.monotonic() + min(at_most_seconds, _seconds_left(approval))
        try:
            approval = await self._poll(approval, end)
        except (CancelledRunError, asyncio.CancelledError):
            await asyncio.shield(self._withdraw(approval.id))
            raise
        if approval.status == APPROVED:
            return approval.id
        if approval.status == PENDING:
            await self._withdraw(approval.id)
        return _not_approved(approval, answer)

    async def _poll(self, approval: Approval, end: float) -> Approval:
        calm = 0
        while approval.status == PENDING and (left := end - time.monotonic()) > 0:
            began = time.monotonic()
            wait = max(1, int(min(LONG_POLL_SECONDS, left)))
            try:
                state = await self._cancel.race(self._state(approval.id, wait, left + 1))
            except (CredentialError, NoDecisionError, TimeoutError) as error:
                log.info("approval %s cannot be read now: %s", approval.id, error)
            else:
                if state.id == approval.id:
                    approval = state
            if approval.status == PENDING and time.monotonic() - began < wait / 2:
                pause = PAUSES_SECONDS[min(calm, len(PAUSES_SECONDS) - 1)]
                calm += 1
                await self._cancel.sleep(min(pause, max(0.0, end - time.monotonic())))
        return approval

    async def _state(self, approval_id: str, wait: int, within_seconds: float) -> Approval:
        async with asyncio.timeout(within_seconds):
            # a person may take longer than a token lives
            token = await self._session.token(self._action.agent)
            return await self._session.approval(approval_id, token, wait_seconds=wait)

    async def _withdraw(self, approval_id: str) -> None:
        try:
            async with asyncio.timeout(WITHDRAW_SECONDS):
                token = await self._session.token(self._action.agent)
                await self._session.withdraw(approval_id, token)
        except (CredentialError, NoDecisionError, TimeoutError, ValueError) as error:
            # it expires by itself, and nothing will ask with it
            log.warning("approval %s could not be withdrawn: %s", approval_id, error)

    def _announce(self, answer: Answer, approval: Approval, tell: OnApproval | None) -> None:
        pending = PendingApproval(
            id=approval.id,
            url=approval.url,
            expires_at=approval.expires_at,
            decision_id=answer.decision_id,
            action_digest=answer.action_digest,
            action_name=self._action.name,
            agent=self._action.agent,
        )
        log.warning("waiting for approval %s: %s", approval.id, approval.url or "")
        if tell is not None:
            try:
                tell(pending)
            except Exception:
                log.exception("on_approval failed")


def _seconds_left(approval: Approval) -> float:
    if approval.expires_at is None:
        return float("inf")
    try:
        expires = datetime.fromisoformat(approval.expires_at).timestamp()
    except ValueError:
        return 0.0
    return expires - time.time()  # noqa: TID251 -- an RFC 3339 time is on the wall clock


def _no_approval(answer: Answer) -> Refusal:
    return Refusal(
        headline="a person must approve this action, and nobody can be asked from here.",
        reasons=answer.reasons,
        again=Again.WITH_APPROVAL,
        decision_id=answer.decision_id,
    )


def _not_approved(approval: Approval, answer: Answer) -> Refusal:
    said = f": {approval.comment[:500]}" if approval.comment else ""
    if approval.status == PENDING:
        return refused(
            "approval.not_answered",
            "Nobody answered the request for approval in time",
            solution="Go on without this action, or ask a person to be at hand.",
            again=Again.WITH_APPROVAL,
            decision_id=answer.decision_id,
        )
    return refused(
        "approval.not_approved",
        f"A person did not approve this action ({approval.status}){said}",
        solution="Do not ask for the same again. Propose something else, or stop.",
        again=Again.NEVER_SAME,
        decision_id=answer.decision_id,
    )
