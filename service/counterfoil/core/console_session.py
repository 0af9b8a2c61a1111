"""A person's session in the console: a verified sign-in, for a short time.

It is no token: only the console reads it, and the console reads nothing else. It ends at
`ends_at`, or when nobody used it for the idle time, or when what it rests on is revoked: the
person, the provider's session, or the session itself by its id. Groups are those of the
sign-in, so none of them is older than the session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import Caller, Subject
from counterfoil.core.sources import VerifiedSource, session_name

PREFIX = "ses"
RESEAL_SECONDS = 30.0
"""A session that is used is sealed anew so often, that its idle time starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """One sign-in. Times are seconds since the epoch; `session` is as in `Caller`.

    `proven_at` is when the person last proved who they are to the provider, as it says:
    earlier than `signed_in_at` where the provider knew the browser.
    """

    id: str
    tenant: str
    provider: str
    subject: Subject
    signed_in_at: float
    ends_at: float
    seen_at: float
    issued_at: float | None = None
    session: str | None = None
    proven_at: float | None = None

    def is_over(self, now: float, *, idle_seconds: float) -> bool:
        """Whether its time is over. One from the future is: its clock is nobody's."""
        idle = now - self.seen_at
        return now >= self.ends_at or idle >= idle_seconds or now < self.signed_in_at - 1.0

    def caller(self, roles: frozenset[str], *, idle_seconds: float) -> Caller:
        """Who that is to the flows: a person, never an agent."""
        return Caller(
            tenant=self.tenant,
            subject=self.subject,
            actor=None,
            run_id=None,
            prompt_digest=None,
            expires_at=min(self.ends_at, self.seen_at + idle_seconds),
            token_id=self.id,
            roles=roles,
            issued_at=self.issued_at,
            session=self.session,
            signed_in_at=self.proven_at,
        )


def session_of(
    source: VerifiedSource, *, session_id: str, seconds: float, ahead_seconds: float, now: float
) -> ConsoleSession:
    """The session that a sign-in opens, at most `seconds` long.

    A provider's clock may be `ahead_seconds` ahead of ours, so the sign-in may be older than
    it says: a revocation up to that moment ends it too.
    """
    session = source.session
    proven = [at for at in (source.authenticated_at, source.issued_at) if at is not None]
    return ConsoleSession(
        id=session_id,
        tenant=source.tenant,
        provider=source.provider,
        subject=source.subject,
        signed_in_at=now,
        ends_at=now + seconds,
        seen_at=now,
        issued_at=None if source.issued_at is None else source.issued_at - ahead_seconds,
        session=None if session is None else session_name(source.provider, session),
        proven_at=min(proven, default=None),
    )


def session_bytes(session: ConsoleSession) -> bytes:
    """A session as it is sealed."""
    return canonical_bytes(asdict(session), floats=True)


def read_session(data: bytes) -> ConsoleSession:
    """What `session_bytes` wrote. Only for bytes that nobody else could have written."""
    value: dict[str, Any] = json.loads(data)
    subject: Mapping[str, Any] = value.pop("subject")
    person = Subject(**{**subject, "groups": tuple(subject["groups"])})
    return ConsoleSession(subject=person, **value)
