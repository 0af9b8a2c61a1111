"""Who may call what, path by path (DESIGN: an agent reaches its own run, and nothing else).

`ROWS` has a line for every operation of /openapi.json; one that has none fails here, so that
no path comes without somebody having said who may call it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from apart import access_request
from counterfoil.core.credential import credential_name, jti_of
from counterfoil.core.token_request import JWT_ASSERTION, TokenType
from deployment import Deployment, Tenant, deployed
from exchange import EXCHANGE, FORM
from service import sql_request
from simulators.http_door import Answer

SELECT = sql_request("SELECT a FROM public.t", None)
DROP = sql_request("DROP TABLE public.invoices", None)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("callers")) as started:
        yield started


@dataclass
class World:
    """One tenant's things: alice's run with a decision and an approval, and everybody's tokens."""

    deployment: Deployment
    tenant: Tenant
    token: str = field(init=False)
    run: str = field(init=False)
    decision: str = field(init=False)
    approval: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        given = self._opened()
        self.token, self.run = given["access_token"], given["run"]
        self.decision = self.deployment.ask(self.token)["decision_id"]
        waits = self.deployment.call("POST", "/authorize", self.token, DROP).json
        path = f"/approvals/{waits['approval']['id']}"
        self.approval = self.deployment.call("GET", path, self.token).json

    def _opened(self, *of: Any) -> dict[str, Any]:
        """A run in a session of its own: one person's sessions hold a bounded number of them."""
        source = self.tenant.person(*of, sid=secrets.token_hex(8))
        return self.deployment.opened(self.tenant, source=source)

    def callers(self) -> dict[str, str | None]:
        """Every kind of caller of this tenant; the agent's person has all roles."""
        tenant, roles = self.tenant, ["developers", "compliance", "administrators"]
        powerful = self._opened("root", roles)
        return {
            "nobody": None,
            "agent": self.token,
            "agent in another run": self._opened()["access_token"],
            "agent of another person": powerful["access_token"],
            "next agent of the chain": self.deployment.given(
                self.token, launcher=tenant.desk, agent="reviewer"
            )["access_token"],
            "person": tenant.person(),
            "other person": tenant.person("bert"),
            "auditor": tenant.person("carol", ["compliance"]),
            "approver": tenant.person("bob", ["database-admins"]),
            "administrator": tenant.person("root", ["administrators"]),
        }


AGENTS = ("agent", "agent in another run", "agent of another person", "next agent of the chain")
PEOPLE = ("person", "other person", "auditor", "approver", "administrator")
ALL = ("nobody", *AGENTS, *PEOPLE)


def row(default: int, **statuses: int) -> dict[str, int]:
    """A status for each caller; `agent_in_another_run=404` and so on."""
    named = {name.replace("_", " "): status for name, status in statuses.items()}
    assert named.keys() <= set(ALL)
    return {who: named.get(who, default) for who in ALL}


def every(whom: tuple[str, ...], status: int) -> dict[str, int]:
    return {who.replace(" ", "_"): status for who in whom}


Send = Callable[[World, str | None], Answer]


def call(method: str, path: str, body: Any = None) -> Send:
    return lambda world, token: world.deployment.call(method, _filled(path, world), token, body)


def _filled(path: str, world: World) -> str:
    return path.format(
        decision_id=world.decision,
        approval_id=world.approval["id"],
        jti=jti_of(world.decision),
    )


def form(path: str, fields: dict[str, str], *names: str) -> Send:
    """The caller's token in the form's own places `names`, and as bearer too."""

    def send(world: World, token: str | None) -> Answer:
        whole = urlencode({**fields, **dict.fromkeys(names, token or "x")}).encode()
        return world.deployment.call("POST", path, token, whole, CONTENT_TYPE=FORM)

    return send


EXCHANGING = {
    "grant_type": EXCHANGE,
    "subject_token_type": TokenType.ACCESS_TOKEN.value,
    "client_assertion_type": JWT_ASSERTION,
}


def answering(world: World, token: str | None) -> Answer:
    body = {"answer": "approve", "action_digest": world.approval["action_digest"]}
    return call("POST", "/approvals/{approval_id}/answer", body)(world, token)


def asking_access(world: World, token: str | None) -> Answer:
    body = access_request("alice", world.approval["decision_id"])
    path, key = "/access/v1/requests", secrets.token_hex(8)
    return world.deployment.call("POST", path, token, body, HTTP_IDEMPOTENCY_KEY=key)


