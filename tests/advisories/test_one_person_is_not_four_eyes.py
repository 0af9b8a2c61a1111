"""A person with accounts at two of a tenant's issuers approved their own action, or counted twice.

People's tokens come from an identity provider, agents' tokens often from another issuer that
may assert actors. Persons were compared by issuer and `sub` together, so `alice` of the one
was somebody else than `alice` of the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from approval_story import ADMINS, LEADS, TWO_PEOPLE, Desk, approving_service, fresh
from counterfoil.http.lean import LeanFlask
from simulators import http_door
from tenants import tenant_application

PEOPLE, OTHERS = "https://people.example.com", "https://staff.example.com"
SECOND = """
[[identity.oidc]]
issuer = "{issuer}"
audience = "counterfoil"
algorithms = ["ES256"]
jwks_file = "{folder}/var/keys/delegation.jwks.json"
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("eyes")) as service:
        yield Desk(service)


@pytest.fixture(scope="module")
def door(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeanFlask]:
    """An application over the same OPA and ledger, whose one tenant has two issuers of people."""
    path = tmp_path_factory.mktemp("issuers") / "counterfoil.toml"
    second = SECOND.format(issuer=OTHERS, folder=desk.service.folder)
    with tenant_application(desk.service, path, {"default": PEOPLE}, more=second) as app:
        yield app


def answer(door: LeanFlask, approval: dict[str, Any], token: str) -> Any:
    body = {"answer": "approve", "action_digest": approval["action_digest"]}
    environ = http_door.honest(
        json.dumps(body).encode(),
        PATH_INFO=f"/approvals/{approval['id']}/answer",
        HTTP_AUTHORIZATION=f"Bearer {token}",
    )
    return http_door.send(door, environ).json


@pytest.mark.parametrize("name", ["alice", "coder"])
def test_the_asker_of_another_issuer_cannot_approve(desk: Desk, door: LeanFlask, name: str) -> None:
    approval = desk.opened(fresh(desk))
    for issuer in (PEOPLE, OTHERS):
        said = answer(door, approval, desk.person(name, iss=issuer))
        assert said["code"] == "approval.self_approval"
    assert answer(door, approval, desk.person("bob", iss=OTHERS))["status"] == "approved"


def test_two_issuers_of_one_person_are_one_of_two_people(desk: Desk, door: LeanFlask) -> None:
    approval = desk.opened(fresh(desk), TWO_PEOPLE)
    assert answer(door, approval, desk.person("bob", iss=PEOPLE))["status"] == "pending"
    again = answer(door, approval, desk.person("bob", (ADMINS, LEADS), iss=OTHERS))
    assert again["code"] == "approval.already_answered"
    carol = desk.person("carol", (LEADS,), iss=OTHERS)
    assert answer(door, approval, carol)["status"] == "approved"
