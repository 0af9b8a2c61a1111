"""Which token and which proof a request brought (RFC 6750, RFC 9449 §7)."""

from __future__ import annotations

import pytest

from counterfoil.http.credentials import Credentials
from simulators.http_door import PUBLIC_URL, Answer, Door, honest

TOKEN = "eyJh.eyJz.c2ln"
PROOF = "eyJo.eyJw.c2ln"


@pytest.fixture
def door() -> Door:
    return Door()


def who(door: Door, authorization: str | None, proof: str | None = None) -> Answer:
    return door.send(PATH_INFO="/who", HTTP_AUTHORIZATION=authorization, HTTP_DPOP=proof)


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "DPoP "])
def test_bound_token_comes_with_its_proof_for_this_request(door: Door, scheme: str) -> None:
    answer = who(door, f"{scheme} {TOKEN}", PROOF)
    assert answer.json == {"token": TOKEN, "proof": [PROOF, "POST", PUBLIC_URL + "/who"]}


def test_bearer_token_has_no_proof_even_where_one_came(door: Door) -> None:
    # RFC 9449 §7.2: so a bound token that comes as a bearer token is refused.
    for proof in (None, PROOF, "rubbish"):
        assert who(door, f"Bearer {TOKEN}", proof).json == {"token": TOKEN, "proof": None}


def test_no_credential_is_no_credential(door: Door) -> None:
    assert who(door, None, PROOF).json == {"token": None, "proof": None}


@pytest.mark.parametrize(
    "proof",
    [
        None,
        "",
        "a.b",
        "a.b.c.d",
        f"{PROOF},{PROOF}",
        f"{PROOF}, {PROOF}",
        f"{PROOF} ",
        f"{PROOF}=",
        f'"{PROOF}"',
        "a..c",
        "a" * 16_384 + ".b.c",
        f"{PROOF}\n",
        "é.b.c",
    ],
)
def test_scheme_wants_exactly_one_proof(door: Door, proof: str | None) -> None:
    assert who(door, f"DPoP {TOKEN}", PROOF).status == 200
    answer = who(door, f"DPoP {TOKEN}", proof)
    assert (answer.status, answer.problem()["code"]) == (401, "identity.invalid_token")
    assert 'DPoP error="invalid_dpop_proof"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "authorization",
    [
        "DPoP",
        "DPoP ",
        f"DPoP {TOKEN} ",
        f" DPoP {TOKEN}",
        f"DPoP\t{TOKEN}",
        f"DPoP {TOKEN},DPoP {TOKEN}",
        f"DPoP {TOKEN}, Bearer {TOKEN}",
        f"Bearer {TOKEN}, DPoP {TOKEN}",
        f'DPoP token="{TOKEN}"',
        f"DPoPs {TOKEN}",
        "DPoP " + "a" * 16_384,
        f"Basic {TOKEN}",
    ],
)
def test_no_other_form_of_the_header_is_read(door: Door, authorization: str) -> None:
    answer = who(door, authorization, PROOF)
    assert (answer.status, answer.problem()["code"]) == (401, "identity.invalid_token")


def test_host_header_names_the_target_in_development_alone() -> None:
    environ = honest(HTTP_DPOP=PROOF, HTTP_HOST="localhost:8282", PATH_INFO="/authorize")
    public = Credentials(PUBLIC_URL).proof(environ)
    development = Credentials(PUBLIC_URL, by_host=True).proof(environ)
    assert public is not None
    assert development is not None
    assert public.url == PUBLIC_URL + "/authorize"
    assert development.url == "http://localhost:8282/authorize"
