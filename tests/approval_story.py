"""Approvals for tests: a service under whose policy people must agree, and short words for it.

In schema `public` creating needs one of `database-admins`, in `audit` two people of the groups
`database-admins` and `leads`, in `ops` one of each, lately signed in, in `brief` one within two
seconds; in `scratch` (and for dropping there) one, who may approve similar actions in advance; selecting from `public` is allowed, everything else denied.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfoil.app import Adapters
from counterfoil.config import load_config
from counterfoil.core.wire import ApprovalReader
from counterfoil.flows.approval_reading import ApprovalReadingFlow
from counterfoil.flows.approve import AnswerFlow
from counterfoil.resources import packaged
from main_path import ShiftedClock, new_run
from service import PROMPT, Answer, Service, running_service, sql_request
from simulators.hostile_session import SCHEMAS

CREATE = "CREATE TABLE public.invoices (id int)"
OTHER = "CREATE TABLE public.receipts (id int)"
TWO_PEOPLE = "CREATE TABLE audit.invoices (id int)"
ONE_EACH = "CREATE TABLE ops.invoices (id int)"
BRIEF = "CREATE TABLE brief.invoices (id int)"
ADMINS, LEADS = "database-admins", "leads"
TERMS = {
    "database-change": {"approvers": [ADMINS], "quorum": 1, "expires_in_seconds": 3600},
    "two-people": {"approvers": [ADMINS, LEADS], "quorum": 2, "expires_in_seconds": 3600},
    "similar": {
        "approvers": [ADMINS],
        "quorum": 1,
        "expires_in_seconds": 3600,
        "similar": {"uses": 5, "seconds": 600},
    },
    "brief": {"approvers": [ADMINS], "quorum": 1, "expires_in_seconds": 2},
    "one-each": {
        "approvers": [ADMINS, LEADS],
        "quorum": 2,
        "expires_in_seconds": 3600,
        "each_from": [ADMINS, LEADS],
        "max_sign_in_age_seconds": 300,
    },
}


def approval_bundle(folder: Path, **terms: Any) -> Path:
    """The product's policy with the data of this page; `terms` change those of one person."""
    bundle = folder / "policy"
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(packaged("rego"), bundle)
    data = bundle / "data" / "access" / "default" / "data.json"
    access = json.loads(data.read_text())
    tables = {"create": {"orders-developer": "database-change"}}
    selecting = {"select": {"orders-developer": "allow"}}
    access["database"]["orders"] = {
        "public": {"table": {**tables, **selecting}},
        "audit": {"table": {"create": {"orders-developer": "two-people"}}},
        "scratch": {
            "table": {
                "create": {"orders-developer": "similar"},
                "drop": {"orders-developer": "similar"},
            }
        },
        "brief": {"table": {"create": {"orders-developer": "brief"}}},
        "ops": {"table": {"create": {"orders-developer": "one-each"}}},
    }
    access["approvals"] = {**TERMS, "database-change": {**TERMS["database-change"], **terms}}
    data.write_text(json.dumps(access))
    return bundle


@contextmanager
def approving_service(folder: Path, **overrides: object) -> Iterator[Service]:
    """A started service under that policy."""
    with running_service(folder, policy__bundle=approval_bundle(folder), **overrides) as service:
        yield service


