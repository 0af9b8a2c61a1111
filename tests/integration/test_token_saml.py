"""A SAML code opens a run like a provider's token: once, and by who started the login."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.core.canonical import digest
from counterfoil.core.model import Subject
from counterfoil.core.sources import VerifiedSource, session_name
from counterfoil.core.token_request import TokenType
from counterfoil.flows.saml_codes import LedgerSamlCodes
from deployment import Deployment, deployed, now
from exchange import claims_of
from simulators.http_door import Answer

PROVIDER = "https://saml.acme.example.com"
VERIFIER = "v" * 43


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("saml")) as started:
        yield started


def logged_in(deployment: Deployment, **changes: Any) -> str:
    """What the ACS does once an assertion holds; returns the code."""
    adapters = deployment.app.extensions["counterfoil"]
    codes = LedgerSamlCodes(
        clock=adapters.clock,
        ids=adapters.ids,
        ledger=adapters.ledger,
        answers=adapters.ledger,
        random=secrets.token_bytes,
        ledger_timeout_seconds=8.0,
    )
    source = {
        "tenant": "acme",
        "provider": PROVIDER,
        "subject": Subject(issuer=PROVIDER, sub="alice", groups=("developers",)),
        "expires_at": float(now() + 3_600),
        "session": "s_1",
        "issued_at": float(now()),
        **changes,
    }
    challenge = digest(VERIFIER.encode())
    return codes.keep(VerifiedSource(**source), code_challenge=challenge, now=float(now()))


def redeem(deployment: Deployment, code: str, **changes: Any) -> Answer:
    fields = {
        "subject_token_type": TokenType.SAML_CODE.value,
        "code_verifier": VERIFIER,
        "agent": "coder",
        "prompt": "Do it",
        **changes,
    }
    return deployment.exchange(code, **fields)


def test_a_code_opens_a_run_for_the_person_of_the_assertion(deployment: Deployment) -> None:
    answer = redeem(deployment, logged_in(deployment))
    assert answer.status == 200, answer.json
    claims = claims_of(answer.json["access_token"])
    assert (claims["sub_iss"], claims["sub"]) == (PROVIDER, "alice")
    assert claims["session"] == session_name(PROVIDER, "s_1")
    assert deployment.ask(answer.json["access_token"])["effect"] == "allow"
    # The code is spent, so it renews by its token, up to the end of the session.
    assert deployment.given(answer.json["access_token"])["run"] == answer.json["run"]


def test_a_run_ends_with_the_session_of_the_assertion(deployment: Deployment) -> None:
    ends = now() + 90
    answer = redeem(deployment, logged_in(deployment, expires_at=float(ends)))
    token = answer.json["access_token"]
    assert claims_of(token)["exp"] == ends
    assert claims_of(deployment.given(token)["access_token"])["exp"] == ends


def test_a_code_is_used_once(deployment: Deployment) -> None:
    code = logged_in(deployment)
    assert redeem(deployment, code).status == 200
    again = redeem(deployment, code)
    assert (again.status, again.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"subject_token_type": TokenType.ID_TOKEN.value, "code_verifier": None},
        {"subject_token_type": TokenType.ACCESS_TOKEN.value, "code_verifier": None},
    ],
)
def test_a_stolen_code_is_worth_nothing(deployment: Deployment, changes: dict[str, Any]) -> None:
    answer = redeem(deployment, logged_in(deployment), **changes)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["error_uri"].endswith("token.subject_token_refused")


def test_a_code_of_another_tenants_person_is_worth_nothing(deployment: Deployment) -> None:
    code = logged_in(deployment, tenant="globex")
    assert redeem(deployment, code).status == 400
    theirs = redeem(
        deployment, logged_in(deployment, tenant="globex"), launcher=deployment.globex.desk
    )
    assert theirs.status == 200  # control
