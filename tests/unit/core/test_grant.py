from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.grant import GrantTerms, issue_grant, scoped_token_request
from counterfoil.core.model import (
    Actor,
    ApprovalTerms,
    Caller,
    Decision,
    Effect,
    Grant,
    Interpretation,
    JsonObject,
    Operation,
    Reason,
    Resource,
    Subject,
)
from counterfoil.identity.signing import Es256Signer
from counterfoil.resources import packaged

NOW = 1_800_000_000.75
LOCATION = "postgresql://db.internal:5432/orders"
ORDERS = Resource(type="postgresql", id="orders", location=LOCATION, issuer="postgresql-orders")
CREATE: dict[str, Any] = {
    "type": "postgresql",
    "locations": [LOCATION],
    "object": "schema",
    "identifier": "public",
    "actions": ["create"],
    "operations": [0],
}
CONNECT = {**CREATE, "object": "database", "identifier": "orders", "actions": ["connect"]}
CALLER = Caller(
    tenant="default",
    subject=Subject(issuer="https://idp.example.com", sub="alice", groups=("developers",)),
    actor=Actor(issuer="https://idp.example.com", sub="coder"),
    run_id="run_1",
    prompt_digest=None,
    expires_at=NOW + 900,
)
ALLOW = Decision(
    effect=Effect.ALLOW,
    reasons=(Reason(code="rbac.granted", title="t"),),
    permissions=(CREATE,),
    policy_revision="dev+sha256:" + "0" * 64,
)
READING = Interpretation(required=(CREATE,), ambient=(CONNECT,))
SIGNER = Es256Signer(ec.generate_private_key(ec.SECP256R1()))
IDS = {"decision_id": "dec_" + "0" * 26, "request_id": "str_" + "1" * 26, "jti": "jti_" + "2" * 26}
DIGEST = "A" * 43


