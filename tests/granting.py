"""Decided grants for tests, as the main path records them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from counterfoil.core.case import Case
from counterfoil.core.catalog import Located
from counterfoil.core.credential import jti_of
from counterfoil.core.grant import ApprovedUntil, GrantTerms, issue_grant
from counterfoil.core.model import (
    Actor,
    AuthorizationRequest,
    Caller,
    Command,
    Context,
    Decision,
    Effect,
    Enforcement,
    Execute,
    Grant,
    Interpretation,
    JsonObject,
    Operation,
    Reason,
    Resource,
    Subject,
)
from counterfoil.flows.recording import decided_event
from counterfoil.ports import Event
from ledgers import CLOCK, new_id

URL = "https://counterfoil.example.com"
ALICE = Subject(issuer="https://idp.example.test", sub="alice")
PERMISSION: JsonObject = {
    "type": "postgresql",
    "locations": ["postgresql://db.example.test/orders"],
    "object": "schema",
    "identifier": "public",
    "actions": ["create"],
    "operations": [0],
}
SESSION: JsonObject = {"search_path": ["public"]}
OPERATION = Operation(
    family="database",
    verb="create",
    object={"kind": "table", "database": "orders", "schema": "public", "name": "invoices"},
    span=(0, 9),
)


def caller(**changes: Any) -> Caller:
    """Alice's agent in a run of its own."""
    base = Caller(
        tenant="default",
        subject=ALICE,
        actor=Actor(issuer="https://idp.example.test", sub="coder"),
        run_id=new_id("run"),
        prompt_digest=None,
        expires_at=CLOCK.now() + 900,
        token_id=new_id("jti"),
        issued_at=CLOCK.now() - 1,
        session="session-of-alice",
    )
    return replace(base, **changes)


def granted(
    by: Caller,
    *,
    audience: str = "pg",
    at: float | None = None,
    approved: ApprovedUntil | None = None,
) -> tuple[Event, Grant]:
    """An allow of one CREATE TABLE, as the main path records it."""
    now = CLOCK.now() if at is None else at
    resource = Resource(
        type="postgresql",
        id="orders",
        location="postgresql://db.example.test/orders",
        issuer=audience,
    )
    reading = Interpretation(
        operations=(OPERATION,),
        required=(PERMISSION,),
        execute=Execute(
            arguments={"sql": "CREATE TABLE public.invoices (id int)"}, session=SESSION
        ),
    )
    command = Command(
        family="database",
        tool="run_sql",
        arguments={"sql": "CREATE TABLE public.invoices (id int)"},
        command_argument="sql",
        resource=resource,
    )
    decision_id = new_id("dec")
    case = Case(
        decision_id=decision_id,
        request=AuthorizationRequest(
            action_name="run_sql", arguments=command.arguments, context=Context(prompt="add it")
        ),
        located=Located(command=command, enforcement=Enforcement.ENFORCE),
        reading=reading,
        judged={},
        digest=secrets.token_urlsafe(32),
    )
    decision, grant = issue_grant(
        Decision(
            effect=Effect.ALLOW,
            reasons=(Reason(code="rbac.granted", title="granted"),),
            permissions=(PERMISSION,),
            policy_revision="dev+sha256:00",
        ),
        by,
        reading,
        resource,
        decision_id=decision_id,
        action_digest=case.digest,
        terms=GrantTerms(issuer=URL),
        request_id=new_id("str"),
        jti=jti_of(decision_id),
        now=now,
        approved=approved,
    )
    assert grant is not None, decision.reasons
    return decided_event(case, by, decision, grant, event_id=new_id("evt"), time=now), grant
