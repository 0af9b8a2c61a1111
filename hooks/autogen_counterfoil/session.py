"""One run: whose token, which task, and what has been asked and reported in it."""

from __future__ import annotations

import asyncio
import logging
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from autogen_counterfoil.cancel import Cancel, CancelledRunError
from autogen_counterfoil.canonical import JsonObject, canonical
from autogen_counterfoil.client import AsyncClient
from autogen_counterfoil.credentials import DelegationToken, TokenBook
from autogen_counterfoil.errors import (
    AnswerNotTrustedError,
    CredentialRejectedError,
    NoDecisionError,
)
from autogen_counterfoil.exchange import Exchange
from autogen_counterfoil.outcomes import Outbox, Outcome, not_run
from autogen_counterfoil.wire import (
    Action,
    Answer,
    Approval,
    Effect,
    read_answer,
    read_approval,
    read_json,
    request_body,
)

log = logging.getLogger("autogen_counterfoil")
UNRECORDED_HEADER = "Counterfoil-Unrecorded"
CLOSING_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Between questions about a call that did not run: until a restart is over."""
RECEIPT_HEADER = "Counterfoil-Last-Receipt"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What happened in a run, in numbers."""

    asked: int = 0
    allowed: int = 0
    refused: int = 0
    observed: int = 0  # ran although not allowed, because the service only observes
    unrecorded: int = 0  # ran in observe mode without any answer


