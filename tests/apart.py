"""Two tenants and the model of each, for `property/test_tenants_apart.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from deployment import Deployment, Tenant

CALLED: Final[set[tuple[str, str]]] = set()
"""The operations that a history has called."""


def access_request(sub: str, evaluation_id: str) -> dict[str, Any]:
    """A request of AuthZEN's profile about a denied statement."""
    return {
        "subject": {"type": "user", "id": sub},
        "action": {"name": "run_sql"},
        "resource": {"type": "tool", "id": "run_sql"},
        "denial": {"evaluation_id": evaluation_id},
    }


@dataclass
class Run:
    """One run as its tenant must see it."""

    id: str
    token: str
    session: str
    alive: bool = True
    keys: dict[str, str] = field(default_factory=dict)


@dataclass
class Side:
    """One tenant's world and the model of it."""

    deployment: Deployment
    tenant: Tenant
    name: str
    runs: list[Run] = field(default_factory=list)
    decisions: list[tuple[str, Run]] = field(default_factory=list)
    approvals: dict[str, tuple[Run, str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    actions: dict[str, str] = field(default_factory=dict)
    """The action digest of each allowed decision."""

    redeemed: set[str] = field(default_factory=set)

    def ids(self) -> list[str]:
        """Everything that names a thing of this tenant."""
        runs = [run.id for run in self.runs]
        return [*runs, *(decision for decision, _ in self.decisions), *self.approvals]

    def call(self, method: str, rule: str, token: str | None, body: Any = None, **more: Any) -> Any:
        path = rule.format(**{name: more.pop(name) for name in ("id", "jti") if name in more})
        CALLED.add((method.lower(), rule))
        return self.deployment.call(method, path, token, body, **more)

    def person(self, *groups: str) -> str:
        return self.tenant.person(f"{groups[0]}-{self.name}", groups)

    def look_now(self) -> None:
        """A worker may be a quarter of a second behind; the model is not."""
        self.deployment.app.extensions["counterfoil"].ledger.revocations._looked_at = -1e9


def request_access(ours: Side, theirs: Side, pick: int) -> Any:
    """A task of the one tenant is no task of the other, and its denials are none."""
    approver, run = ours.person("database-admins"), next((r for r in ours.runs if r.alive), None)
    foreign = list(theirs.approvals)[pick % len(theirs.approvals) :][:1] if theirs.approvals else []
    for name in foreign:
        assert ours.call("GET", "/access/v1/requests/{id}", approver, id=name).status == 404
        if run is not None:
            rule = "/access/v1/requests/{id}/cancel"
            assert ours.call("POST", rule, run.token, id=name).status == 404
    if run is not None and theirs.decisions:
        body = access_request(
            f"alice-{ours.name}", theirs.decisions[pick % len(theirs.decisions)][0]
        )
        rule, key = "/access/v1/requests", f"access-{pick}"
        asked = ours.call("POST", rule, run.token, body, HTTP_IDEMPOTENCY_KEY=key)
        assert asked.status == 400
    if not ours.approvals:
        return None
    own = list(ours.approvals)[pick % len(ours.approvals)]
    answer = ours.call("GET", "/access/v1/requests/{id}", approver, id=own)
    assert (answer.status, answer.json["task"]["status"]) == (200, ours.approvals[own][1])
    return answer
