"""A decision is read by its run, its person and its tenant's auditors; for others it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.http.lean import LeanFlask
from main_path import (
    CREATE,
    assert_allowed,
    assert_denied,
    assert_problem,
    assert_receipt,
    leaves,
    new_run,
)
from service import PROMPT, Answer, Service, sql_request
from simulators import http_door
from simulators.hostile_session import SCHEMAS
from tenants import tenant_application


def _read(service: Service, decision: str, token: str) -> Answer:
    return service.request("GET", f"/decisions/{decision}", token=token)


@pytest.fixture(scope="module")
def run() -> str:
    return new_run()


@pytest.fixture(scope="module")
def decision(service: Service, run: str) -> dict[str, Any]:
    body: dict[str, Any] = service.authorize(token=service.token(run=run)).body
    assert_allowed(body)
    return body


FOREIGN: dict[str, dict[str, Any]] = {
    "another run of the same agent": {"run": "run_another"},
    "no run at all": {"run": None},
    "another agent of the person": {"agent": "reviewer"},
    "the same agent for another person": {"sub": "bob"},
    "an agent of an auditor": {"sub": "carol", "groups": ["compliance"]},
    "the person's agent with an auditor's group": {"run": "run_x", "groups": ["compliance"]},
    "another person": {"sub": "bob", "agent": None},
    "an administrator": {"sub": "dave", "agent": None, "groups": ["administrators"]},
    "an approver": {"sub": "erin", "agent": None, "groups": ["database-admins"]},
}


@pytest.mark.parametrize("who", FOREIGN)
def test_a_foreign_decision_does_not_exist(
    service: Service, decision: dict[str, Any], run: str, who: str
) -> None:
    token = service.token(**{"run": run, **FOREIGN[who]})
    answer = _read(service, decision["decision_id"], token)
    assert_problem(answer, 404, "request.not_found")
    missing = _read(service, "dec_" + "0" * 26, token)
    assert {**missing.body, "request_id": ""} == {**answer.body, "request_id": ""}


@pytest.mark.parametrize(
    "who",
    [
        {},
        {"agent": None},
        {"agent": None, "groups": []},
        {"agent": None, "sub": "carol", "groups": ["compliance"]},
    ],
    ids=["its run", "its person", "its person without groups", "an auditor"],
)
def test_the_whole_trail_is_read_by_those_whom_it_concerns(
    service: Service, decision: dict[str, Any], run: str, who: dict[str, Any]
) -> None:
    token = service.token(**({"run": run} if "agent" not in who else {}), **who)
    answer = _read(service, decision["decision_id"], token)
    assert answer.status == 200
    SCHEMAS.validator("decision_trail")(answer.body)
    (event,) = answer.body["events"]
    assert event["event"] == "decided"
    assert event["effect"] == "allow"
    assert event["receipt"] == decision["receipt"]
    assert_receipt(service, event["receipt"])
    said = event["payload"]
    assert said["prompt"] == PROMPT
    assert said["arguments"] == {"database": "orders", "sql": CREATE}
    assert said["decision"]["permissions"] == decision["permissions"]
    assert said["decision"]["action_digest"] == decision["action_digest"]
    assert said["grant"]["txn"] == decision["decision_id"]
    assert said["grant"]["jti"] == event["grant"]["jti"]


def test_a_trail_gives_no_signed_request_away(service: Service, decision: dict[str, Any]) -> None:
    token = service.token("carol", ["compliance"], agent=None)
    text = json.dumps(_read(service, decision["decision_id"], token).body)
    assert decision["scoped_token_request"]["signed_request"].split(".")[2] not in text


def test_a_person_reads_what_any_agent_of_theirs_did(service: Service) -> None:
    for agent in ("coder", "reviewer"):
        body = service.authorize(token=service.token(agent=agent)).body
        assert _read(service, body["decision_id"], service.token(agent=None)).status == 200


# -- two tenants, two issuers: the application over the same OPA and the same ledger ----------

ONE, OTHER = "https://one.example.com", "https://other.example.com"
TENANTS = {"default": ONE, "other": OTHER}


@pytest.fixture(scope="module")
def tenants(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeanFlask]:
    path = tmp_path_factory.mktemp("tenants") / "counterfoil.toml"
    with tenant_application(service, path, TENANTS) as app:
        yield app


def _agent(service: Service, issuer: str, run: str) -> str:
    return service.token(run=run, iss=issuer, act={"iss": issuer, "sub": "coder"})


def _auditor(service: Service, issuer: str) -> str:
    return service.token("carol", ["compliance"], agent=None, iss=issuer)


def _send(
    app: LeanFlask, path: str, token: str, body: Any = None, **changes: str
) -> http_door.Answer:
    data = b"" if body is None else json.dumps(body).encode()
    environ = http_door.honest(
        data,
        REQUEST_METHOD="GET" if body is None else "POST",
        PATH_INFO=path,
        HTTP_AUTHORIZATION=f"Bearer {token}",
        **changes,
    )
    return http_door.send(app, environ)


def test_another_tenants_decision_does_not_exist(
    service: Service, tenants: LeanFlask, decision: dict[str, Any]
) -> None:
    theirs = new_run()
    token = _agent(service, OTHER, theirs)
    there = _send(tenants, "/authorize", token, sql_request(CREATE)).json
    assert_denied(there)  # no rule of theirs grants it; ours do not reach there
    assert [leaf["tenant"] for leaf in leaves(service, theirs)] == ["other"]
    assert decision["receipt"]["origin"] != there["receipt"]["origin"]
    for tenant, found in (("default", decision), ("other", there)):
        for auditors_tenant, issuer in TENANTS.items():
            path = f"/decisions/{found['decision_id']}"
            answer = _send(tenants, path, _auditor(service, issuer))
            assert answer.status == (200 if auditors_tenant == tenant else 404)
            if answer.status == 404:
                assert answer.problem()["code"] == "request.not_found"
    assert _send(tenants, f"/decisions/{there['decision_id']}", token).status == 200


@pytest.mark.parametrize("issuer", [ONE, OTHER])
def test_the_same_names_under_another_issuer_are_another_person(
    service: Service, tenants: LeanFlask, decision: dict[str, Any], run: str, issuer: str
) -> None:
    """Same `sub`, agent and run, in the same tenant or in another: still somebody else."""
    path = f"/decisions/{decision['decision_id']}"
    twin = _agent(service, issuer, run)
    assert _send(tenants, path, twin).status == 404
    assert _send(tenants, f"{path}/outcome", twin, {"status": "ok"}).status == 404
    person = service.token("alice", agent=None, iss=issuer)
    assert _send(tenants, path, person).status == 404
    assert _read(service, decision["decision_id"], service.token(run=run)).status == 200


def test_a_key_of_one_tenant_is_free_in_the_other(service: Service, tenants: LeanFlask) -> None:
    def send(issuer: str) -> str:
        token = _agent(service, issuer, "run_1")
        body = sql_request(CREATE)
        answer = _send(tenants, "/authorize", token, body, HTTP_IDEMPOTENCY_KEY="the-same-key")
        assert answer.status == 200
        return str(answer.json["decision_id"])

    assert send(ONE) != send(OTHER)
    assert send(ONE) == send(ONE)
