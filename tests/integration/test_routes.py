"""Every route is in the document and the reverse, and answers whom the document names."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from service import Answer, Service, sql_request
from simulators.hostile_session import SCHEMAS
from simulators.in_process import application_over

ALICE_RUN = "run_" + secrets.token_hex(13)


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    body: dict[str, Any] = service.request("GET", "/openapi.json").body
    return body


@pytest.fixture(scope="module")
def decision(service: Service) -> str:
    """An allowed decision of alice, through coder, in one run."""
    answer = service.authorize(token=service.token(run=ALICE_RUN))
    assert answer.body["effect"] == "allow"
    SCHEMAS.validator("authorization_response")(answer.body)
    return str(answer.body["decision_id"])


def _tokens(service: Service) -> dict[str, str | None]:
    return {
        "nobody": None,
        "her agent": service.token(run=ALICE_RUN),
        "her agent in another run": service.token(),
        "another agent of hers": service.token(agent="reviewer", run=ALICE_RUN),
        "another's agent": service.token("bob", run=ALICE_RUN),
        "herself": service.token(agent=None),
        "another person": service.token("bob", agent=None),
        "auditor": service.token("carol", ["compliance"], agent=None),
        "auditor's agent": service.token("carol", ["compliance"]),
        "expired": service.token(exp=1_700_000_000, iat=1_699_999_000, nbf=1_699_999_000),
    }


READERS = {"her agent": 200, "herself": 200, "auditor": 200, "nobody": 401, "expired": 401}
REPORTERS = {"her agent": 200, "nobody": 401}


@pytest.mark.parametrize(
    "who",
    [
        "nobody", "her agent", "her agent in another run", "another agent of hers", "another's agent",
        "herself", "another person", "auditor", "auditor's agent", "expired",
    ],
)  # fmt: skip
def test_a_decision_is_read_by_those_the_document_names(
    service: Service, decision: str, who: str
) -> None:
    answer = service.request("GET", f"/decisions/{decision}", token=_tokens(service)[who])
    assert answer.status == READERS.get(who, 404), answer.body
    if answer.status == 200:
        SCHEMAS.validator("decision_trail")(answer.body)
        assert answer.body["events"][0]["event"] == "decided"


@pytest.mark.parametrize(
    "who",
    [
        "another's agent",
        "her agent in another run",
        "another agent of hers",
        "auditor's agent",
        "herself",
        "auditor",
        "nobody",
        "her agent",
    ],
)
def test_an_outcome_is_taken_from_the_decisions_own_agent_alone(
    service: Service, decision: str, who: str
) -> None:
    answer = service.request(
        "POST",
        f"/decisions/{decision}/outcome",
        {"status": "ok", "length": 12},
        token=_tokens(service)[who],
    )
    if who in {"herself", "auditor"}:
        assert answer.status in {401, 403, 404}, answer.body
        SCHEMAS.validator("problem")(answer.body)
    else:
        assert answer.status == REPORTERS.get(who, 404), answer.body
    if answer.status == 200:
        SCHEMAS.validator("outcome_response")(answer.body)


@pytest.mark.parametrize("path", ["/authorize", "/authorize/batch"])
def test_deciding_wants_an_agent_that_acts_for_a_person(service: Service, path: str) -> None:
    item = sql_request("CREATE TABLE public.t (id int)")
    body = {"actions": [item]} if path.endswith("batch") else item
    tokens = _tokens(service)
    assert service.request("POST", path, body, token=tokens["her agent"]).status == 200
    for who, code in (
        ("nobody", "identity.missing_credential"),
        ("expired", "identity.invalid_token"),
        ("herself", "identity.actor_required"),
        ("auditor", "identity.actor_required"),
    ):
        answer = service.request("POST", path, body, token=tokens[who])
        assert (answer.status, answer.body["code"]) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/readyz?verbose",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource",
    ],
)
def test_public_paths_want_no_credential_and_take_any(service: Service, path: str) -> None:
    for token in _tokens(service).values():
        assert service.request("GET", path, token=token).status == 200


@pytest.mark.parametrize(
    "decision_id",
    ["dec_" + "0" * 26, "dec_" + "0" * 25, "x", "%00", "dec_%27%3B--", "..%2F..%2Flivez"],
)
def test_an_id_that_does_not_exist_is_404_in_every_form(service: Service, decision_id: str) -> None:
    token = service.token("carol", ["compliance"], agent=None)
    answer = service.request("GET", f"/decisions/{decision_id}", token=token)
    assert (answer.status, answer.body["code"]) == (404, "request.not_found")


def test_every_operation_of_the_document_is_served(
    service: Service, document: dict[str, Any]
) -> None:
    for path, item in document["paths"].items():
        real = path.replace("{decision_id}", "dec_" + "0" * 26)
        real = real.replace("{level}", "0").replace("{tile}", "000")
        wrong = service.request("TRACE", real)
        assert wrong.status == 405
        allowed = set(wrong.headers["allow"].split(", ")) - {"HEAD"}
        assert allowed == {method.upper() for method in item}


def test_every_route_is_in_the_document(service: Service, document: dict[str, Any]) -> None:
    with application_over(service) as app:
        served = {
            (re.sub(r"<(?:path:)?([a-z_]+)>", r"{\1}", rule.rule), method.lower())
            for rule in app.url_map.iter_rules()
            # Pages for people are no API; tests/console.py has a row for each.
            if not rule.rule.startswith("/console")
            for method in (rule.methods or set()) - {"HEAD"}
        }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert served == described


def test_the_examples_of_the_document_get_the_answers_that_it_shows(
    service: Service, document: dict[str, Any]
) -> None:
    for path in ("/authorize", "/authorize/batch"):
        operation = document["paths"][path]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer: Answer = service.request("POST", path, example, token=service.token())
        assert answer.status == 200
        shown = operation["responses"]["200"]["content"]["application/json"]["example"]
        assert set(answer.body) == set(shown)


def test_a_foreign_host_is_turned_away_in_development(service: Service) -> None:
    for host, status in ((f"127.0.0.1:{service.port}", 200), ("evil.example", 421)):
        assert service.request("GET", "/livez", headers={"Host": host}).status == status
