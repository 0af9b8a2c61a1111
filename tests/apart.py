"""Two tenants and the model of each, for `property/test_tenants_apart.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from deployment import Deployment, Tenant

CALLED: Final[set[tuple[str, str]]] = set()
"""The operations that a history has called."""


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