class Session:
    """The state of one run. Not shared between event loops."""

    def __init__(
        self, client: AsyncClient, book: TokenBook, *, task: str | None, deadline_seconds: float
    ) -> None:
        self.tally = Tally()
        self.outbox = Outbox(self._report)
        self.task = task
        self.closed = False
        self._client = client
        self._book = book
        self._deadline_seconds = deadline_seconds
        self._last_receipt: JsonObject | None = None
        self._unreported = 0
        self._carried: dict[str, asyncio.Task[None]] = {}

    async def token(self, agent: str | None) -> DelegationToken:
        """Return the token an agent acts with now.

        Raises:
            CredentialError: there is none that names an actor.
        """
        return await self._book.token(agent)

    async def ask(
        self, action: Action, token: DelegationToken, *, approval_id: str | None = None
    ) -> Answer:
        """Ask for a decision on one action.

        Raises:
            NoDecisionError: there is none.
            ValueError: the texts cannot be written as Unicode.
        """
        opened = token.opens_with_prompt
        body = request_body(
            action,
            prompt=None if opened else self.task,
            task=self.task if opened else None,
            approval_id=approval_id,
        )
        self.tally.asked += 1
        reported = self._unreported
        key = action.id if approval_id is None else f"{action.id}.approved"
        exchange = Exchange(
            method="POST",
            path="/authorize",
            token=token,
            body=body,
            idempotency_key=key,
            headers=self._headers(),
        )
        answer = read_answer(await self._send(exchange))
        self._unreported -= reported
        self._last_receipt = answer.receipt or self._last_receipt
        return answer

    async def approval(
        self, approval_id: str, token: DelegationToken, *, wait_seconds: int
    ) -> Approval:
        """Return the state of an approval, waiting at the service for a change.

        Raises:
            NoDecisionError: it cannot be had.
        """
        exchange = Exchange(
            method="GET",
            path=f"/approvals/{_segment(approval_id)}?wait={wait_seconds}",
            token=token,
            waits=True,
        )
        return read_approval(await self._send(exchange, extra_seconds=wait_seconds))

    async def withdraw(self, approval_id: str, token: DelegationToken) -> None:
        """Withdraw a pending approval.

        Raises:
            NoDecisionError: the service did not take it.
        """
        path = f"/approvals/{_segment(approval_id)}/cancel"
        await self._send(Exchange(method="POST", path=path, token=token, body=b"{}"))

    async def carried(
        self,
        action: Action,
        token: DelegationToken,
        ask: Callable[[], Awaitable[Answer]],
        cancel: Cancel,
        *,
        closes: bool = True,
    ) -> Answer:
        """Return the answer, unless the run is cancelled first.

        Then the question is carried to its end in the background: if it was allowed, the
        service learns that nothing ran, and an approval it opened is withdrawn. Otherwise its
        record would end with a permission, or a person be asked for nothing. The same where
        the service may have decided and its answer did not arrive, unless `closes` is false:
        then the call may run all the same.

        Raises:
            CancelledRunError: the run was cancelled.
            NoDecisionError: there is no answer.
        """
        if cancel.is_set:
            raise CancelledRunError
        task = asyncio.ensure_future(ask())
        answered = False
        try:
            if not await cancel.first(task):
                raise CancelledRunError
            answered = True
            return task.result()
        except NoDecisionError as error:
            if error.unsure and closes:
                self._carried[action.id] = asyncio.create_task(
                    self._carry(action, token, _until_answered(ask))
                )
            raise
        finally:
            if not answered:
                asking = _to_its_end(task, ask)
                self._carried[action.id] = asyncio.create_task(self._carry(action, token, asking))

    async def _carry(
        self, action: Action, token: DelegationToken, asking: Awaitable[Answer]
    ) -> None:
        report: Outcome | None = None
        try:
            answer = await asking
            if answer.effect is Effect.ALLOW:
                why = "its run was cancelled, or its answer came too late"
                report = not_run(answer.decision_id, agent=action.agent, why=why)
            elif answer.approval is not None:
                await self.withdraw(answer.approval.id, token)
        except Exception as error:  # noqa: BLE001 -- no answer, nothing to report
            log.info("a call that did not run got no answer: %s", error)
        finally:
            if report is None:
                self.outbox.release()
            else:
                self.outbox.put(report)
            self._carried.pop(action.id, None)

    def abandoned(self, action: Action) -> bool:
        """Whether a call's question is still carried in the background, with its room to report."""
        return action.id in self._carried

    async def finish(self, *, within_seconds: float) -> None:
        """Send every report, within the time. What is left counts as lost."""
        end = asyncio.get_running_loop().time() + within_seconds
        if self._carried:
            # the senders work meanwhile; half of the time is theirs alone
            _, late = await asyncio.wait(list(self._carried.values()), timeout=within_seconds / 2)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        left = end - asyncio.get_running_loop().time()
        await self.outbox.flush(within_seconds=max(0.0, left))

    def ran_unrecorded(self) -> None:
        """Count a call that observe mode ran without an answer; warn once per run."""
        self._unreported += 1
        self.tally.unrecorded += 1
        if self.tally.unrecorded == 1:
            log.warning("observe: calls run unrecorded, because the service cannot be asked")

    async def _report(self, report: Outcome) -> None:
        """Send one outcome. A rejected token is asked for anew once: it may be renewed."""
        for last in (False, True):
            token = await self.token(report.agent)
            path = f"/decisions/{_segment(report.decision_id)}/outcome"
            exchange = Exchange(method="POST", path=path, token=token, body=report.body)
            try:
                recorded = read_json(await self._send(exchange))
                if recorded.get("decision_id") != report.decision_id:
                    raise AnswerNotTrustedError("it does not say that the outcome is recorded")
            except CredentialRejectedError:
                if last or (await self.token(report.agent)).value == token.value:
                    raise
            else:
                return

    async def _send(self, exchange: Exchange, *, extra_seconds: float = 0) -> bytes:
        return await self._client.send(
            exchange, deadline_seconds=self._deadline_seconds + extra_seconds
        )

    def _headers(self) -> tuple[tuple[str, str], ...]:
        headers: list[tuple[str, str]] = []
        if self._unreported:
            headers.append((UNRECORDED_HEADER, str(self._unreported)))
        if self._last_receipt is not None:
            encoded = urlsafe_b64encode(canonical(self._last_receipt)).rstrip(b"=")
            headers.append((RECEIPT_HEADER, encoded.decode("ascii")))
        return tuple(headers)


async def _until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask again, by the same key, while the service is out of reach.

    Raises:
        NoDecisionError: there is no answer.
    """
    for pause in CLOSING_PAUSES_SECONDS:
        await asyncio.sleep(pause)
        try:
            return await ask()
        except NoDecisionError as error:
            if not error.retryable:
                raise
    return await ask()


async def _to_its_end(asking: Awaitable[Answer], ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Wait for a question that was put already, and put it again where its answer was lost.

    Raises:
        NoDecisionError: there is no answer.
    """
    try:
        return await asking
    except NoDecisionError as error:
        if not error.unsure:
            raise
    return await _until_answered(ask)


def _segment(identifier: str) -> str:
    """Hold an id to what fits one path segment: it came over the network.

    Raises:
        CredentialRejectedError: never; ValueError for an id that is not one.
    """
    if not identifier.replace("_", "").replace("-", "").isalnum() or not identifier.isascii():
        raise ValueError("not an id of the service")
    return identifier