REDEEM = {"action_digest": "A" * 43, "credential": credential_name("jti_" + "0" * 26)}
ISSUED = {**REDEEM, "jti": "jti_" + "0" * 26, "status": "issued"}
del ISSUED["action_digest"]
UNKNOWN_RUN = {"run": "run_" + "0" * 26}
NOBODY = {"iss": "https://idp.example.test", "sub": "nobody"}
OWN_RUN_ONLY = {**every(AGENTS, 404), "nobody": 401, "agent": 200}
PUBLIC = row(200)
SAML_LOGIN = (
    "/saml/login?code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    "&code_challenge_method=S256&redirect_uri=http://127.0.0.1:1/&state=x"
)

NO_PERSONS = {
    "/decisions/{decision_id}/outcome",
    "/decisions/{decision_id}/issued",
    "/approvals/{approval_id}/cancel",
    "/approvals/{approval_id}/similar/end",
    "/access/v1/requests/{task_id}/cancel",
    "/grants/{jti}/redeem",
}
ROWS: dict[tuple[str, str], tuple[Send, dict[str, int]]] = {
    ("post", "/authorize"): (
        call("POST", "/authorize", SELECT),
        row(401, **every(AGENTS, 200)),
    ),
    ("post", "/authorize/batch"): (
        call("POST", "/authorize/batch", {"actions": [SELECT]}),
        row(401, **every(AGENTS, 200)),
    ),
    ("get", "/decisions"): (call("GET", "/decisions"), row(200, **every(AGENTS, 403), nobody=401)),
    ("get", "/decisions/{decision_id}"): (
        call("GET", "/decisions/{decision_id}"),
        row(404, **OWN_RUN_ONLY, person=200, auditor=200),
    ),
    ("post", "/decisions/{decision_id}/outcome"): (
        call("POST", "/decisions/{decision_id}/outcome", {"status": "ok"}),
        row(404, **OWN_RUN_ONLY),
    ),
    ("get", "/approvals"): (call("GET", "/approvals"), row(200, nobody=401)),
    ("get", "/approvals/{approval_id}"): (
        call("GET", "/approvals/{approval_id}"),
        row(404, **OWN_RUN_ONLY, person=200, auditor=200, approver=200),
    ),
    ("post", "/approvals/{approval_id}/answer"): (
        answering,
        row(403, nobody=401, approver=200),
    ),
    ("post", "/approvals/{approval_id}/cancel"): (
        call("POST", "/approvals/{approval_id}/cancel", {}),
        row(404, **OWN_RUN_ONLY),
    ),
    ("post", "/approvals/{approval_id}/similar/end"): (  # may, and nothing was given in advance
        call("POST", "/approvals/{approval_id}/similar/end", {}),
        row(404, **{**OWN_RUN_ONLY, "agent": 409}, person=409, approver=409),
    ),
    ("post", "/access/v1/requests"): (asking_access, row(400, nobody=401, agent=202)),
    ("get", "/access/v1/requests/{task_id}"): (
        call("GET", "/access/v1/requests/{approval_id}"),
        row(404, **OWN_RUN_ONLY, person=200, auditor=200, approver=200),
    ),
    ("post", "/access/v1/requests/{task_id}/cancel"): (
        call("POST", "/access/v1/requests/{approval_id}/cancel"),
        row(404, **OWN_RUN_ONLY),
    ),
    # The hashes are nobody's but auditors' until `ledger.public_hashes` says otherwise.
    **{
        ("get", f"/ledger/{{log}}/{path}"): (
            call("GET", f"/ledger/acme/{filled}"),
            row(403, nobody=401, auditor=200),
        )
        for path, filled in (
            ("checkpoint", "checkpoint"),
            ("tile/{level}/{tile}", "tile/0/000.p/1"),
            ("tile/entries/{tile}", "tile/entries/000.p/1"),
            ("entry/{index}", "entry/0"),
            ("proof/{name}", "proof/{decision_id}"),
            ("consistency", "consistency?old=1"),
        )
    },
    ("post", "/revocations"): (
        call("POST", "/revocations", UNKNOWN_RUN),
        row(403, nobody=401, administrator=200),
    ),
    ("post", "/erasures"): (
        call("POST", "/erasures", {"subject": NOBODY, "reason": "a request"}),
        row(403, nobody=401, administrator=200),
    ),
    ("post", "/holds"): (
        call("POST", "/holds", {"hold": "release", "subject": NOBODY, "reason": "a case"}),
        row(403, nobody=401, administrator=200),
    ),
    ("post", "/retention"): (
        call("POST", "/retention", {}),
        row(403, nobody=401, administrator=409),  # this deployment keeps all for ever
    ),
    # An issuer's own assertion stands in the header, and no person's or agent's token does.
    ("post", "/grants/{jti}/redeem"): (
        call("POST", "/grants/{jti}/redeem", REDEEM),
        row(401),
    ),
    ("post", "/decisions/{decision_id}/issued"): (
        call("POST", "/decisions/{decision_id}/issued", ISSUED),
        row(401),
    ),
    ("get", "/grants/events"): (call("GET", "/grants/events"), row(401)),
    # The launcher's and the provider's own credentials stand in the form; no bearer counts.
    ("post", "/token"): (
        form("/token", EXCHANGING, "client_assertion", "subject_token"),
        row(401),
    ),
    ("post", "/logout/backchannel"): (form("/logout/backchannel", {}, "logout_token"), row(400)),
    # No bearer counts here either; this deployment has no SAML provider.
    ("get", "/saml/login"): (call("GET", SAML_LOGIN), row(404)),
    ("get", "/saml/metadata"): (call("GET", "/saml/metadata"), row(404)),
    ("post", "/saml/acs"): (form("/saml/acs", {}, "SAMLResponse", "RelayState"), row(401)),
    ("get", "/.well-known/jwks.json"): (call("GET", "/.well-known/jwks.json"), PUBLIC),
    ("get", "/.well-known/oauth-protected-resource"): (
        call("GET", "/.well-known/oauth-protected-resource"),
        PUBLIC,
    ),
    ("get", "/livez"): (call("GET", "/livez"), PUBLIC),
    ("get", "/readyz"): (call("GET", "/readyz"), PUBLIC),
    ("get", "/openapi.json"): (call("GET", "/openapi.json"), PUBLIC),
}


