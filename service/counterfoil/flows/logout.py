"""`POST /logout/backchannel`: a provider says that a session has ended, and what rests on it ends.

1. Request: a form with one `logout_token`.
2. The token, by all rules of OpenID Connect Back-Channel Logout 1.0 §2.6 (`core/logout.py`).
3. Record: what is ended, in each tenant of the provider, and each run of that session, in one
   commit and once for each `jti`. A provider whose first try was lost before that tries
   again; one that was recorded is not recorded twice.
4. Approvals that wait in what was ended are closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from counterfoil.core.canonical import canonical_bytes, digest
from counterfoil.core.logout import VerifiedLogout
from counterfoil.core.revocation import LOGOUT_SECONDS, LOGOUTS, By, Revocation
from counterfoil.errors import (
    IdempotencyConflict,
    IdentityError,
    IdentityUnavailable,
    LogoutRefused,
)
from counterfoil.flows import run_events
from counterfoil.flows.closing import Closing
from counterfoil.flows.revocation import plain_of
from counterfoil.ports import Clock, Event, Ids, Ledger, Once, States
from counterfoil.ports_tokens import LogoutTokens, Revocations


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutFlow:
    """Takes one logout of one provider."""

    clock: Clock
    ids: Ids
    read: Callable[[bytes], str]
    tokens: LogoutTokens
    revocations: Revocations
    ledger: Ledger
    states: States
    closing: Closing
    ledger_timeout_seconds: float

    def run(self, *, body: bytes) -> None:
        """Record what has ended.

        Raises:
            LogoutRefused: the token is not what a provider of ours may send, or was recorded.
            CounterfoilError: the form cannot be read, or nothing could be recorded.
        """
        unverified_token = self.read(body)  # 1
        now = self.clock.now()
        try:
            logout = self.tokens.verify_logout(unverified_token, now=now)  # 2
        except IdentityUnavailable:
            raise
        except IdentityError as error:
            raise LogoutRefused from error
        revocations = list(self._revocations(logout, now=now))
        events = list(self._events(logout, revocations, unverified_token, now=now))
        deadline = self.clock.monotonic() + self.ledger_timeout_seconds
        try:
            recorded = self.ledger.append(events, deadline=deadline)  # 3
        except IdempotencyConflict as error:
            raise LogoutRefused from error
        if recorded[0].repeated is not None:
            raise LogoutRefused
        for tenant in logout.tenants:
            self.closing.close(*(r for r in revocations if r.tenant == tenant), now=now)  # 4

    def _revocations(self, logout: VerifiedLogout, *, now: float) -> Iterator[Revocation]:
        for tenant in logout.tenants:
            if logout.subject is not None:
                yield self._revocation(tenant, By.SUBJECT, logout.subject, now=now)
            elif logout.session is not None:
                yield self._revocation(tenant, By.SESSION, (logout.session,), now=now)
                owner = run_events.owner_of_session(tenant, logout.session)
                for state in self.states.open_states(tenant, run_events.KIND, owner=owner):
                    if state.expires_at > now:
                        yield self._revocation(tenant, By.RUN, (state.key,), now=now)

    def _revocation(self, tenant: str, by: By, parts: tuple[str, ...], *, now: float) -> Revocation:
        return Revocation(id=self.ids.new("rvk"), tenant=tenant, by=by, parts=parts, before=now)

    def _events(
        self,
        logout: VerifiedLogout,
        revocations: list[Revocation],
        unverified_token: str,
        *,
        now: float,
    ) -> Iterator[Event]:
        scope = json.dumps(["logout", logout.provider, logout.token_id])
        for index, revocation in enumerate(revocations):
            yield Event(
                kind="revoked",
                event_id=self.ids.new("evt"),
                time=now,
                tenant=revocation.tenant,
                subject=logout.subject,
                decision_id=LOGOUTS,
                plain={**plain_of(revocation, self.revocations), "cause": "logout"},
                payload={"revoked": canonical_bytes({revocation.by.value: list(revocation.parts)})},
                once=Once(
                    scope=f"{scope}#{index}",
                    body_digest=digest(unverified_token.encode()),
                    answer=b"",
                    expires_at=max(logout.expires_at, now + LOGOUT_SECONDS),
                ),
            )
