"""A run is handed on from agent to agent, which only narrows it; what our tokens say is read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from counterfoil.config import load_config
from counterfoil.errors import MissingClaim
from counterfoil.identity.credentials import Verifier
from deployment import URL, Deployment, acts, deployed, kinds, now
from exchange import claims_of
from main_path import assert_denied
from refusals import assert_refused
from service import prompt_digest, sql_request
from simulators.hostile_session import SCHEMAS

CREATE = "CREATE TABLE public.invoices (id int)"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("chains")) as started:
        yield started


def test_an_agent_hands_on_to_one_that_its_entry_lists(deployment: Deployment) -> None:
    first = deployment.opened()
    second = deployment.given(first["access_token"], agent="reviewer")
    assert second["run"] == first["run"]
    assert acts(second["access_token"]) == ["reviewer", "coder"]
    old, new = claims_of(first["access_token"]), claims_of(second["access_token"])
    assert new["exp"] <= old["exp"]
    for name in ("sub", "sub_iss", "tenant", "groups", "run", "prompt_digest"):
        assert new[name] == old[name]
    assert deployment.ask(second["access_token"])["effect"] == "allow"
    assert "run_handed_on" in kinds(deployment, first["run"])


def test_a_chain_may_do_what_every_agent_of_it_may(deployment: Deployment) -> None:
    coder = deployment.opened()["access_token"]
    assert deployment.ask(coder, CREATE)["effect"] == "allow"
    # The data lets reviewer not create, whoever hands on to it.
    reviewer = deployment.given(coder, agent="reviewer")["access_token"]
    assert_denied(deployment.ask(reviewer, CREATE), "policy.default_deny")
    # Planner's ceiling lets it not create, and so neither the coder that it hands on to.
    planner = deployment.opened(agent="planner")["access_token"]
    assert_denied(deployment.ask(planner, CREATE), "policy.default_deny")
    handed = deployment.given(planner, agent="coder")["access_token"]
    assert_denied(deployment.ask(handed, CREATE), "policy.default_deny")
    for token in (coder, reviewer, planner, handed):
        assert deployment.ask(token)["effect"] == "allow"


def test_who_may_not_hand_on_hands_nothing_on(deployment: Deployment) -> None:
    planner = deployment.opened(agent="planner")["access_token"]
    assert_refused(deployment.exchange(planner, agent="reviewer"), "hand_on_refused")
    reviewer = deployment.opened(agent="reviewer")["access_token"]
    for agent in ("coder", "planner"):
        assert_refused(deployment.exchange(reviewer, agent=agent), "hand_on_refused")
    assert acts(deployment.given(planner, agent="coder")["access_token"]) == ["coder", "planner"]


def test_the_launcher_that_asks_may_start_the_next_agent(deployment: Deployment) -> None:
    coder = deployment.opened()["access_token"]
    acme = deployment.acme
    # The other launcher may start reviewer, and may not start planner.
    given = deployment.given(coder, agent="reviewer", launcher=acme.other)
    assert claims_of(given["access_token"])["client_id"] == "acme-other"
    refused = deployment.exchange(coder, agent="planner", launcher=acme.other)
    assert_refused(refused, "launcher_not_allowed", "unauthorized_client")
    foreign = deployment.exchange(coder, agent="reviewer", launcher=deployment.globex.desk)
    assert_refused(foreign, "subject_token_refused")


def test_a_chain_is_at_most_four_agents_long(deployment: Deployment) -> None:
    token = deployment.opened(agent="planner")["access_token"]
    for agent in ("coder", "planner", "coder"):
        token = deployment.given(token, agent=agent)["access_token"]
    assert acts(token) == ["coder", "planner", "coder", "planner"]
    assert_refused(deployment.exchange(token, agent="reviewer"), "hand_on_refused")


def test_a_chain_never_outlives_the_token_behind_it(deployment: Deployment) -> None:
    ends = now() + 90
    coder = deployment.opened(source=deployment.acme.person(exp=ends))["access_token"]
    # The run may go on by a longer source; what was handed on before does not.
    deployment.given(deployment.acme.person(exp=ends + 400), run=claims_of(coder)["run"])
    reviewer = deployment.given(coder, agent="reviewer")["access_token"]
    assert claims_of(reviewer)["exp"] == ends
    for agent in (None, "reviewer"):
        assert_refused(deployment.exchange(reviewer, agent=agent), "run_refused")


def test_the_grant_names_the_whole_chain(deployment: Deployment) -> None:
    planner = deployment.opened(agent="planner")["access_token"]
    coder = deployment.given(planner, agent="coder")["access_token"]
    decision = deployment.ask(coder)
    signed = claims_of(decision["scoped_token_request"]["signed_request"])
    SCHEMAS.validator("grant")(signed)
    assert signed["act"] == {
        "iss": URL,
        "sub": "coder",
        "sub_profile": "ai_agent",
        "act": {"iss": URL, "sub": "planner", "sub_profile": "ai_agent"},
    }
    trail = deployment.call("GET", f"/decisions/{decision['decision_id']}", coder).json
    caller = trail["events"][0]["payload"]["caller"]
    assert caller["actor"]["via"] == [{"iss": URL, "sub": "planner"}]


# What a token of ours says is read strictly all the same


FORGED: dict[str, dict[str, Any]] = {
    "of another audience": {"aud": "billing"},
    "with a prompt digest that is none": {"prompt_digest": "sha256:x"},
    "of a list of audiences": {"aud": ["counterfoil"]},
    "that lives for an hour": {"exp": now() + 3_600},
    "without an agent": {"act": None},
    "with an agent of another issuer": {"act": {"iss": "https://evil.example", "sub": "coder"}},
    "with an agent without issuer": {"act": {"sub": "coder"}},
    "with an agent that is not registered": {"act": {"iss": URL, "sub": "stranger"}},
    "with another tenant's agent": {"tenant": "nowhere"},
    "handed on by one that is not registered": {
        "act": {"iss": URL, "sub": "coder", "act": {"iss": URL, "sub": "stranger"}}
    },
    "with an act that is text": {"act": "coder"},
    "without a run": {"run": None},
    "without a tenant": {"tenant": None},
    "without a jti": {"jti": None},
    "without a launcher": {"client_id": None},
    "without groups": {"groups": None},
    "with groups that are text": {"groups": "developers"},
    "with a group that is a number": {"groups": [7]},
    "without a person": {"sub": None},
    "whose person nobody vouches for": {"sub_iss": None},
    "bound to a key": {"cnf": {"jkt": "A" * 43}},
    "of the future": {"iat": 4_000_000_000, "exp": 4_000_000_600},
    "with times that are text": {"iat": "1", "exp": "2"},
    "with times that are true": {"iat": True, "exp": True},
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_mistake_of_the_signing_side_becomes_no_authority(
    deployment: Deployment, kind: str
) -> None:
    claims = claims_of(deployment.opened()["access_token"])
    signer = deployment.app.extensions["counterfoil"].delegation_signer
    fresh = {**claims, "jti": "tok_control"}
    assert deployment.ask(signer.sign(fresh))["effect"] == "allow"
    changed = {**fresh, "jti": f"tok_{kind}", **FORGED[kind]}
    token = signer.sign({name: value for name, value in changed.items() if value is not None})
    answer = deployment.call(
        "POST", "/authorize", token, sql_request("SELECT a FROM public.t", None)
    )
    assert (answer.status, answer.json["code"]) == (401, "identity.invalid_token")


@pytest.mark.parametrize("agent", [None, "reviewer"])
def test_a_token_that_states_another_prompt_than_its_run_goes_no_further(
    deployment: Deployment, agent: str | None
) -> None:
    claims = claims_of(deployment.opened()["access_token"])
    signer = deployment.app.extensions["counterfoil"].delegation_signer
    for digest in (prompt_digest("Drop every table"), None):
        changed = {**claims, "jti": "tok_prompt", "prompt_digest": digest}
        token = signer.sign({name: value for name, value in changed.items() if value is not None})
        assert_refused(deployment.exchange(token, agent=agent), "run_refused")
    honest = signer.sign({**claims, "jti": "tok_honest"})
    assert deployment.given(honest, agent=agent)["run"] == claims["run"]


def test_a_chain_deeper_than_any_is_refused(deployment: Deployment) -> None:
    claims = claims_of(deployment.opened()["access_token"])
    signer = deployment.app.extensions["counterfoil"].delegation_signer
    act: dict[str, Any] = {"iss": URL, "sub": "coder"}
    for depth, status in ((2, 200), (3, 200), (4, 200), (5, 401), (900, 401)):
        nested = act
        for _ in range(depth - 1):
            nested = {**act, "act": nested}
        token = signer.sign({**claims, "act": nested, "jti": f"tok_{depth}"})
        body = sql_request("SELECT a FROM public.t", None)
        assert deployment.call("POST", "/authorize", token, body).status == status, depth


@pytest.mark.parametrize("signed_by", ["provider", "launcher", "grant"])
def test_only_the_delegation_key_signs_delegation_tokens(
    deployment: Deployment, signed_by: str
) -> None:
    claims = claims_of(deployment.opened()["access_token"])
    adapters = deployment.app.extensions["counterfoil"]
    signer = {
        "provider": deployment.acme.idp.signers[-1],
        "launcher": deployment.acme.desk.signer,
        "grant": adapters.signer,
    }[signed_by]
    body = sql_request("SELECT a FROM public.t", None)
    assert deployment.call("POST", "/authorize", signer.sign(claims), body).status == 401
    honest = adapters.delegation_signer.sign(claims)
    assert deployment.call("POST", "/authorize", honest, body).status == 200


def test_an_agent_that_is_registered_no_more_ends_its_tokens(deployment: Deployment) -> None:
    """The configuration changes at a restart; what it read is changed here instead."""
    token = deployment.given(deployment.opened()["access_token"], agent="reviewer")["access_token"]
    path = deployment.folder / "counterfoil.toml"
    config = load_config(path, deployment.service.environment)
    signer = deployment.app.extensions["counterfoil"].delegation_signer
    assert Verifier(config, signer=signer).verify(token, now=now()).actor
    agents = tuple(a for a in config.identity.agents if a.name != "coder")
    fewer = replace(config, identity=replace(config.identity, agents=agents))
    with pytest.raises(MissingClaim, match="not registered"):
        Verifier(fewer, signer=signer).verify(token, now=now())
