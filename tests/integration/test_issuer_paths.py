"""An issuer's way through the real service: from an agent's allow to the credential's end."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from counterfoil.core.credential import credential_name
from exchange import person
from ledgers import new_id
from main_path import assert_problem
from redeeming import IssuerKey
from service import PROGRAM, Answer, Service
from simulators.hostile_session import SCHEMAS

ISSUER = "postgresql-orders"
REDEEM = "/grants/{}/redeem"


class Grant:
    """An allow that the service gave to alice's agent, and what its issuer says."""

    def __init__(self, service: Service) -> None:
        self.service, self.key = service, IssuerKey.of(service.keys, ISSUER)
        self.token = service.token(run=new_id("run"))
        self.answer: dict[str, Any] = service.authorize(token=self.token).body
        SCHEMAS.validator("authorization_response")(self.answer)
        self.decision = self.answer["decision_id"]
        self.jti = "jti_" + self.decision.removeprefix("dec_")
        self.credential = credential_name(self.jti)
        self.paths: dict[str, tuple[str, str, Any]] = {
            "redeem": (
                "POST",
                REDEEM.format(self.jti),
                {"action_digest": self.answer["action_digest"], "credential": self.credential},
            ),
            "issued": (
                "POST",
                f"/decisions/{self.decision}/issued",
                {"jti": self.jti, "credential": self.credential, "status": "issued"},
            ),
            "events": ("GET", "/grants/events", None),
        }

    def call(self, name: str, token: str | None = "", **more: Any) -> Answer:
        """One of the three, as the issuer unless another token is given."""
        method, path, body = self.paths[name]
        proof = self.key.assertion(f"http://127.0.0.1:{self.service.port}")
        return self.service.request(method, path, body, token=token or proof, **more)


@pytest.fixture
def grant(service: Service) -> Grant:
    return Grant(service)


def test_a_grants_whole_life(service: Service, grant: Grant) -> None:
    request = grant.answer["scoped_token_request"]
    assert request["credential_endpoint"] == "http://127.0.0.1:8284/credential"
    redeemed = grant.call("redeem")
    assert redeemed.status == 200, redeemed.body
    SCHEMAS.validator("grant_redeemed")(redeemed.body)
    assert redeemed.body["session"] == grant.answer["execute"]["session"]
    assert_problem(grant.call("redeem"), 409, "grant.already_redeemed")
    assert grant.call("issued").status == 200
    path = f"/decisions/{grant.decision}/outcome"
    done = {"status": "ok"}
    assert service.request("POST", path, done, token=grant.token).status == 200
    assert service.request("POST", path, done, token=grant.token).status == 200
    told = grant.call("events")
    assert (told.status, told.headers["cache-control"]) == (200, "no-store")
    assert ("outcome", grant.jti) in [(e["event"], e["jti"]) for e in told.body["events"]]
    end = {"status": "ended", "cause": "outcome", "handed_over": ["table public.invoices"]}
    grant.paths["issued"] = (*grant.paths["issued"][:2], {**grant.paths["issued"][2], **end})
    assert grant.call("issued").status == 200
    assert grant.jti not in json.dumps(grant.call("events").body)


@pytest.mark.parametrize("path", ["redeem", "issued", "events"])
def test_an_agents_token_calls_no_issuers_path(service: Service, grant: Grant, path: str) -> None:
    for token in (grant.token, person(service), service.token("root", ["administrators"], None)):
        assert_problem(grant.call(path, token), 401, "identity.issuer_refused")
    method, name, body = grant.paths[path]
    assert_problem(service.request(method, name, body), 401, "identity.missing_credential")
    assert grant.call("redeem").status == 200  # control
    assert grant.call(path).status == (409 if path == "redeem" else 200)


REFUSED = {"identity.invalid_token", "request.not_found", "access_request.unknown_task"}
"""A malformed id is nobody's, whoever asks."""


def test_an_issuers_assertion_reaches_nothing_else(service: Service, grant: Grant) -> None:
    document = service.request("GET", "/openapi.json").body
    tried = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation.get("security") == [] or "issuers" in operation["tags"]:
                continue
            example = operation.get("requestBody", {}).get("content", {}).get("application/json")
            filled = path.replace("{decision_id}", grant.decision).replace("{level}", "0")
            assertion = grant.key.assertion(f"http://127.0.0.1:{service.port}")
            body = example["example"] if example else None
            filled += "?old=1" if path.endswith("consistency") else ""
            key = {"Idempotency-Key": "k"} if path == "/access/v1/requests" else None
            answer = service.request(method.upper(), filled, body, token=assertion, headers=key)
            assert answer.status in {401, 404}, (path, answer.body)
            assert answer.body["code"] in REFUSED
            tried += answer.status == 401
    assert tried > 10


def test_another_services_assertion_is_refused(service: Service, grant: Grant) -> None:
    foreign = grant.key.assertion("https://counterfoil.other.example.com")
    assert_problem(grant.call("redeem", foreign), 401, "identity.issuer_refused")
    own = grant.key.assertion(f"http://127.0.0.1:{service.port}")
    assert grant.call("events", own).status == 200
    assert_problem(grant.call("redeem", own), 401, "identity.issuer_refused")  # used before


@pytest.mark.parametrize("query", ["wait=31", "wait=x", "wait=1&wait=1", "after=1", "since=0.0.0"])
def test_a_query_of_another_form_is_refused(grant: Grant, query: str) -> None:
    grant.paths["events"] = ("GET", f"/grants/events?{query}", None)
    assert_problem(grant.call("events"), 422, "request.schema")


def test_the_story_tells_of_the_credential(service: Service, grant: Grant) -> None:
    assert grant.call("redeem").status == 200
    assert grant.call("issued").status == 200
    done = subprocess.run(
        [*PROGRAM, "trail", grant.decision],
        cwd=service.folder,
        env=service.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{grant.credential} of {ISSUER}" in done.stdout
    assert "grant_redeemed" in done.stdout
    assert "issued: issued" not in done.stdout
