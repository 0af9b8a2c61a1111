"""`POST /token` opens a run: a person's own token in, a delegation token for one agent out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.core.sources import session_name
from exchange import claims_of, form, opened, person, post
from main_path import (
    CREATE,
    ask,
    assert_allowed,
    assert_denied,
    assert_problem,
    assert_receipt,
    assert_secret,
    everything_stored,
    leaves,
)
from refusals import assert_refused
from service import Service, prompt_digest, sql_request
from simulators.hostile_session import SCHEMAS

PROMPT = "Add an invoices table"
WITHOUT_PROMPT = sql_request(CREATE, None)


def test_a_delegation_token_acts_for_its_person_through_its_agent(service: Service) -> None:
    given = opened(service, prompt=PROMPT)
    SCHEMAS.validator("token_response")(given)
    assert given["token_type"] == "Bearer"
    claims = claims_of(given["access_token"])
    assert claims["exp"] - claims["iat"] == given["expires_in"] <= 600
    assert {name: claims[name] for name in claims if name not in {"iat", "nbf", "exp", "jti"}} == {
        "iss": DEVELOPMENT_ISSUER,
        "aud": "counterfoil",
        "sub": "alice",
        "sub_iss": DEVELOPMENT_ISSUER,
        "tenant": "default",
        "groups": ["developers"],
        "act": {"iss": DEVELOPMENT_ISSUER, "sub": "coder", "sub_profile": "ai_agent"},
        "client_id": "development",
        "run": given["run"],
        "prompt_digest": prompt_digest(PROMPT),
    }
    assert_allowed(ask(service, WITHOUT_PROMPT, given["access_token"]).body)


def test_the_key_that_signs_is_published_beside_the_grants_and_is_another(
    service: Service,
) -> None:
    header = claims_header(opened(service)["access_token"])
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    keys = service.request("GET", "/.well-known/jwks.json").body["keys"]
    grant = ask(service, sql_request(CREATE)).body["scoped_token_request"]["signed_request"]
    assert [key["kid"] for key in keys] == [claims_header(grant)["kid"], header["kid"]]
    assert len({key["x"] for key in keys}) == 2


def claims_header(token: str) -> dict[str, Any]:
    return claims_of(f"x.{token.split('.', maxsplit=1)[0]}.x")


def test_the_prompt_is_recorded_once_and_no_other_counts_in_the_run(service: Service) -> None:
    given = opened(service, prompt=PROMPT)
    token = given["access_token"]
    (leaf,) = leaves(service, given["run"])
    assert leaf["event"] == "run_opened"
    assert "prompt" in leaf["commitments"]
    assert_receipt(service, given["receipt"])
    assert_allowed(ask(service, WITHOUT_PROMPT, token).body)
    assert_allowed(ask(service, sql_request(CREATE, PROMPT), token).body)
    assert_problem(
        ask(service, sql_request(CREATE, "Another prompt"), token), 422, "request.schema"
    )
    assert PROMPT not in everything_stored(service)


def test_a_run_without_a_prompt_states_one_in_each_request(service: Service) -> None:
    token = opened(service, prompt=None)["access_token"]
    assert "prompt_digest" not in claims_of(token)
    assert_problem(ask(service, WITHOUT_PROMPT, token), 422, "request.schema")
    assert_allowed(ask(service, sql_request(CREATE), token).body)


@pytest.mark.parametrize(
    "prompt", ["é ünïcödé 𝄞", "a+b c%20d&e=f", "two\nlines\ttab", "x" * 65_536]
)
def test_every_prompt_arrives_as_it_was_typed(service: Service, prompt: str) -> None:
    claims = claims_of(opened(service, prompt=prompt)["access_token"])
    assert claims["prompt_digest"] == prompt_digest(prompt)


def test_a_token_never_outlives_its_source(service: Service) -> None:
    soon = int(time.time()) + 90  # noqa: TID251
    claims = claims_of(opened(service, source=person(service, exp=soon))["access_token"])
    assert claims["exp"] == soon
    # Control: a source that lives longer than a token may gives fifteen minutes, no more.
    later = person(service, exp=soon + 3_000, iat=soon - 90)
    assert opened(service, source=later)["expires_in"] == 900


def test_the_session_of_the_provider_is_named_and_not_told(service: Service) -> None:
    source = person(service, sid="session-of-alice")
    claims = claims_of(opened(service, source=source)["access_token"])
    assert claims["session"] == session_name(DEVELOPMENT_ISSUER, "session-of-alice")
    assert "session-of-alice" not in json.dumps(claims)


def test_the_source_token_is_kept_nowhere(service: Service) -> None:
    source = person(service)
    given = opened(service, source=source)
    assert_secret(json.dumps(given) + everything_stored(service), [source])
    assert_secret("\n".join(service.lines), [source, given["access_token"]])
    assert_secret(everything_stored(service), [given["access_token"]])


REFUSED_SOURCES: dict[str, dict[str, Any]] = {
    "of another service": {"aud": "billing"},
    "expired": {"exp": 1_700_000_000, "iat": 1_699_999_000, "nbf": 1_699_999_000},
    "of the future": {"iat": 4_000_000_000, "nbf": 4_000_000_000, "exp": 4_000_000_600},
    "of an agent": {"act": {"iss": DEVELOPMENT_ISSUER, "sub": "coder"}},
    "bound to something else than a key": {"cnf": {"x5t#S256": "A" * 43}},
    "of a logout": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "of nobody": {"sub": ""},
    "of an unknown issuer": {"iss": "https://evil.example"},
    "that ends this second": {"exp": int(time.time()) + 1},  # noqa: TID251
}


@pytest.mark.parametrize("kind", REFUSED_SOURCES)
def test_what_proves_no_person_gives_no_token(service: Service, kind: str) -> None:
    assert opened(service)  # control
    time.sleep(1.1 if kind == "that ends this second" else 0)
    source = person(service, **REFUSED_SOURCES[kind])
    answer = post(service, form(service, source, agent="coder"))
    assert_refused(answer, "subject_token_refused")
    SCHEMAS.validator("oauth_error")(answer.body)
    assert "subject token" in answer.body["error_description"]


def test_every_refused_source_gets_the_same_answer(service: Service) -> None:
    answers = {
        json.dumps(post(service, form(service, token, agent="coder")).body)
        for token in (
            person(service, aud="billing"),
            person(service, sub=""),
            "not-a-token",
            person(service)[:-4] + "AAAA",
        )
    }
    assert len(answers) == 1


def test_a_launcher_starts_only_agents_that_list_it(service: Service) -> None:
    source = person(service)
    for agent in ("stranger", "Coder", "coder."):
        answer = post(service, form(service, source, agent=agent))
        assert_refused(answer, "launcher_not_allowed", "unauthorized_client")
    assert_refused(post(service, form(service, source)), "invalid_request")


@pytest.mark.parametrize(
    "changes", [{"client_secret": "x" * 40}, {"client_secret": ""}, {"client_id": "stranger"}]
)
def test_a_launcher_of_development_proves_its_secret(
    service: Service, changes: dict[str, str]
) -> None:
    answer = post(service, form(service, person(service), agent="coder", **changes))
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert opened(service)["run"]


def test_the_ceiling_of_the_agent_bounds_what_its_person_may(service: Service) -> None:
    # Alice may create tables, and the policy's data lists coder for it; reviewer it does not.
    coder = opened(service, agent="coder")["access_token"]
    assert_allowed(ask(service, WITHOUT_PROMPT, coder).body)
    reviewer = opened(service, agent="reviewer")["access_token"]
    assert_denied(ask(service, WITHOUT_PROMPT, reviewer).body, "policy.default_deny")


def test_an_agents_token_carries_none_of_its_persons_roles(service: Service) -> None:
    source = service.token("carol", ["compliance", "developers"], agent=None)
    decided = ask(service, sql_request(CREATE), service.token("bob")).body["decision_id"]
    assert service.request("GET", f"/decisions/{decided}", token=source).status == 200
    token = opened(service, source=source)["access_token"]
    assert service.request("GET", f"/decisions/{decided}", token=token).status == 404
