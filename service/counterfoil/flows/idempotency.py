"""`Idempotency-Key` on the main path (draft-ietf-httpapi-idempotency-key-header).

A key belongs to one caller in one run (tenant, subject, actor, run, the run's prompt) and one
body. Its row commits in the event's own transaction, so an acknowledged decision and its
stored answer are one fact.
A stored grant is never replayed after it expired: the request is evaluated anew. Nor is one
replayed after it was revoked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.model import AuthorizationRequest, Caller, Grant, JsonValue, Receipt
from counterfoil.core.response import Draft, finished
from counterfoil.core.revocation import Standing, read_standing
from counterfoil.errors import GrantRevoked, LedgerUnavailable
from counterfoil.ports import Event, Ledger, Once
from counterfoil.ports_tokens import Revocations

KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A claimed key, from the first look to the stored answer."""

    tenant: str
    once: Once
    now: float
    standing: Standing

    @classmethod
    def of(
        cls,
        caller: Caller,
        key: str | None,
        requests: Sequence[AuthorizationRequest],
        *,
        batch: bool,
        now: float,
    ) -> Idempotency | None:
        """Scope a key to its caller and run; None where the request has no key.

        The prompt that opened a run is not in the body, and policy may have denied another's.
        Bodies are compared in canonical form, where integers are exact: RFC 8785 would
        make 2^60 and 2^60+1 one body.
        """
        if key is None:
            return None
        actor = caller.actor
        scope: JsonValue = [
            "idempotency",
            caller.tenant,
            caller.subject.issuer,
            caller.subject.sub,
            actor.issuer if actor else None,
            actor.sub if actor else None,
            caller.run_id,
            caller.prompt_digest,
            key,
        ]
        body: JsonValue = [batch, *(asdict(request) for request in requests)]
        once = Once(
            scope=canonical_bytes(scope).decode(),
            body_digest=digest(canonical_bytes(body, floats=True)),
            answer=b"",
            expires_at=now + KEPT_SECONDS,
        )
        standing = Standing.of_caller(caller)
        return cls(tenant=caller.tenant, once=once, now=now, standing=standing)

    def earlier_answer(
        self, ledger: Ledger, revocations: Revocations, *, deadline: float
    ) -> Draft | None:
        """The stored answer of an equal request, or None with the key now claimed.

        Raises:
            IdempotencyConflict: the key stands for another body.
            IdempotencyInProgress: the first request is still running.
            GrantRevoked: the answer holds a grant that was revoked since.
        """
        stored = ledger.reserve(self.once, deadline=deadline)
        return None if stored is None else self.replay(stored, ledger, revocations)

    def bind(
        self,
        events: Sequence[Event],
        drafts: Sequence[Draft],
        grants: Sequence[Grant | None],
        *,
        batch: bool,
    ) -> list[Event]:
        """Attach the answer to the first of the events that make it durable.

        All of them carry the promise, so that of a batch that was decided twice (a claim
        can end before its slow caller does) not one event is recorded twice.
        """
        expires = min([self.once.expires_at, *(g.expires_at for g in grants if g is not None)])
        # Not canonical bytes: a repetition gets the members in the order of the first answer.
        value = {"batch": batch, "drafts": list(drafts), "standing": self.standing.json()}
        stored = json.dumps(value, separators=(",", ":"))
        first = replace(self.once, answer=stored.encode(), expires_at=expires)
        promises = [
            replace(first, scope=f"{first.scope}#{index}", answer=b"") if index else first
            for index in range(len(events))
        ]
        return [
            replace(event, once=promise) for event, promise in zip(events, promises, strict=True)
        ]

    def replay(self, stored: bytes, ledger: Ledger, revocations: Revocations) -> Draft:
        """The earlier answer with its receipts, which the ledger holds.

        Raises:
            GrantRevoked: it holds a grant, and the run, person, agent or token that it was
                given to was revoked since; whoever asks now may be newer than that.
        """
        value = json.loads(stored)
        drafts: list[Draft] = value["drafts"]
        granting = any("scoped_token_request" in draft for draft in drafts)
        if granting and revocations.covers(read_standing(value["standing"])):
            raise GrantRevoked
        receipts = [self._receipt(ledger, str(draft["decision_id"])) for draft in drafts]
        return finished(drafts, receipts, batch=bool(value["batch"]))

    def release(self, ledger: Ledger) -> None:
        """Give the key back after a failure, so that a retry need not wait."""
        ledger.release(self.once)

    def _receipt(self, ledger: Ledger, decision_id: str) -> Receipt:
        for event in ledger.trail(self.tenant, decision_id):
            if event.kind == "decided":
                return event.receipt
        raise LedgerUnavailable("a stored answer has no record")
