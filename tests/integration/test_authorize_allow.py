"""The documented request: exactly its permission, a verifiable grant, a verifiable record."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
import pytest

from commands import MANIFEST
from counterfoil.config import DEVELOPMENT_ISSUER
from main_path import (
    CREATE,
    ask,
    assert_allowed,
    assert_receipt,
    base64url,
    kubectl_request,
    leaves,
    new_run,
)
from service import PROMPT, Answer, Service
from simulators.hostile_session import PERMISSION, SCHEMAS

LOCATION = "postgresql://127.0.0.1:5432/orders"
CONNECT = {
    "type": "postgresql",
    "locations": [LOCATION],
    "object": "database",
    "identifier": "orders",
    "actions": ["connect"],
}
DOCUMENTED = {
    "action": {
        "name": "run_sql",
        "properties": {"arguments": {"database": "orders", "sql": CREATE}},
    },
    "context": {
        "prompt": PROMPT,
        "agent": {"framework": "autogen", "name": "coder"},
        "call_id": "call_1",
    },
}
CLAIMS = {
    *("iss", "aud", "sub", "sub_iss", "act", "txn", "jti", "iat", "nbf", "exp"),
    *("authorization_details", "ambient_details", "action_digest", "policy"),
    "credential_deadline",
}


@pytest.fixture(scope="module")
def run_id() -> str:
    return new_run()


@pytest.fixture(scope="module")
def answer(service: Service, run_id: str) -> Answer:
    return service.request("POST", "/authorize", DOCUMENTED, token=service.token(run=run_id))


@pytest.fixture(scope="module")
def claims(service: Service, answer: Answer) -> dict[str, Any]:
    """The signed request, verified by another library with the published keys only."""
    published = jwt.PyJWKSet.from_dict(service.request("GET", "/.well-known/jwks.json").body)
    signed = answer.body["scoped_token_request"]["signed_request"]
    header = jwt.get_unverified_header(signed)
    assert header == {"alg": "ES256", "kid": header["kid"], "typ": "scoped-token-request+jwt"}
    verified: dict[str, Any] = jwt.decode(
        signed,
        published[header["kid"]],
        algorithms=["ES256"],
        audience="postgresql-orders",
        issuer=f"http://127.0.0.1:{service.port}",
        options={"require": ["iss", "aud", "sub", "exp", "nbf", "iat", "jti"]},
    )
    return verified


def test_the_documented_request_is_allowed_with_exactly_one_permission(answer: Answer) -> None:
    assert answer.status == 200
    assert_allowed(answer.body, [PERMISSION])
    assert answer.body["ambient"] == [CONNECT]
    assert answer.body["enforcement"] == "enforce"
    assert [reason["code"] for reason in answer.body["reasons"]] == ["rbac.granted"]
    assert answer.body["obligations"] == []
    assert "approval" not in answer.body


def test_what_was_judged_is_what_runs(answer: Answer) -> None:
    execute = answer.body["execute"]
    assert execute["arguments"] == {"database": "orders", "sql": CREATE}
    assert execute["session"]["search_path"] == "pg_catalog, pg_temp"


def _judged(name: str, family: str, resource: dict[str, str]) -> dict[str, Any]:
    return {
        "tenant": "default",
        "subject": {"iss": DEVELOPMENT_ISSUER, "sub": "alice"},
        "actor": {"iss": DEVELOPMENT_ISSUER, "sub": "coder"},
        "action": {"name": name, "family": family},
        "resource": resource,
    }


def _digest(body: dict[str, Any]) -> str:
    """Recomputed from the answer alone by the published rule, with nothing of the product."""
    value = {**body["judged"], "arguments": body["execute"]["arguments"]}
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return base64url(hashlib.sha256(b"counterfoil/action/v1\n" + canonical.encode()).digest())


def test_the_action_digest_is_recomputed_from_the_answer_alone(
    answer: Answer, claims: dict[str, Any]
) -> None:
    resource = {"type": "postgresql", "id": "orders", "location": LOCATION}
    assert answer.body["judged"] == _judged("run_sql", "database", resource)
    assert answer.body["action_digest"] == claims["action_digest"] == _digest(answer.body)


def test_the_action_digest_is_of_what_runs_not_of_what_was_sent(service: Service) -> None:
    bodies = [
        ask(service, kubectl_request(manifest)).body
        for manifest in (MANIFEST, MANIFEST + "# a comment\n", "---\n" + MANIFEST)
    ]
    resource = {"type": "kubernetes", "id": "main", "location": "https://127.0.0.1:6443"}
    assert bodies[0]["judged"] == _judged("kubectl_apply", "kubernetes", resource)
    assert bodies[0]["execute"]["arguments"]["manifest"] != MANIFEST
    assert [body["action_digest"] for body in bodies] == [_digest(bodies[0])] * 3


def test_the_digest_follows_the_command_and_nothing_of_the_prompt(service: Service) -> None:
    digests = [
        service.authorize(sql, prompt=prompt).body["action_digest"]
        for sql, prompt in ((CREATE, "a"), (CREATE, "b"), (CREATE.replace("int", "bigint"), "a"))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_signed_request_holds_every_claim_and_no_other(
    service: Service, answer: Answer, claims: dict[str, Any]
) -> None:
    SCHEMAS.validator("grant")(claims)
    assert claims.keys() == CLAIMS  # no cnf, approval, scope or client where there was none
    body = answer.body
    assert (claims["sub"], claims["sub_iss"]) == ("alice", DEVELOPMENT_ISSUER)
    agent = {"iss": DEVELOPMENT_ISSUER, "sub": "coder", "sub_profile": "ai_agent"}
    assert claims["act"] == agent
    assert claims["txn"] == body["decision_id"] == body["scoped_token_request"]["decision_id"]
    assert claims["authorization_details"] == body["permissions"]
    assert claims["ambient_details"] == body["ambient"]
    assert claims["policy"] == body["policy"]
    assert body["policy"]["revision"].endswith(body["policy"]["digest"])
    assert claims["iat"] == claims["nbf"] < claims["exp"] <= claims["iat"] + 300
    assert claims["exp"] <= claims["credential_deadline"] <= claims["iat"] + 3600


def test_a_key_that_is_not_published_verifies_nothing(service: Service, answer: Answer) -> None:
    signed = answer.body["scoped_token_request"]["signed_request"]
    foreign = json.loads((service.keys / "delegation.jwks.json").read_text())["keys"][0]
    key = jwt.PyJWK(foreign)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(signed, key, algorithms=["ES256"], audience="postgresql-orders")


def test_no_grant_outlives_the_callers_token(service: Service) -> None:
    now = jwt.decode(service.token(), options={"verify_signature": False})["iat"]
    body = service.authorize(token=service.token(exp=now + 90)).body
    signed = body["scoped_token_request"]["signed_request"]
    claims = jwt.decode(signed, options={"verify_signature": False})
    assert claims["exp"] <= now + 90
    assert claims["credential_deadline"] <= now + 90


def test_the_receipt_verifies_under_the_public_key_alone(service: Service, answer: Answer) -> None:
    assert_receipt(service, answer.body["receipt"])


def test_the_record_of_the_answer_is_its_only_one(
    service: Service, answer: Answer, run_id: str
) -> None:
    (leaf,) = leaves(service, run_id)
    assert leaf["event"] == "decided"
    assert leaf["event_id"] == answer.body["receipt"]["event_id"]
    assert leaf["decision_id"] == answer.body["decision_id"]
    assert leaf["plain"]["effect"] == "allow"
    assert leaf["plain"]["policy"] == answer.body["policy"]["revision"]
    assert "invoices" not in json.dumps(leaf)  # the person's words are sealed


def test_an_agent_whose_name_is_no_word_is_recorded_too(service: Service) -> None:
    # A leaf holds words only; such a name once made every decision of its agent a 503.
    for name in ("Data Analyst", "Prüfer", "審" * 256, "a%20b"):
        run = new_run()
        answer = service.authorize(token=service.token(agent=name, run=run))
        assert answer.status == 200
        assert answer.body["effect"] == "deny"
        (leaf,) = leaves(service, run)
        recorded = leaf["plain"]["actor"]["sub"]
        assert recorded.isascii()
        trail = service.request(
            "GET",
            f"/decisions/{answer.body['decision_id']}",
            token=service.token(agent=name, run=run),
        )
        assert trail.body["events"][0]["payload"]["caller"]["actor"]["sub"] == name


def test_reading_a_table_needs_exactly_its_columns(service: Service) -> None:
    answer = service.authorize("SELECT id FROM public.invoices")
    assert_allowed(
        answer.body,
        [
            {
                "type": "postgresql",
                "locations": [LOCATION],
                "object": "table",
                "identifier": "public.invoices",
                "columns": ["id"],
                "actions": ["select"],
                "operations": [0],
            }
        ],
    )
    usage = {
        "type": "postgresql",
        "locations": [LOCATION],
        "object": "schema",
        "identifier": "public",
        "actions": ["usage"],
    }
    assert answer.body["ambient"] == [CONNECT, usage]


def test_the_minimal_honest_deployment_is_allowed_with_its_exact_permission(
    service: Service,
) -> None:
    answer = service.request("POST", "/authorize", kubectl_request(MANIFEST), token=service.token())
    assert_allowed(
        answer.body,
        [
            {
                "type": "kubernetes",
                "locations": ["https://127.0.0.1:6443"],
                "identifier": "staging",
                "rules": [
                    {
                        "apiGroups": ["apps"],
                        "resources": ["deployments"],
                        "resourceNames": ["web"],
                        "verbs": ["create", "patch"],
                    }
                ],
                "images": ["registry.example.com/acme/web"],
                "powers": ["image"],
                "operations": [0],
            }
        ],
    )
    assert json.loads(answer.body["execute"]["arguments"]["manifest"])["kind"] == "Deployment"