def _schema(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((packaged("schemas") / f"{name}.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _issue(
    decision: Decision = ALLOW,
    caller: Caller = CALLER,
    resource: Resource | None = ORDERS,
    reading: Interpretation = READING,
    *,
    exchange: dict[str, str] | None = None,
    credentials: dict[tuple[str, str], str] | None = None,
) -> tuple[Decision, Grant | None]:
    terms = GrantTerms(
        issuer="https://counterfoil.example.com",
        exchange=exchange or {},
        credentials=credentials or {},
    )
    return issue_grant(
        decision, caller, reading, resource,
        action_digest=DIGEST, terms=terms, now=NOW, **IDS,  # type: ignore[arg-type]  # ids only
    )  # fmt: skip


def _granted(**changes: Any) -> tuple[Grant, JsonObject]:
    decision, grant = _issue(**changes)
    assert decision.effect is Effect.ALLOW
    assert grant is not None
    return grant, scoped_token_request(grant, SIGNER.sign)


def test_claims_are_the_published_ones_and_the_decisions_own() -> None:
    _, answer = _granted()
    key = jwt.PyJWK(dict(SIGNER.public_jwk))
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(
        str(answer["signed_request"]), key, ["ES256"], audience="postgresql-orders", options=options
    )
    _schema("grant").validate(claims)
    _schema("scoped_token_request").validate(answer)
    assert claims == {
        "iss": "https://counterfoil.example.com",
        "aud": "postgresql-orders",
        "sub": "alice",
        "sub_iss": "https://idp.example.com",
        "act": {"iss": "https://idp.example.com", "sub": "coder", "sub_profile": "ai_agent"},
        "txn": IDS["decision_id"],
        "jti": IDS["jti"],
        "iat": 1_800_000_000,
        "nbf": 1_800_000_000,
        "exp": 1_800_000_300,
        "credential_deadline": 1_800_000_300,
        "authorization_details": [CREATE],
        "ambient_details": [CONNECT],
        "action_digest": DIGEST,
        "policy": {"revision": ALLOW.policy_revision, "digest": "sha256:" + "0" * 64},
    }


def test_answer_shows_the_request_without_any_token() -> None:
    _, answer = _granted()
    assert answer["expires_at"] == "2027-01-15T08:05:00Z"
    assert answer["max_lifetime_seconds"] == 300
    assert answer["single_use"] is True
    assert answer["authorization_details"] == [CREATE]
    assert "token_exchange" not in answer
    assert answer["renderings"] == {
        "postgresql": {
            "location": LOCATION,
            "grants": [
                'GRANT CONNECT ON DATABASE "orders" TO "{{name}}"',
                'GRANT CREATE ON SCHEMA "public" TO "{{name}}"',
            ],
            "revokes": [
                'REVOKE CONNECT ON DATABASE "orders" FROM "{{name}}"',
                'REVOKE CREATE ON SCHEMA "public" FROM "{{name}}"',
            ],
        }
    }


def test_token_endpoint_gets_the_form_of_rfc_8693_without_a_token() -> None:
    endpoint = "https://idp.example.com/token"
    _, answer = _granted(exchange={"postgresql-orders": endpoint})
    _schema("scoped_token_request").validate(answer)
    exchange = answer["token_exchange"]
    assert isinstance(exchange, dict)
    assert exchange["endpoint"] == endpoint
    names = [name for name, _ in exchange["parameters"]]
    assert names == ["grant_type", "requested_token_type", "subject_token_type", "resource", "authorization_details"]  # fmt: skip
    assert json.loads(exchange["parameters"][-1][1]) == [CREATE]


def test_a_holder_is_told_where_the_tenants_own_issuer_gives_the_credential() -> None:
    endpoint = "https://pg.example.com/credential"
    _, answer = _granted(credentials={(CALLER.tenant, "postgresql-orders"): endpoint})
    _schema("scoped_token_request").validate(answer)
    assert answer["credential_endpoint"] == endpoint
    _, answer = _granted(credentials={("globex", "postgresql-orders"): endpoint})
    assert "credential_endpoint" not in answer


@pytest.mark.parametrize("effect", [Effect.DENY, Effect.NEEDS_APPROVAL])
def test_only_an_allow_is_granted(effect: Effect) -> None:
    assert _issue()[1] is not None
    terms = ApprovalTerms(approvers=("a",), quorum=1, expires_in_seconds=60)
    decision = replace(ALLOW, effect=effect, approval=terms)
    assert _issue(decision) == (decision, None)


def test_permission_nobody_issues_becomes_a_deny() -> None:
    for resource in (None, replace(ORDERS, issuer=None)):
        decision, grant = _issue(resource=resource)
        assert grant is None
        assert (decision.effect, decision.permissions) == (Effect.DENY, ())
        assert [reason.code for reason in decision.reasons] == ["grant.no_issuer"]
        assert decision.policy_revision == ALLOW.policy_revision


FILE: dict[str, Any] = {
    "type": "filesystem",
    "locations": ["file:/srv/shop"],
    "identifier": "a.txt",
    "actions": ["read"],
    "operations": [0],
}


def test_what_the_hook_holds_to_has_no_grant_and_hides_no_other_permission() -> None:
    root = Resource(type="filesystem", id="shop", location="file:/srv/shop", issuer="nobody")
    for resource in (root, replace(root, issuer=None), None):
        answer, grant = _issue(decision=replace(ALLOW, permissions=(FILE,)), resource=resource)
        assert (answer.effect, answer.permissions, grant) == (Effect.ALLOW, (FILE,), None)
    mixed = replace(ALLOW, permissions=(FILE, CREATE))
    for resource in (None, root):
        answer, grant = _issue(decision=mixed, resource=resource)
        assert (answer.effect, grant) == (Effect.DENY, None)


def test_files_beside_other_rights_stay_out_of_the_grant() -> None:
    """No issuer could make a credential for a file; the hook holds to it by the obligation."""
    mixed = replace(ALLOW, permissions=(FILE, CREATE))
    reading = replace(READING, ambient=(CONNECT, {**FILE, "operations": [1]}))
    decision, grant = _issue(mixed, reading=reading)
    assert decision.permissions == (FILE, CREATE)  # the record and the answer say all of them
    assert grant is not None
    answer = scoped_token_request(grant, SIGNER.sign)
    assert grant.claims["authorization_details"] == answer["authorization_details"] == [CREATE]
    assert grant.claims["ambient_details"] == [CONNECT]
    assert "srv/shop" not in json.dumps(answer)


QUEUE: dict[str, Any] = {
    "type": "aws_sts",
    "locations": ["arn:aws:account:eu-central-1:123456789012:account"],
    "identifier": "arn:aws:sqs:eu-central-1:123456789012:orders",
    "actions": ["sqs:SendMessage"],
    "operations": [1],
}


@pytest.mark.parametrize("resource", [None, ORDERS, replace(ORDERS, issuer=None)])
def test_rights_at_two_resources_are_a_deny_that_says_how_to_split(
    resource: Resource | None,
) -> None:
    create = Operation(family="database", verb="create", object={"kind": "table"}, span=(0, 40))
    send = Operation(family="cloud", verb="sqs:SendMessage", object={"kind": "aws"}, span=(44, 90))
    reading = replace(READING, operations=(create, send), required=(CREATE, QUEUE))
    decision, grant = _issue(
        replace(ALLOW, permissions=(CREATE, QUEUE)), resource=resource, reading=reading
    )
    (reason,) = decision.reasons
    assert (decision.effect, decision.permissions, grant) == (Effect.DENY, (), None)
    assert reason.code == "grant.several_resources"
    assert "one action for each resource" in reason.solution
    assert reason.details == {
        "resources": [
            {"type": "postgresql", "location": LOCATION, "parts": [[0, 40]]},
            {"type": "aws_sts", "location": QUEUE["locations"][0], "parts": [[44, 90]]},
        ],
        "operations": [0, 1],
    }
    assert _issue(reading=reading)[1] is not None  # control: one of them alone


def test_allow_without_permissions_needs_no_issuer() -> None:
    decision = replace(ALLOW, permissions=())
    assert _issue(decision, resource=None, reading=Interpretation()) == (decision, None)


def test_allow_of_ambient_rights_alone_is_granted_for_strict_targets() -> None:
    grant, answer = _granted(decision=replace(ALLOW, permissions=()))
    assert grant.claims["authorization_details"] == []
    assert grant.claims["ambient_details"] == [CONNECT]
    _schema("scoped_token_request").validate(answer)


FOREIGN: dict[str, dict[str, Any]] = {
    "other-location": {**CREATE, "locations": ["postgresql://evil/orders"]},
    "two-locations": {**CREATE, "locations": [LOCATION, "postgresql://evil/orders"]},
    "no-location": {key: value for key, value in CREATE.items() if key != "locations"},
    "other-type": {**CREATE, "type": "kubernetes"},
    "not-expressible": {**CREATE, "actions": ["owner"]},
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("where", ["permissions", "ambient"])
def test_permission_the_issuer_cannot_make_exactly_becomes_a_deny(name: str, where: str) -> None:
    if where == "permissions":
        decision, grant = _issue(replace(ALLOW, permissions=(CREATE, FOREIGN[name])))
    else:
        decision, grant = _issue(reading=replace(READING, ambient=(FOREIGN[name],)))
    assert grant is None
    assert decision.effect is Effect.DENY
    several = name in {"other-location", "other-type"}
    code = "grant.several_resources" if several else "grant.permission_not_renderable"
    assert [reason.code for reason in decision.reasons] == [code]


ELSEWHERE: dict[str, dict[str, Any]] = {
    "location": {**CREATE, "locations": ["postgresql://evil/orders"]},
    "type": {"type": "queue", "locations": [LOCATION], "actions": ["publish"], "operations": [0]},
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_permission_of_another_resource_is_never_granted_by_this_issuer(name: str) -> None:
    alone = replace(ALLOW, permissions=(ELSEWHERE[name],))
    decision, grant = _issue(alone, reading=Interpretation())
    assert grant is None
    assert [reason.code for reason in decision.reasons] == ["grant.permission_not_renderable"]


TIMES = [
    # policy ttl, caller lives for, exp - iat, credential_deadline - iat
    (300, 900, 300, 300),
    (3_600, 7_200, 300, 3_600),
    (86_400, 86_400, 300, 3_600),
    (30, 900, 30, 30),
    (300, 120, 120, 120),
    (3_600, 500, 300, 500),
    (300, 1.5, 2, 2),
]


@pytest.mark.parametrize(("ttl", "lives", "redeem", "works"), TIMES)
def test_no_time_outlives_caller_policy_or_bound(
    ttl: int, lives: float, redeem: int, works: int
) -> None:
    grant, _ = _granted(
        decision=replace(ALLOW, ttl_seconds=ttl), caller=replace(CALLER, expires_at=NOW + lives)
    )
    claims: Any = grant.claims
    assert claims["exp"] - claims["iat"] == redeem
    assert claims["credential_deadline"] - claims["iat"] == works
    assert claims["exp"] <= claims["credential_deadline"] <= NOW + lives


@pytest.mark.parametrize(("ttl", "lives"), [(300, 0.1), (300, -5), (0, 900), (-1, 900)])
def test_no_time_left_is_a_deny(ttl: int, lives: float) -> None:
    decision, grant = _issue(
        replace(ALLOW, ttl_seconds=ttl), replace(CALLER, expires_at=NOW + lives)
    )
    assert grant is None
    assert [reason.code for reason in decision.reasons] == ["grant.no_time_left"]


def test_person_without_an_agent_has_no_act() -> None:
    grant, _ = _granted(caller=replace(CALLER, actor=None))
    assert "act" not in grant.claims


def test_type_without_a_renderer_stands_in_the_details_alone() -> None:
    home = Resource(type="queue", id="q", location="amqp://q/x", issuer="queues")
    need: dict[str, Any] = {
        "type": "queue",
        "locations": ["amqp://q/x"],
        "actions": ["publish"],
        "operations": [0],
    }
    grant, answer = _granted(
        decision=replace(ALLOW, permissions=(need,)), resource=home, reading=Interpretation()
    )
    assert answer["renderings"] == {}
    assert grant.claims["authorization_details"] == [need]
