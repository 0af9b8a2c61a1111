"""Who asks stands in the verified token and nowhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.identity.signing import DELEGATION_TYPE, Es256Signer
from main_path import (
    CREATE,
    adapters_over,
    ask,
    assert_allowed,
    assert_denied,
    assert_problem,
    assert_secret,
    flow_of,
    leaves,
    new_run,
    run,
    settings,
)
from service import PROMPT, Service, sql_request
from simulators.hostile_session import PERMISSION

PAST: dict[str, Any] = {"iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 1_700_000_600}
INVALID = "identity.invalid_token"
_NOBODY: dict[str, Any] = {"sub": None}


def _unsigned(service: Service) -> str:
    header, payload, _ = service.token().split(".")
    return f"{header}.{payload}.{'A' * 86}"


def _of_another_key(service: Service) -> str:
    claims = jwt.decode(service.token(), options={"verify_signature": False})
    foreign = Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ=DELEGATION_TYPE)
    return foreign.sign(claims)


REFUSED: dict[str, tuple[Callable[[Service], str], str]] = {
    "of a person alone": (lambda s: s.token(agent=None), "identity.actor_required"),
    "for another service": (lambda s: s.token(aud="billing"), INVALID),
    "for nobody": (lambda s: s.token(aud=None), INVALID),
    "expired": (lambda s: s.token(**PAST), INVALID),
    "without end": (lambda s: s.token(exp=None), INVALID),
    "of another issuer": (lambda s: s.token(iss="https://idp.example"), INVALID),
    "of nobody": (lambda s: s.token(**_NOBODY), INVALID),
    "of an agent of another issuer": (
        lambda s: s.token(act={"iss": "https://idp.example", "sub": "coder"}),
        INVALID,
    ),
    "unsigned": (_unsigned, INVALID),
    "of another key": (_of_another_key, INVALID),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_credential_that_does_not_count_decides_nothing(service: Service, kind: str) -> None:
    make, code = REFUSED[kind]
    token = make(service)
    before = len(leaves(service))
    answer = service.authorize(token=token)
    assert_problem(answer, 401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert len(leaves(service)) == before
    assert_secret(json.dumps(answer.body), [token])
    line = service.wait_for(f"request {answer.body['request_id']}: refused by ")
    assert_secret(line, [token])
    assert_allowed(service.authorize().body)


def test_without_a_credential_nothing_is_decided(service: Service) -> None:
    answer = service.request("POST", "/authorize", sql_request(CREATE))
    assert_problem(answer, 401, "identity.missing_credential")
    assert "error=" not in answer.headers["www-authenticate"]  # RFC 6750 §3.1


@pytest.mark.parametrize(
    "who",
    [
        {"agent": "unregistered"},
        {"groups": []},
        {"groups": ["marketing"]},
        {"groups": ["Developers"]},
        {"groups": ["database-admins"]},
        {"agent": "CODER"},
    ],
    ids=str,
)
def test_neither_person_nor_agent_alone_is_enough(service: Service, who: dict[str, Any]) -> None:
    assert_denied(service.authorize(token=service.token(**who)).body, "policy.default_deny")
    assert_allowed(service.authorize(token=service.token()).body)


def test_a_removed_group_counts_from_the_next_token_on(service: Service) -> None:
    run_id = new_run()
    before = service.authorize(token=service.token(groups=["developers"], run=run_id))
    after = service.authorize(token=service.token(groups=[], run=run_id))
    assert_allowed(before.body)
    assert_denied(after.body)


def test_a_token_works_until_it_expires_and_not_a_moment_longer(service: Service) -> None:
    # The verified token is cached; the cache must not outlive it.
    expires = int(time.time()) + 2  # noqa: TID251
    token = service.token(exp=expires)
    assert service.authorize(token=token).status == 200
    while time.time() < expires:  # noqa: TID251
        time.sleep(0.05)
    assert_problem(service.authorize(token=token), 401, INVALID)


MEMBERS_OF_NOBODY: dict[str, dict[str, Any]] = {
    "a subject": {"subject": {"iss": DEVELOPMENT_ISSUER, "sub": "root"}},
    "an actor": {"actor": {"iss": DEVELOPMENT_ISSUER, "sub": "coder"}},
    "a tenant": {"tenant": "other"},
    "groups": {"groups": ["developers"]},
    "permissions": {"permissions": [PERMISSION]},
    "approvals": {"approvals": [{"id": "apr_1"}]},
}


@pytest.mark.parametrize("what", MEMBERS_OF_NOBODY)
def test_the_body_states_no_identity(service: Service, what: str) -> None:
    body = {**sql_request(CREATE), **MEMBERS_OF_NOBODY[what]}
    assert_problem(ask(service, body), 422, "request.schema")
    for place in ("action", "context"):
        nested = sql_request(CREATE)
        nested[place] = {**nested[place], **MEMBERS_OF_NOBODY[what]}
        assert_problem(ask(service, nested), 422, "request.schema")
    assert_allowed(ask(service, sql_request(CREATE)).body)


@pytest.mark.parametrize("member", ["family", "location", "tenant", "resource", "command"])
def test_the_body_chooses_neither_family_nor_place(service: Service, member: str) -> None:
    """In the action's properties a schema refuses it; among the arguments it is a stranger."""
    body = sql_request(CREATE)
    body["action"]["properties"][member] = "kubernetes"
    assert_problem(ask(service, body), 422, "request.schema")
    body = sql_request(CREATE)
    body["action"]["properties"]["arguments"][member] = "kubernetes"
    assert_denied(ask(service, body).body, "uncertain.arguments")


def test_what_an_agent_says_of_itself_is_no_identity(service: Service) -> None:
    body = sql_request("DELETE FROM public.users")
    body["context"]["agent"] = {"framework": "autogen", "name": "database-admins"}
    assert_denied(ask(service, body, service.token(agent="unregistered")).body)


LOCATION = "postgresql://127.0.0.1:5432/orders"


@pytest.mark.parametrize(
    ("resource", "pointer"),
    [
        ({"type": "kubernetes", "id": "orders"}, "#/resource/type"),
        ({"type": "postgresql", "id": "billing"}, "#/resource/id"),
        (
            {
                "type": "postgresql",
                "id": "orders",
                "properties": {"location": "postgresql://evil:5432/orders"},
            },
            "#/resource/properties/location",
        ),
    ],
)
def test_a_resource_other_than_the_registered_one_is_refused(
    service: Service, resource: dict[str, Any], pointer: str
) -> None:
    answer = ask(service, {**sql_request(CREATE), "resource": resource})
    assert_problem(answer, 422, "request.resource_mismatch")
    assert [error["pointer"] for error in answer.body["errors"]] == [pointer]
    stated = {"type": "postgresql", "id": "orders", "properties": {"location": LOCATION}}
    assert_allowed(ask(service, {**sql_request(CREATE), "resource": stated}).body)


def test_a_resource_is_refused_where_the_tool_has_none(service: Service) -> None:
    body = {
        "action": {"name": "rm_rf", "properties": {"arguments": {}}},
        "resource": {"type": "postgresql", "id": "orders"},
        "context": {"prompt": PROMPT},
    }
    assert_problem(ask(service, body), 422, "request.resource_mismatch")


def test_a_person_without_an_agent_is_judged_only_where_configured(service: Service) -> None:
    """`actor_required = false`: still no agent's ceiling, so still no permission."""
    with adapters_over(service) as adapters:
        flow = flow_of(service, adapters, settings=settings(actor_required=False))
        assert_denied(run(flow, token=service.token(agent=None)), "policy.default_deny")
        assert_allowed(run(flow, token=service.token()))
