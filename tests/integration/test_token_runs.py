"""A run goes on by renewal, which never widens it and never passes its source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.core.revocation import LOGOUT_SECONDS
from deployment import URL, Deployment, acts, deployed, kinds, now
from exchange import claims_of
from main_path import leaves
from refusals import assert_refused
from service import PROMPT

CREATE = "CREATE TABLE public.invoices (id int)"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("runs")) as started:
        yield started


def test_a_renewed_token_is_the_same_run_for_a_while_longer(deployment: Deployment) -> None:
    first = deployment.opened()
    second = deployment.given(first["access_token"])
    assert second["run"] == first["run"]
    old, new = claims_of(first["access_token"]), claims_of(second["access_token"])
    assert old["jti"] != new["jti"]
    same = ("sub", "sub_iss", "tenant", "groups", "act", "run", "prompt_digest", "client_id")
    assert {name: old[name] for name in same} == {name: new[name] for name in same}
    assert deployment.ask(second["access_token"])["effect"] == "allow"
    assert kinds(deployment, first["run"])[:2] == ["run_opened", "run_renewed"]


def test_naming_its_own_agent_renews_and_hands_nothing_on(deployment: Deployment) -> None:
    first = deployment.opened()
    second = deployment.given(first["access_token"], agent="coder")
    assert acts(second["access_token"]) == ["coder"]


def test_renewal_never_passes_the_source(deployment: Deployment) -> None:
    ends = now() + 120
    first = deployment.opened(source=deployment.acme.person(exp=ends))
    token = first["access_token"]
    for _ in range(3):
        token = deployment.given(token)["access_token"]
        assert claims_of(token)["exp"] == ends


def test_a_source_older_than_logouts_are_remembered_opens_and_continues_nothing(
    deployment: Deployment,
) -> None:
    run = deployment.opened()["run"]
    for age, taken in ((LOGOUT_SECONDS - 60, True), (LOGOUT_SECONDS + 60, False)):
        source = deployment.acme.person(iat=now() - age)
        for how in ({"agent": "coder"}, {"run": run}):
            answer = deployment.exchange(source, **how)
            assert (answer.status == 200) is taken
            if not taken:
                assert_refused(answer, "subject_token_refused")


def test_a_fresh_token_of_the_provider_lets_the_run_go_on(deployment: Deployment) -> None:
    short = deployment.acme.person(exp=now() + 60)
    first = deployment.opened(source=short)
    longer = deployment.acme.person(exp=now() + 400)
    second = deployment.given(longer, run=first["run"])
    assert second["run"] == first["run"]
    assert second["expires_in"] > 300
    # From then on the longer one bounds it, also for a renewal by the token alone.
    assert deployment.given(second["access_token"])["expires_in"] > 300
    assert (
        claims_of(second["access_token"])["prompt_digest"]
        == (claims_of(first["access_token"])["prompt_digest"])
    )


def test_groups_that_the_provider_took_back_are_in_no_later_token(deployment: Deployment) -> None:
    both = deployment.acme.person(groups=["developers", "leads"])
    first = deployment.opened(source=both)
    assert claims_of(first["access_token"])["groups"] == ["developers", "leads"]
    fewer = deployment.acme.person(groups=["developers"])
    deployment.given(fewer, run=first["run"])
    for more in ({}, {"agent": "reviewer"}):
        token = deployment.given(first["access_token"], **more)["access_token"]
        assert claims_of(token)["groups"] == ["developers"]


OTHERS: dict[str, dict[str, Any]] = {
    "another person": {"sub": "bob"},
    "the same name with other case": {"sub": "Alice"},
}


@pytest.mark.parametrize("who", OTHERS)
def test_a_run_is_not_continued_by_another_persons_token(deployment: Deployment, who: str) -> None:
    run = deployment.opened()["run"]
    answer = deployment.exchange(deployment.acme.person(**OTHERS[who]), run=run)
    assert_refused(answer, "run_refused")
    assert deployment.given(deployment.acme.person(), run=run)


def test_a_run_is_not_continued_by_another_tenant_or_launcher_or_agent(
    deployment: Deployment,
) -> None:
    acme, globex = deployment.acme, deployment.globex
    first = deployment.opened()
    run, token = first["run"], first["access_token"]
    assert_refused(
        deployment.exchange(globex.person(), launcher=globex.desk, run=run), "run_refused"
    )
    assert_refused(deployment.exchange(token, launcher=globex.desk), "subject_token_refused")
    assert_refused(deployment.exchange(acme.person(), launcher=acme.other, run=run), "run_refused")
    assert_refused(deployment.exchange(token, launcher=acme.other), "run_refused")
    assert_refused(deployment.exchange(acme.person(), run=run, agent="reviewer"), "run_refused")
    assert deployment.given(token)


def test_a_run_that_nobody_opened_does_not_go_on(deployment: Deployment) -> None:
    answer = deployment.exchange(deployment.acme.person(), run="run_" + "0" * 26)
    assert_refused(answer, "run_refused")
    # Nor does one that another of our keys' tokens names: a development token has no record.
    service = deployment.service
    minted = service.token(run="run_" + "0" * 26)
    assert deployment.exchange(minted).status == 400


def test_a_run_keeps_its_prompt(deployment: Deployment) -> None:
    first = deployment.opened()
    for subject, more in (
        (first["access_token"], {"prompt": PROMPT}),
        (first["access_token"], {"run": first["run"]}),
        (deployment.acme.person(), {"prompt": PROMPT, "run": first["run"]}),
    ):
        assert_refused(deployment.exchange(subject, **more), "invalid_request")


def test_an_expired_token_renews_nothing(deployment: Deployment) -> None:
    first = deployment.opened()
    claims = claims_of(first["access_token"])
    signer = deployment.app.extensions["counterfoil"].delegation_signer
    honest = signer.sign(claims)
    assert deployment.given(honest)
    past = {**claims, "iat": now() - 600, "nbf": now() - 600, "exp": now() - 1}
    assert_refused(deployment.exchange(signer.sign(past)), "subject_token_refused")


def test_a_run_ends_whatever_is_renewed(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("short")
    with deployed(folder, more="\n[token]\nmax_run_seconds = 60\nttl_seconds = 60\n") as short:
        opened_at = now()
        first = short.opened()
        second = short.given(short.acme.person(exp=now() + 3_000), run=first["run"])
        assert claims_of(second["access_token"])["exp"] <= opened_at + 62


def test_what_a_run_is_stands_sealed_in_its_record(deployment: Deployment) -> None:
    given = deployment.opened(prompt="a prompt of nobody else")
    (leaf,) = leaves(deployment.service, given["run"])
    assert leaf["plain"] == {
        "run": given["run"],
        "actor": {"iss": URL, "sub": "coder"},
        "launcher": "acme-desk",
        "token": claims_of(given["access_token"])["jti"],
        "expires": leaf["plain"]["expires"],
        "bound": False,
        "prompt": True,
    }
    text = json.dumps(leaf)
    for secret in ("alice", "a prompt of nobody else", "developers"):
        assert secret not in text
    ledger = deployment.app.extensions["counterfoil"].ledger
    (event,) = ledger.trail("acme", given["run"])
    assert event.payload["prompt"] == b"a prompt of nobody else"
    assert ledger.trail("globex", given["run"]) == []
