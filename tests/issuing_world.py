"""A service, an issuer and a PostgreSQL: jobs from `/authorize` to the end of their roles."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from issued_roles import Orders
from servers.issuer import Issuer
from service import Service

CREATE = "CREATE TABLE public.invoices (id int)"
ENDED = "credential_ended"


@dataclass
class World:
    """All three, started."""

    service: Service
    issuer: Issuer
    db: Orders

    def allowed(self, sql: str = CREATE) -> tuple[str, dict[str, Any]]:
        """The token and the answer of an allow."""
        token = self.service.token()
        answer = self.service.authorize(sql, token=token)
        assert answer.body["effect"] == "allow", answer.body
        return token, answer.body

    def credential(self, sql: str = CREATE) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The token, the allow, and what the issuer gave."""
        token, allow = self.allowed(sql)
        status, given = self.issuer.ask(allow["scoped_token_request"]["signed_request"])
        assert status == 200, given
        return token, allow, given

    def outcome(self, token: str, decision: str) -> None:
        answer = self.service.request(
            "POST", f"/decisions/{decision}/outcome", {"status": "ok"}, token=token
        )
        assert answer.status == 200, answer.body

    def gone(self, role: str, seconds: float = 20.0) -> bool:
        until = time.monotonic() + seconds
        while role in self.db.names() and time.monotonic() < until:
            time.sleep(0.05)
        return role not in self.db.names()

    def trail(self, decision: str) -> list[str]:
        """The kinds of a decision's events, in order."""
        own = self.service.token(agent=None)
        body = self.service.request("GET", f"/decisions/{decision}", token=own).body
        return [event["event"] for event in body["events"]]

    def ended(self, decision: str, seconds: float = 20.0) -> list[str]:
        """The trail, once the credential's end is in it."""
        until = time.monotonic() + seconds
        while ENDED not in (steps := self.trail(decision)):
            assert time.monotonic() < until, steps
            time.sleep(0.1)
        return steps
