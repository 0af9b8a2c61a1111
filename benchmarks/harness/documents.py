"""What is sent: the same action for each rival, as each of them takes it.

`@@NAMEnn@@` is replaced by the load generator with a name that no request had before.
"""

from __future__ import annotations

from typing import Any

ISSUER = "urn:counterfoil:development"
GROUP = "developers"
AGENT = "coder"
PERSON = "alice"
PROMPT = "Add an invoices table to the orders database"
_LOCATION = "postgresql://127.0.0.1:5432/orders"
_AGENT_CONTEXT = {"framework": "autogen", "name": AGENT}


def sql(index: int = 0) -> str:
    """A command that no request had before."""
    return f"CREATE TABLE public.@@NAME{index:02d}@@ (id int)"


def authorization_request(index: int = 0) -> dict[str, Any]:
    """`POST /authorize`: the service reads the command itself."""
    arguments = {"database": "orders", "sql": sql(index)}
    return {
        "action": {"name": "run_sql", "properties": {"arguments": arguments}},
        "context": {"prompt": PROMPT, "agent": _AGENT_CONTEXT, "call_id": f"call_{index:02d}"},
    }


def authorization_batch(size: int) -> dict[str, Any]:
    """`POST /authorize/batch` with `size` different commands."""
    return {"actions": [authorization_request(index) for index in range(size)]}


def token_claims(now: int, expires_at: int) -> dict[str, Any]:
    """The claims of a delegation token, as `counterfoil token` makes them."""
    return {
        "iss": ISSUER,
        "sub": PERSON,
        "aud": "counterfoil",
        "groups": [GROUP],
        "iat": now,
        "nbf": now,
        "exp": expires_at,
        "jti": "bench",
        "run": "run_bench",
        "act": {"iss": ISSUER, "sub": AGENT},
    }


def policy_input(token: str | None = None) -> dict[str, Any]:
    """What OPA is asked; the rival's caller has already read the command and hashed it."""
    document = {
        "tenant": "default",
        "subject": {"iss": ISSUER, "sub": PERSON, "groups": [GROUP]},
        "actor": {"iss": ISSUER, "sub": AGENT},
        "run": "run_bench",
        "action": {
            "name": "run_sql",
            "family": "database",
            "arguments": {"database": "orders", "sql": sql()},
        },
        "resource": {"type": "postgresql", "id": "orders", "location": _LOCATION},
        "operations": [_operation()],
        "uncertain": [],
        "required": [_permission("schema", "public", "create", operations=[0])],
        "ambient": [_permission("database", "orders", "connect")],
        "action_digest": "A" * 43,
        "context": {
            **authorization_request()["context"],
            "time": "2026-11-24T03:10:00.000000Z",
        },
        "approvals": [],
    }
    return document if token is None else {**document, "token": token}


def _operation() -> dict[str, Any]:
    table = {"kind": "table", "database": "orders", "schema": "public", "name": "@@NAME00@@"}
    return {"family": "database", "verb": "create", "object": table, "span": [0, len(sql())]}


def _permission(kind: str, identifier: str, verb: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "postgresql",
        "locations": [_LOCATION],
        "object": kind,
        "identifier": identifier,
        "actions": [verb],
        **more,
    }
