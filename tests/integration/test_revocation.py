"""An administrator ends a person's, an agent's, a run's or a token's rights: all of it, at once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from counterfoil.app import create_app
from counterfoil.config import load_config
from counterfoil.core.revocation import ORDERS
from deployment import URL, Deployment, deployed, now
from exchange import claims_of
from main_path import assert_receipt, everything_stored, leaves
from revoking import SELECT, administrator, next_second, person, revoke, works
from simulators import http_door


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    # No second of the provider's clock is in doubt here; see the test of its own below.
    more = "\n[identity]\nleeway_seconds = 0\n"
    with deployed(tmp_path_factory.mktemp("revocation"), more=more) as started:
        yield started


# What ends, and what does not


def test_a_revoked_run_is_over_and_no_other(deployment: Deployment) -> None:
    first, other = deployment.opened(), deployment.opened()
    renewed = deployment.given(first["access_token"])["access_token"]
    handed = deployment.given(first["access_token"], agent="reviewer")["access_token"]
    tokens = [first["access_token"], renewed, handed]
    assert all(works(deployment, token) for token in tokens)
    revoke(deployment, run=first["run"])
    assert not any(works(deployment, token) for token in tokens)
    assert works(deployment, other["access_token"])
    # It does not go on: by its token, by a fresh one of the provider, or by another agent.
    next_second()
    for subject, more in (
        (first["access_token"], {}),
        (first["access_token"], {"agent": "reviewer"}),
        (deployment.acme.person(), {"run": first["run"]}),
    ):
        assert deployment.exchange(subject, **more).status == 400
    assert deployment.given(deployment.acme.person(), run=other["run"])


def test_a_revoked_token_is_over_and_its_run_goes_on(deployment: Deployment) -> None:
    first = deployment.opened()
    second = deployment.given(first["access_token"])
    revoke(deployment, token=claims_of(first["access_token"])["jti"])
    assert not works(deployment, first["access_token"])
    assert deployment.exchange(first["access_token"]).status == 400
    assert works(deployment, second["access_token"])


def test_a_revoked_person_logs_in_again_and_begins_anew(deployment: Deployment) -> None:
    source = deployment.acme.person("dora")
    first = deployment.opened(source=source)
    bystander = deployment.opened(source=deployment.acme.person("erin"))
    namesake = deployment.opened(deployment.globex, source=deployment.globex.person("dora"))
    revoke(deployment, subject=person("dora"))
    assert not works(deployment, first["access_token"])
    assert works(deployment, bystander["access_token"])
    assert works(deployment, namesake["access_token"])
    assert deployment.exchange(source, agent="coder").status == 400
    assert deployment.call("GET", "/approvals", source).status == 401
    next_second()
    fresh = deployment.acme.person("dora")
    assert works(deployment, deployment.opened(source=fresh)["access_token"])
    # What was opened before is over, however fresh the login.
    assert deployment.exchange(fresh, run=first["run"]).status == 400


def test_a_revoked_agent_ends_every_chain_that_it_stands_in(deployment: Deployment) -> None:
    reviewer = deployment.opened(agent="reviewer")
    coder = deployment.opened()
    chained = deployment.given(coder["access_token"], agent="reviewer")
    planner = deployment.opened(agent="planner")
    through = deployment.given(planner["access_token"], agent="coder")
    revoke(deployment, actor={"iss": URL, "sub": "coder"})
    for given in (coder, chained, through):
        assert not works(deployment, given["access_token"])
    for given in (reviewer, planner):
        assert works(deployment, given["access_token"])
    next_second()
    assert works(deployment, deployment.opened()["access_token"])
    assert deployment.exchange(deployment.acme.person(), run=coder["run"]).status == 400


def test_everything_before_a_moment_ends_and_nothing_after(deployment: Deployment) -> None:
    tenant = deployment.globex
    old = deployment.opened(tenant)
    next_second()
    moment = datetime.fromtimestamp(now(), UTC) - timedelta(milliseconds=1)
    newer = deployment.opened(tenant)
    untouched = deployment.opened()
    before = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    said = revoke(deployment, tenant, everything=True, before=before)
    assert said["before"] == before
    assert not works(deployment, old["access_token"])
    assert works(deployment, newer["access_token"])
    assert works(deployment, untouched["access_token"])


def test_a_token_that_does_not_say_since_when_is_older_than_any_revocation(
    deployment: Deployment,
) -> None:
    ageless = deployment.acme.person("fred", iat=None)
    assert deployment.call("GET", "/approvals", ageless).status == 200
    revoke(deployment, subject=person("fred"), before="2020-01-01T00:00:00Z")
    assert deployment.call("GET", "/approvals", ageless).status == 401
    assert deployment.exchange(ageless, agent="coder").status == 400
    assert deployment.call("GET", "/approvals", deployment.acme.person("fred")).status == 200


def test_a_revocation_reaches_back_as_far_as_a_providers_clock_may_be_ahead(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with deployed(tmp_path_factory.mktemp("ahead")) as patient:
        ahead = patient.acme.person("gina", iat=now() + 30)
        bystander = patient.acme.person("hans", iat=now() + 30)
        revoke(patient, subject=person("gina"))
        assert patient.call("GET", "/approvals", ahead).status == 401
        assert patient.exchange(ahead, agent="coder").status == 400
        assert patient.call("GET", "/approvals", bystander).status == 200


# Who may


def test_only_an_administrator_of_the_tenant_revokes(deployment: Deployment) -> None:
    given = deployment.opened(source=deployment.acme.person("root", ["administrators"]))
    run = {"run": given["run"]}
    for token, status, code in (
        (None, 401, "identity.missing_credential"),
        (deployment.acme.person(), 403, "caller.not_allowed"),
        (deployment.acme.person("carol", ["compliance"]), 403, "caller.not_allowed"),
        (given["access_token"], 403, "identity.agent_not_allowed"),
        (administrator(deployment.acme, aud="billing"), 401, "identity.invalid_token"),
    ):
        answer = deployment.call("POST", "/revocations", token, run)
        assert (answer.status, answer.json["code"]) == (status, code)
    # Another tenant's administrator ends their own tenant's run of that name: there is none.
    revoke(deployment, deployment.globex, **run)
    assert works(deployment, given["access_token"])
    revoke(deployment, **run)
    assert not works(deployment, given["access_token"])


def test_names_of_another_tenant_end_nothing_there(deployment: Deployment) -> None:
    given = deployment.opened()
    jti = claims_of(given["access_token"])["jti"]
    for named in (
        {"subject": person("alice")},
        {"actor": {"iss": URL, "sub": "coder"}},
        {"token": jti},
        {"run": given["run"]},
    ):
        revoke(deployment, deployment.globex, **named)
    assert works(deployment, given["access_token"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"reason": "x"}, 422),
        ({"before": "2020-01-01T00:00:00Z"}, 422),
        ({"run": "run_1", "token": "tok_1"}, 422),
        ({"run": "run_1", "before": "2020-01-01T00:00:00Z"}, 422),
        ({"run": ""}, 422),
        ({"run": ["run_1"]}, 422),
        ({"everything": False}, 422),
        ({"everything": True, "before": "2999-01-01T00:00:00Z"}, 422),
        ({"everything": True, "before": "2020-13-01T00:00:00Z"}, 422),
        ({"everything": True, "before": "yesterday"}, 422),
        ({"subject": "alice"}, 422),
        ({"subject": {"iss": "x"}}, 422),
        ({"subject": {"iss": "x", "sub": "y", "groups": []}}, 422),
        ({"tenant": "globex", "everything": True}, 422),
        (b'{"run": "a", "run": "b"}', 400),
        (b"[]", 400),
    ],
)
def test_what_cannot_be_meant_ends_nothing(deployment: Deployment, body: Any, status: int) -> None:
    count = len(revocations(deployment))
    answer = deployment.call("POST", "/revocations", administrator(deployment.acme), body)
    assert answer.status == status, answer.json
    assert len(revocations(deployment)) == count


def revocations(deployment: Deployment) -> list[dict[str, Any]]:
    return [leaf for leaf in leaves(deployment.service) if leaf["event"] == "revoked"]


# The record


def test_a_revocation_is_recorded_and_names_nobody(deployment: Deployment) -> None:
    name = f"nobody-else-{secrets.token_hex(4)}"
    said = revoke(deployment, subject=person(name), reason="a reason of nobody else")
    assert_receipt(deployment.service, said["receipt"])
    order, named = revocations(deployment)[-2:]
    assert order["decision_id"] == ORDERS
    assert order["plain"] == {
        "revocation": said["revocation"],
        "by": "subject",
        "before": said["before"],
        "name": order["plain"]["name"],
    }
    assert order["subject_key"] != named["subject_key"]
    stored = everything_stored(deployment.service)
    assert name not in stored
    assert "a reason of nobody else" not in stored
    ledger = deployment.app.extensions["counterfoil"].ledger
    ordered = ledger.trail("acme", ORDERS)[-1]
    assert json.loads(ordered.payload["revoked"]) == {"reason": "a reason of nobody else"}
    assert json.loads(ordered.payload["caller"])["subject"]["sub"] == "root"
    (of_them,) = ledger.trail("acme", said["revocation"])
    assert json.loads(of_them.payload["revoked"])["subject"] == list(person(name).values())


# Every worker, every life, and no worker that does not know


def test_a_revocation_outlives_the_worker_that_took_it(deployment: Deployment) -> None:
    given = deployment.opened()
    revoke(deployment, run=given["run"])
    config = load_config(deployment.folder / "counterfoil.toml", deployment.service.environment)
    app = create_app(config)
    adapters = app.extensions["counterfoil"]
    try:
        for token, status in (
            (given["access_token"], 401),
            (deployment.opened()["access_token"], 200),
        ):
            environ = http_door.honest(
                json.dumps(SELECT).encode(),
                PATH_INFO="/authorize",
                HTTP_AUTHORIZATION=f"Bearer {token}",
            )
            assert http_door.send(app, environ).status == status
    finally:
        for adapter in (adapters.reader, adapters.policy, adapters.ledger):
            adapter.close()