def operations(deployment: Deployment) -> set[tuple[str, str]]:
    document = deployment.call("GET", "/openapi.json", None).json
    return {(method, path) for path, item in document["paths"].items() for method in item}


def test_every_operation_has_a_row(deployment: Deployment) -> None:
    assert set(ROWS) == operations(deployment)


@pytest.mark.parametrize("operation", ROWS, ids=" ".join)
def test_a_path_answers_those_of_its_row_and_nobody_else(
    deployment: Deployment, operation: tuple[str, str]
) -> None:
    send, expected = ROWS[operation]
    for who, status in expected.items():
        world = World(deployment, deployment.acme)
        answer = send(world, world.callers()[who])
        assert answer.status == status, (who, answer.data)


@pytest.mark.parametrize("operation", ROWS, ids=" ".join)
def test_no_agent_reaches_further_than_its_own_run(
    deployment: Deployment, operation: tuple[str, str]
) -> None:
    """The agent's person is auditor, approver and administrator at once, and asked for it all."""
    _, path = operation
    send, _ = ROWS[operation]
    roles = ["developers", "compliance", "administrators", "database-admins"]
    source = deployment.acme.person("root", roles)
    agent = deployment.opened(source=source)["access_token"]
    world = World(deployment, deployment.acme)
    answer = send(world, agent)
    allowed = {"/authorize", "/authorize/batch", "/approvals"}
    public = path.startswith("/.well-known") or path in {"/livez", "/readyz", "/openapi.json"}
    if path in allowed or public:
        assert answer.status == 200
        assert world.run not in json.dumps(answer.json)
    else:
        assert answer.status in {400, 401, 403, 404}, answer.data
    if "{" in path or path in {"/revocations", "/erasures", "/holds"}:
        person = send(World(deployment, deployment.acme), source)  # control: the person may
        may = path not in NO_PERSONS
        assert (person.status == 200) == may, person.data


@pytest.mark.parametrize("operation", ROWS, ids=" ".join)
@pytest.mark.parametrize("who", [*AGENTS, *PEOPLE])
def test_another_tenants_callers_find_nothing_here(
    deployment: Deployment, operation: tuple[str, str], who: str
) -> None:
    """The same names, groups and agents; the ids are those of the first tenant's things."""
    _, path = operation
    send, _ = ROWS[operation]
    ours, theirs = _worlds(deployment)
    answer = send(ours, theirs.callers()[who])
    if "{" in path:
        wanted = 404
        if path.endswith("/answer") and who in AGENTS:
            wanted = 403  # said before anything is looked up
        if path in {"/grants/{jti}/redeem", "/decisions/{decision_id}/issued"}:
            wanted = 401
        assert answer.status == wanted, answer.data
    secret = json.dumps([ours.run, ours.decision, ours.approval["id"]])
    for name in json.loads(secret):
        assert name.encode() not in answer.data
    # Nothing of ours has changed.
    shown = deployment.call("GET", f"/approvals/{ours.approval['id']}", ours.token).json
    assert shown == ours.approval


def _worlds(deployment: Deployment) -> tuple[World, World]:
    return World(deployment, deployment.acme), World(deployment, deployment.globex)


def test_a_key_of_idempotency_is_the_tenants_own(deployment: Deployment) -> None:
    key = secrets.token_hex(8)
    answers = [
        deployment.call("POST", "/authorize", world.token, SELECT, HTTP_IDEMPOTENCY_KEY=key).json
        for world in _worlds(deployment)
    ]
    assert answers[0]["decision_id"] != answers[1]["decision_id"]
