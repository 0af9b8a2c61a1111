"""A delegation token is bound to the key that the launcher proved (RFC 9449 §5), and stays so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deployment import URL, Deployment, deployed, now
from exchange import claims_of
from proofs import Prover
from refusals import assert_refused
from service import sql_request
from simulators.hostile_session import SCHEMAS
from simulators.http_door import Answer

TOKEN_URL = f"{URL}/token"
NO_PROOF = ("invalid_dpop_proof",) * 2
SELECT = sql_request("SELECT a FROM public.t", None)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("bound")) as started:
        yield started


def proof(prover: Prover, **changes: Any) -> str:
    """A proof for the token endpoint, `ath` left out: the subject token is no credential there."""
    made = {"method": "POST", "url": TOKEN_URL, "now": float(now()), "token": None, **changes}
    return prover.proof(**made)


def exchange(deployment: Deployment, subject: str, dpop: str | None, **more: Any) -> Answer:
    headers = {} if dpop is None else {"HTTP_DPOP": dpop}
    return deployment.exchange(subject, headers=headers, **more)


def opened(deployment: Deployment, prover: Prover, **claims: Any) -> dict[str, Any]:
    source = deployment.acme.person(**claims)
    answer = exchange(deployment, source, proof(prover), agent="coder", prompt="Do it")
    assert answer.status == 200, answer.json
    body: dict[str, Any] = answer.json
    return body


def use(deployment: Deployment, token: str, prover: Prover | None) -> Answer:
    """Ask for a decision: by the scheme and a proof of the key, or as a bearer token."""
    if prover is None:
        return deployment.call("POST", "/authorize", token, SELECT)
    fresh = prover.proof(method="POST", url=f"{URL}/authorize", now=float(now()), token=token)
    return deployment.call(
        "POST", "/authorize", None, SELECT, HTTP_AUTHORIZATION=f"DPoP {token}", HTTP_DPOP=fresh
    )


def test_a_bound_token_is_worth_nothing_without_its_key(deployment: Deployment) -> None:
    prover = Prover()
    given = opened(deployment, prover)
    assert given["token_type"] == "DPoP"
    assert claims_of(given["access_token"])["cnf"] == prover.cnf
    assert use(deployment, given["access_token"], prover).json["effect"] == "allow"
    for thief in (None, Prover()):
        assert use(deployment, given["access_token"], thief).status == 401


def test_the_grant_names_the_key(deployment: Deployment) -> None:
    prover = Prover()
    token = opened(deployment, prover)["access_token"]
    answer = use(deployment, token, prover).json
    signed = claims_of(answer["scoped_token_request"]["signed_request"])
    SCHEMAS.validator("grant")(signed)
    assert signed["cnf"] == prover.cnf


def test_a_bound_token_is_renewed_and_handed_on_with_its_key_alone(
    deployment: Deployment,
) -> None:
    prover = Prover()
    token = opened(deployment, prover)["access_token"]
    for more in ({}, {"agent": "reviewer"}):
        given = exchange(deployment, token, proof(prover), **more)
        assert given.status == 200, given.json
        assert claims_of(given.json["access_token"])["cnf"] == prover.cnf
        assert use(deployment, given.json["access_token"], prover).status == 200
        assert_refused(exchange(deployment, token, None, **more), *NO_PROOF)
        assert_refused(exchange(deployment, token, proof(Prover()), **more), *NO_PROOF)


def test_a_token_that_was_not_bound_is_bound_when_it_is_renewed(deployment: Deployment) -> None:
    prover = Prover()
    token = deployment.opened()["access_token"]
    given = exchange(deployment, token, proof(prover)).json
    assert claims_of(given["access_token"])["cnf"] == prover.cnf
    assert use(deployment, given["access_token"], None).status == 401


def test_a_bound_source_wants_the_proof_of_its_own_key(deployment: Deployment) -> None:
    prover = Prover()
    assert opened(deployment, prover, cnf=prover.cnf)
    source = deployment.acme.person(cnf=prover.cnf)
    for dpop in (None, proof(Prover())):
        assert_refused(exchange(deployment, source, dpop, agent="coder"), *NO_PROOF)


HOSTILE: dict[str, dict[str, Any]] = {
    "for another method": {"method": "GET"},
    "for another path": {"url": f"{URL}/authorize"},
    "for another server": {"url": "https://evil.example/token"},
    "of yesterday": {"now": float(now() - 86_400)},
    "of tomorrow": {"now": float(now() + 86_400)},
    "that is a token": {"header": {"typ": "at+jwt"}},
    "signed by nobody": {"header": {"alg": "none"}},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_proof_that_does_not_hold_gives_no_token(deployment: Deployment, kind: str) -> None:
    prover = Prover()
    assert opened(deployment, prover)  # control
    hostile = proof(prover, **HOSTILE[kind])
    answer = exchange(deployment, deployment.acme.person(), hostile, agent="coder")
    assert_refused(answer, *NO_PROOF)


@pytest.mark.parametrize("header", ["", "x", "a.b.c, d.e.f", "a.b.c.d"])
def test_a_header_that_is_no_proof_gives_no_token(deployment: Deployment, header: str) -> None:
    assert_refused(exchange(deployment, deployment.acme.person(), header, agent="coder"), *NO_PROOF)


def test_a_proof_counts_once(deployment: Deployment) -> None:
    used = proof(Prover())
    source = deployment.acme.person()
    assert exchange(deployment, source, used, agent="coder").status == 200
    assert_refused(exchange(deployment, source, used, agent="coder"), *NO_PROOF)
