"""Reports what happened under each allowed call: a bounded queue, flushed when the run ends.

A call is only asked for when there is room to report it, so that a report never has to be
dropped for want of space. Reports repeat safely: the same body gets the same answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from autogen_counterfoil.canonical import canonical
from autogen_counterfoil.errors import CredentialError, NoDecisionError

ROOM = 256
"""Calls running or unreported at once in one run."""
SENDERS = 4
EXCERPT = 1024  # characters
PAUSE_SECONDS = (0.1, 0.3, 1.0, 2.0)
MAX_TRIES = 8
SHOWN = 10  # lost reports that are logged one by one; the rest is counted
FINAL = frozenset(
    {
        "request.not_found", "request.schema", "request.outcome_conflict",
        "request.outcome_not_expected",
    }
)  # fmt: skip
log = logging.getLogger("autogen_counterfoil")


class OutcomeStatus(StrEnum):
    """How an allowed call ended."""

    OK = "ok"
    ERROR = "error"
    CANCELLED_UNKNOWN = "cancelled_unknown"
    NOT_EXECUTED = "not_executed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One report, ready to send."""

    decision_id: str
    agent: str | None
    status: OutcomeStatus
    body: bytes


def outcome(decision_id: str, status: OutcomeStatus, text: str, *, agent: str | None) -> Outcome:
    """Make the report of a response's text."""
    whole = text.encode("utf-8", "backslashreplace")
    sha256 = urlsafe_b64encode(hashlib.sha256(whole).digest()).rstrip(b"=").decode("ascii")
    excerpt = whole.decode("utf-8")[:EXCERPT]
    body = canonical(
        {"status": status.value, "excerpt": excerpt, "length": len(whole), "sha256": sha256}
    )
    return Outcome(decision_id=decision_id, agent=agent, status=status, body=body)


def not_run(decision_id: str, *, agent: str | None, why: str = "") -> Outcome:
    """Make the report of an allowed call that was never started."""
    text = f"NOT RUN: {why or 'the run was cancelled before it started'}"
    return outcome(decision_id, OutcomeStatus.NOT_EXECUTED, text, agent=agent)


Send = Callable[[Outcome], Awaitable[None]]


class Outbox:
    """The reports of one run. Belongs to the event loop that made it."""

    def __init__(self, send: Send, *, room: int = ROOM) -> None:
        self._send = send
        self._room = asyncio.Semaphore(room)
        self._waiting: asyncio.Queue[Outcome] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []
        self._closed = False
        self.sent = 0
        self.lost = 0

    async def reserve(self, *, within_seconds: float) -> None:
        """Wait for room to report one more call.

        Raises:
            TimeoutError: there is none in time.
        """
        async with asyncio.timeout(within_seconds):
            await self._room.acquire()

    def release(self) -> None:
        """Give the room back: this call has nothing to report."""
        self._room.release()

    def put(self, report: Outcome) -> None:
        """Queue a report in reserved room; never waits."""
        if self._closed:
            self._lose(report, "the run has ended")
            return
        self._waiting.put_nowait(report)
        if len(self._senders) < SENDERS:
            self._senders.append(asyncio.create_task(self._work()))

    async def flush(self, *, within_seconds: float) -> None:
        """Send what is queued, within the time, and stop. What is left counts as lost."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._waiting.join()
        except TimeoutError:
            pass
        finally:
            self._closed = True
            for sender in self._senders:
                sender.cancel()
            await asyncio.gather(*self._senders, return_exceptions=True)
            self._senders.clear()
            while not self._waiting.empty():
                self._lose(self._waiting.get_nowait(), "the run ended")
            if self.lost > SHOWN:
                log.error("%d outcomes in all were not recorded", self.lost)

    async def _work(self) -> None:
        while True:
            report = await self._waiting.get()
            try:
                await self._deliver(report)
            except asyncio.CancelledError:
                self._lose(report, "the run ended")
                raise
            except Exception as error:  # noqa: BLE001 -- one bad report must not stop the rest
                self._lose(report, type(error).__name__)
            finally:
                self._room.release()
                self._waiting.task_done()

    async def _deliver(self, report: Outcome) -> None:
        tries = 0
        while True:
            try:
                await self._send(report)
            except (CredentialError, NoDecisionError) as error:
                tries += 1
                if not _worth_another(error, tries):
                    return self._lose(report, str(error))
                await asyncio.sleep(PAUSE_SECONDS[min(tries, len(PAUSE_SECONDS)) - 1])
            else:
                self.sent += 1
                return None

    def _lose(self, report: Outcome, why: str) -> None:
        self.lost += 1
        if self.lost > SHOWN:
            return
        log.error(
            "outcome %s of %s was not recorded: %s", report.status.value, report.decision_id, why
        )


def _worth_another(error: CredentialError | NoDecisionError, tries: int) -> bool:
    """Whether to send again: repeats are harmless, a lost report is not.

    An outage is waited out until the run's end. What may pass (a token being renewed, a
    proxy's own answer) gets a few tries; what the service itself says for good gets none.
    """
    if isinstance(error, NoDecisionError):
        if error.retryable:
            return True
        if error.reason_code in FINAL:
            return False
    return tries < MAX_TRIES
