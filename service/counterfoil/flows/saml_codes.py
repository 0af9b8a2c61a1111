"""The codes of SAML logins: each is kept with its login's own event, and handed out once.

1. keep: the event `login` records who logged in by whom; its `once` holds the source under
   the code, bound to the PKCE challenge (RFC 7636 §4.6) of the launcher that started.
2. take: the challenge of the verifier opens the stored source, once, in one durable step of
   the ledger's writer; so of two callers, workers or restarts one wins.

A code that is lost on its way is spent all the same: the person logs in again. The ledger
knows codes and challenges as keyed hashes, and the source sealed under the person's key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from counterfoil.core.canonical import b64url, digest
from counterfoil.core.sources import VerifiedSource, source_bytes, stored_source
from counterfoil.core.times import rfc3339
from counterfoil.errors import SamlCodeRefused
from counterfoil.ports import Clock, Event, Ids, Ledger, Once
from counterfoil.ports_saml import OneTimeAnswers

CODE_SECONDS: Final = 60
"""From the redirect to `POST /token`: one request of the launcher's; RFC 6749 §4.1.2 allows 600."""
CODE_BYTES: Final = 32

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)  # RFC 7636 §4.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSamlCodes:
    """Implements `ports_tokens.SamlCodes` over the ledger's writer.

    `random` returns so many unguessable bytes.
    """

    clock: Clock
    ids: Ids
    ledger: Ledger
    answers: OneTimeAnswers
    random: Callable[[int], bytes]
    ledger_timeout_seconds: float

    def keep(self, source: VerifiedSource, *, code_challenge: str, now: float) -> str:
        """Record the login and return the code behind which `source` waits.

        Raises:
            LedgerError: the login could not be recorded, so there is no code.
        """
        code = b64url(self.random(CODE_BYTES))
        expires_at = min(now + CODE_SECONDS, source.expires_at)
        data = source_bytes(source)
        event = Event(
            kind="login",
            event_id=self.ids.new("evt"),
            time=now,
            tenant=source.tenant,
            subject=(source.subject.issuer, source.subject.sub),
            plain={"protocol": "saml", "source_expires": rfc3339(source.expires_at)},
            payload={"source": data},
            once=Once(
                scope=_scope(code),
                body_digest=code_challenge,
                answer=data,
                expires_at=expires_at,
            ),
        )
        self.ledger.append([event], deadline=self._deadline())  # 1
        return code

    def take(self, unverified_code: str, unverified_verifier: str, *, now: float) -> VerifiedSource:
        """Spend a code (`ports_tokens.SamlCodes`)."""
        if not _CODE.fullmatch(unverified_code) or not _VERIFIER.fullmatch(unverified_verifier):
            raise SamlCodeRefused
        challenge = digest(unverified_verifier.encode("ascii"))
        once = Once(
            scope=_scope(unverified_code), body_digest=challenge, answer=b"", expires_at=now
        )
        data = self.answers.take(once, deadline=self._deadline())  # 2
        if data is None:
            raise SamlCodeRefused
        source = stored_source(data)
        if source.expires_at <= now:
            raise SamlCodeRefused
        return source

    def _deadline(self) -> float:
        return self.clock.monotonic() + self.ledger_timeout_seconds


def _scope(code: str) -> str:
    return f"saml-code/{code}"