@dataclass(frozen=True)
class Desk:
    """Short words for one service; a person's token has no agent."""

    service: Service

    def agent(self, run: str, sub: str = "alice", **claims: Any) -> str:
        """The token of alice's agent in a run."""
        return self.service.token(sub, run=run, **claims)

    def person(self, sub: str = "bob", groups: Sequence[str] = (ADMINS,), **claims: Any) -> str:
        """A person's own token."""
        return self.service.token(sub, groups, agent=None, **claims)

    def ask(
        self,
        token: str,
        sql: str = CREATE,
        *,
        approval: str | None = None,
        prompt: str | None = PROMPT,
        **headers: str,
    ) -> dict[str, Any]:
        """The decision on one statement."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.service.request(
            "POST", "/authorize", request(sql, approval, prompt), token=token, headers=sent
        )
        assert answer.status == 200, answer.body
        SCHEMAS.validator("authorization_response")(answer.body)
        return dict(answer.body)

    def opened(self, token: str, sql: str = CREATE, **more: Any) -> dict[str, Any]:
        """Ask for what needs approval; the approval as its own agent reads it."""
        decision = self.ask(token, sql, **more)
        assert decision["effect"] == "needs_approval", decision["reasons"]
        return self.view(decision["approval"]["id"], token)

    def view(self, approval_id: str, token: str, wait: int = 0) -> dict[str, Any]:
        """One approval as the caller reads it."""
        answer = self.read(approval_id, token, wait)
        assert answer.status == 200, answer.body
        SCHEMAS.validator("approval")(answer.body)
        return dict(answer.body)

    def read(self, approval_id: str, token: str, wait: int = 0) -> Answer:
        """`GET /approvals/{id}`, or the list for an empty id."""
        path = f"/approvals/{approval_id}?wait={wait}" if approval_id else "/approvals"
        return self.service.request("GET", path, token=token, connection=None)

    def answer(
        self, approval: dict[str, Any], token: str, said: str = "approve", **more: Any
    ) -> Answer:
        """`POST /approvals/{id}/answer`, with the digest that the approval shows."""
        body = {"answer": said, "action_digest": approval["action_digest"], **more}
        return self.service.request(
            "POST", f"/approvals/{approval['id']}/answer", body, token=token
        )

    def approve(self, approval: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        """An answer that must count."""
        answer = self.answer(approval, token or self.person())
        assert answer.status == 200, answer.body
        SCHEMAS.validator("approval")(answer.body)
        return dict(answer.body)

    def cancel(self, approval: dict[str, Any], token: str) -> Answer:
        """`POST /approvals/{id}/cancel`."""
        return self.service.request("POST", f"/approvals/{approval['id']}/cancel", {}, token=token)

    def approved(self, token: str, sql: str = CREATE) -> dict[str, Any]:
        """An approval that may be used."""
        approval = self.approve(self.opened(token, sql))
        assert approval["status"] == "approved"
        return approval

    def trail(self, decision_id: str) -> list[dict[str, Any]]:
        """The events of a decision, as an auditor reads them."""
        token = self.service.token("carol", ["compliance"], agent=None)
        answer = self.service.request("GET", f"/decisions/{decision_id}", token=token)
        assert answer.status == 200, answer.body
        SCHEMAS.validator("decision_trail")(answer.body)
        return list(answer.body["events"])

    def kinds(self, decision_id: str) -> list[str]:
        """What happened, in order."""
        return [event["event"] for event in self.trail(decision_id)]


def request(sql: str, approval: str | None = None, prompt: str | None = PROMPT) -> dict[str, Any]:
    """The body of `/authorize`, with the approval under which it is sent again."""
    body = sql_request(sql, prompt)
    if approval is not None:
        body["context"]["approval"] = {"id": approval}
    return body


def codes(decision: dict[str, Any]) -> list[str]:
    """The reasons' codes."""
    return [reason["code"] for reason in decision["reasons"]]


def fresh(desk: Desk) -> str:
    """The token of alice's agent in a new run."""
    return desk.agent(new_run())


def answering(
    service: Service, adapters: Adapters, *, seconds: float = 0.0, **changes: Any
) -> AnswerFlow:
    """The flow that takes answers, its clock so many seconds off; `changes` replace parts."""
    parts: dict[str, Any] = {
        "clock": ShiftedClock(seconds),
        "ids": adapters.ids,
        "read_answer": _reader(adapters).read_answer,
        "identity": adapters.identity,
        "policy": adapters.policy,
        "ledger": adapters.ledger,
        "states": adapters.ledger.states,
        "revocations": adapters.ledger.revocations,
        "url": load_config(None, service.environment, dev=True).grant.issuer,
        "policy_timeout_seconds": 8.0,
        "ledger_timeout_seconds": 8.0,
    }
    return AnswerFlow(**{**parts, **changes})


def reading(
    service: Service, adapters: Adapters, *, seconds: float = 0.0, **changes: Any
) -> ApprovalReadingFlow:
    """The flow that shows and withdraws, its clock so many seconds off."""
    parts: dict[str, Any] = {
        "clock": ShiftedClock(seconds),
        "ids": adapters.ids,
        "read_cancel": _reader(adapters).read_cancel,
        "identity": adapters.identity,
        "ledger": adapters.ledger,
        "states": adapters.ledger.states,
        "revocations": adapters.ledger.revocations,
        "url": load_config(None, service.environment, dev=True).grant.issuer,
        "ledger_timeout_seconds": 8.0,
    }
    return ApprovalReadingFlow(**{**parts, **changes})


def _reader(adapters: Adapters) -> ApprovalReader:
    return ApprovalReader(
        max_bytes=65_536,
        validate_answer=adapters.schemas.validator("approval_answer"),
        validate_cancel=adapters.schemas.validator("approval_cancel"),
    )
