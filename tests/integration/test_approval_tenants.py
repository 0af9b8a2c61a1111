"""Another tenant's people and agents have no approval of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from approval_story import ADMINS, Desk, approving_service, fresh
from counterfoil.http.lean import LeanFlask
from simulators import http_door
from tenants import tenant_application


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("tenant")) as service:
        yield Desk(service)


TOOL = """
[[resource]]
type = "postgresql"
id = "orders"
location = "postgresql://127.0.0.1:5432/orders"
issuer = "postgresql-orders"
[[action]]
tool = "run_sql"
family = "database"
command = "{sql}"
resource = "{database}"
enforcement = "enforce"
"""


@pytest.fixture(scope="module")
def tenants(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeanFlask]:
    """An application over the same OPA and ledger, for two tenants with an issuer each."""
    path = tmp_path_factory.mktemp("tenants") / "counterfoil.toml"
    issuers = {tenant: f"https://{tenant}.example.com" for tenant in ("default", "other")}
    with tenant_application(desk.service, path, issuers, more=TOOL) as app:
        yield app


def _send(app: LeanFlask, method: str, path: str, token: str, body: bytes = b"") -> Any:
    environ = http_door.honest(
        body, REQUEST_METHOD=method, PATH_INFO=path, HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    return http_door.send(app, environ)


def test_another_tenants_people_have_no_such_approval(desk: Desk, tenants: LeanFlask) -> None:
    """The same names, groups and run, vouched for by another tenant's issuer."""
    token = fresh(desk)
    approval = desk.opened(token)
    digest = approval["action_digest"]
    body = f'{{"answer": "approve", "action_digest": "{digest}"}}'.encode()
    path = f"/approvals/{approval['id']}"
    foreign = "https://other.example.com"
    for groups in ((ADMINS,), ("compliance",)):
        theirs = desk.person("bob", groups, iss=foreign)
        assert _send(tenants, "GET", path, theirs).status == 404
        assert _send(tenants, "POST", f"{path}/answer", theirs, body).status == 404
        assert approval["id"] not in str(_send(tenants, "GET", "/approvals", theirs).json)
    agent = desk.agent(approval["run"], iss=foreign, act={"iss": foreign, "sub": "coder"})
    assert _send(tenants, "POST", f"{path}/cancel", agent, b"{}").status == 404
    # The control: the same door, the same request, an approver of the approval's own tenant.
    ours = desk.person("bob", iss="https://default.example.com")
    answer = _send(tenants, "POST", f"{path}/answer", ours, body)
    assert (answer.status, answer.json["status"]) == (200, "approved")
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"
