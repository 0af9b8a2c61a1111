"""Ends every credential in time, whatever happened: at its deadline, an outcome, a revocation.

One thread looks at what is due, sleeps until something is, and leaves the work to a few
others. What does not work is tried again, for ever, ever less often up to
`MAX_RETRY_SECONDS`; what has ended is reported, also long after, when the service is back.

At a start the sweeper (`sweep`) has everything ended that another life left: rows that are not
closed, and credentials at the target that have no row (of a state file that was lost).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil_issuers.contract import Target, TargetError
from counterfoil_issuers.issuing import InFlight
from counterfoil_issuers.service_client import Declined, NoAnswer, ServiceClient
from counterfoil_issuers.state import Row, State, StateError

WORKERS: Final = 4
FIRST_RETRY_SECONDS: Final = 0.25
MAX_RETRY_SECONDS: Final = 30.0
NAMELESS_RETRY_SECONDS: Final = 5.0
LONGEST_SLEEP_SECONDS: Final = 2.0  # the wall clock may be set; deadlines are by it
_FORGET_EVERY_SECONDS: Final = 3_600.0
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Ender:
    """Owns the end of all credentials of one issuer."""

    target: Target
    service: ServiceClient
    state: State
    in_flight: InFlight
    clock: Callable[[], float]
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _woken: bool = False  # guarded by _changed, like the next two
    _stopping: bool = False
    _working: set[str] = field(default_factory=set)
    _forgot_at: float = 0.0
    _nameless: dict[str, float] = field(default_factory=dict)  # name → when to try again

    def wake(self) -> None:
        """There may be something to do."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def sweep(self) -> None:
        """End what another life of this issuer has left; once, before anything is issued.

        Raises:
            TargetError: what is at the target cannot be told.
            StateError: the state cannot be read.
        """
        now = self.clock()
        left = self.state.unfinished()
        self.state.end_all([(row.job.jti, "swept") for row in left], at=now)
        self.wake()
        for name in sorted(set(self.target.names()) - self.state.open_names()):
            self._end_nameless(name, now)

    def _end_nameless(self, name: str, now: float) -> None:
        about: dict[str, Any] = {"credential": name}
        try:
            done = self.target.end_name(name)
        except TargetError as error:
            _log.error("without a row, and not ended, tried again: %s", error, extra=about)
            self._nameless[name] = now + NAMELESS_RETRY_SECONDS
            return
        self._nameless.pop(name, None)
        about["findings"] = _findings(done.findings)
        _log.warning("a credential without a row is ended", extra=about)

    def end_all(self) -> None:
        """Have everything that lives ended now: nobody will be there to do it later."""
        rows = self.state.unfinished()
        self.state.end_all([(row.job.jti, "swept") for row in rows], at=self.clock())
        self.wake()

    def alive(self) -> bool:
        """Whether something is still to be ended."""
        return bool(self.state.unfinished())

    def run(self) -> None:
        """Work until `stop`."""
        with ThreadPoolExecutor(WORKERS, "ender") as workers:
            while not self._stopping:
                try:
                    now = self.clock()
                    self._hand_out(workers, now)
                    self._sleep(now)
                except StateError as error:
                    _log.error("the state cannot be read: %s", error)
                    self._pause(FIRST_RETRY_SECONDS)

    def stop(self) -> None:
        """Have `run` return."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _hand_out(self, workers: ThreadPoolExecutor, now: float) -> None:
        for row in self.state.due(now):
            # One that is being issued ends when that is over: nothing may be made after its end.
            if row.job.jti not in self.in_flight and self._claim(row):
                workers.submit(self._freely, self._end, row)
        for row in self.state.unreported(now):
            if self._claim(row):
                workers.submit(self._freely, self._report, row)
        for name in [name for name, at in self._nameless.items() if at <= now]:
            self._end_nameless(name, now)
        if now - self._forgot_at > _FORGET_EVERY_SECONDS:
            self._forgot_at = now
            self.state.forget(now)

    def _claim(self, row: Row) -> bool:
        with self._changed:
            if row.job.jti in self._working:
                return False
            self._working.add(row.job.jti)
            return True

    def _freely(self, work: Callable[[Row], None], row: Row) -> None:
        try:
            work(row)
        except StateError as error:  # the row stays due
            _log.error("the state cannot be written: %s", error)
            self._pause(FIRST_RETRY_SECONDS)
        finally:
            with self._changed:
                self._working.discard(row.job.jti)
            self.wake()

    def _end(self, row: Row) -> None:
        job = row.job
        try:
            done = self.target.end(job)
        except TargetError as error:
            _log.error("not ended, tried again: %s", error, extra=_about(row))
            self._later(row)
            return
        self.state.ended(job.jti, done)
        _log.info("ended", extra={**_about(row), "findings": _findings(done.findings)})

    def _report(self, row: Row) -> None:
        body = {
            "jti": row.job.jti,
            "credential": row.job.name,
            "status": "ended",
            "cause": row.cause or "deadline",
            **(row.report or {}),
        }
        try:
            self.service.report(row.job.decision_id, body)
        except Declined as error:
            # Never redeemed (its answer was lost, or it refused), or recorded before.
            _log.warning("the service does not record the end: %s", error, extra=_about(row))
        except NoAnswer as error:
            _log.warning("the end is reported later: %s", error, extra=_about(row))
            self._later(row)
            return
        self.state.closed(row.job.jti)

    def _later(self, row: Row) -> None:
        wait = min(FIRST_RETRY_SECONDS * 2 ** min(row.attempts, 16), MAX_RETRY_SECONDS)
        self.state.later(row.job.jti, at=self.clock() + wait)

    def _sleep(self, now: float) -> None:
        # What is overdue was handed out, or is being issued: either wakes us when it is over.
        next_at = self.state.next_after(now)
        wait = LONGEST_SLEEP_SECONDS
        if next_at is not None:
            wait = min(max(next_at - self.clock(), 0.0), wait)
        with self._changed:
            if not self._woken and not self._stopping:
                self._changed.wait(wait)
            self._woken = False

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)


def _about(row: Row) -> Mapping[str, Any]:
    return {"credential": row.job.name, "decision": row.job.decision_id, "cause": row.cause}


def _findings(findings: Any) -> list[str]:
    return [f"{one.code} {one.object}" for one in findings]
