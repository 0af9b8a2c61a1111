"""Approvals through AuthZEN's access request and approval profile: the same approvals.

Submitting creates nothing to answer: the denial has opened the approval already, and the
request adopts it. What the request says besides (a justification, until when) is recorded as
the agent's word, once for a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from counterfoil.core.access_request import PENDING, evaluation_of, is_about, task_json
from counterfoil.core.approval import Approval, Status
from counterfoil.core.approval_view import approval_json
from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.model import Caller, JsonObject, JsonValue
from counterfoil.errors import (
    AlreadyAnswered,
    ApprovalExpired,
    DuplicateRequest,
    ExpiredDenial,
    IdempotencyConflict,
    InvalidDenialBinding,
    InvalidTaskState,
    NotFound,
    NotRequestable,
    TaskExpired,
    UnknownTask,
)
from counterfoil.flows import approval_events as record
from counterfoil.flows.access import may_read
from counterfoil.flows.approval_reading import ApprovalReadingFlow
from counterfoil.flows.idempotency import KEPT_SECONDS
from counterfoil.ports import Event, Once, Proof

REQUESTED = "access_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequestFlow:
    """The profile's three steps, over the flow that reads approvals."""

    reading: ApprovalReadingFlow
    read_request: Callable[[bytes], JsonObject]

    def submit(
        self, *, body: bytes, key: str, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """The task of the approval that a denial opened.

        Raises:
            NotRequestable: a bundle, a callback, or a denial that no approval changes.
            InvalidDenialBinding: not a denial of this caller's, or about something else.
            ExpiredDenial: its approval has expired.
            DuplicateRequest: the key stands for another request.
            CounterfoilError: unreadable, unknown caller, or not recorded.
        """
        value, now = self.read_request(body), self.reading.clock.now()
        caller = self.reading.identity.verify(unverified_token or "", now=now, proof=proof)
        if "items" in value or "callback" in value:
            raise NotRequestable("one denial, and no callback")
        approval = self._denied(value, caller)
        if approval.status(now) is Status.EXPIRED:
            raise ExpiredDenial
        self._record(approval, value, caller, key, now=now)
        view = approval_json(approval, url=self.reading.url, now=now)
        return task_json(view, url=self.reading.url)

    def one(
        self, *, approval_id: str, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """The task as it stands.

        Raises:
            UnknownTask: none that this caller may see.
            CounterfoilError: the caller is not known, or the ledger cannot be read.
        """
        try:
            view = self.reading.one(
                approval_id=approval_id,
                wait_seconds=0,
                unverified_token=unverified_token,
                proof=proof,
            )
        except NotFound as error:
            raise UnknownTask from error
        return self._task(view)

    def cancel(
        self, *, approval_id: str, unverified_token: str | None, proof: Proof | None = None
    ) -> JsonObject:
        """Withdraw the request; only who asked can, and only what is not final.

        Raises:
            UnknownTask: none of this caller's run.
            TaskExpired, InvalidTaskState: it is final.
            CounterfoilError: the caller is not known, or it cannot be recorded.
        """
        now = self.reading.clock.now()
        caller = self.reading.identity.verify(unverified_token or "", now=now, proof=proof)
        try:
            approval = self.reading.cancel_one(approval_id, caller, now=now, again=False)
        except NotFound as error:
            raise UnknownTask from error
        except ApprovalExpired as error:
            raise TaskExpired from error
        except AlreadyAnswered as error:
            raise InvalidTaskState from error
        return self._task(approval_json(approval, url=self.reading.url, now=now))

    def _denied(self, value: JsonObject, caller: Caller) -> Approval:
        trail = self.reading.ledger.trail(caller.tenant, evaluation_of(value))
        decided = next((event for event in trail if event.kind == "decided"), None)
        if decided is None or not may_read(decided, caller):
            raise InvalidDenialBinding
        name = decided.plain.get("approval")
        if decided.plain.get("effect") != "needs_approval" or not isinstance(name, str):
            raise NotRequestable
        approval = record.load(self.reading.ledger, self.reading.states, caller.tenant, name)
        if approval is None or not approval.is_asked_by(caller):
            raise InvalidDenialBinding
        if not is_about(value, approval, caller):
            raise InvalidDenialBinding
        return approval

    def _record(
        self, approval: Approval, value: JsonObject, caller: Caller, key: str, *, now: float
    ) -> None:
        body = canonical_bytes(value, floats=True)
        run = [*(caller.tenant, *approval.asker.subject), caller.run_id]
        event = Event(
            kind=REQUESTED,
            event_id=self.reading.ids.new("evt"),
            time=now,
            tenant=caller.tenant,
            subject=approval.asker.subject,
            decision_id=approval.decision_id,
            plain={"approval": approval.id},
            payload={"access": body},
            once=Once(
                scope=json.dumps([REQUESTED, *run, key]),
                body_digest=digest(body),
                answer=approval.id.encode(),
                expires_at=now + KEPT_SECONDS,
            ),
        )
        deadline = self.reading.clock.monotonic() + self.reading.ledger_timeout_seconds
        try:
            self.reading.ledger.append([event], deadline=deadline)
        except IdempotencyConflict as error:
            raise DuplicateRequest from error

    def _task(self, view: JsonValue) -> JsonObject:
        assert isinstance(view, dict)  # noqa: S101 -- `approval_json` made it
        return task_json(view, url=self.reading.url)


def is_pending(answer: JsonObject) -> bool:
    """Whether whoever asked should come back."""
    task = answer["task"]
    return isinstance(task, dict) and task["status"] == PENDING
