"""Whatever the policy engine answers: the whole path permits exactly the honest allow, or nothing.

The engine is a stand-in on a real socket; readers, ledger and keys are real.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.app import Adapters
from counterfoil.errors import PolicyError
from counterfoil.flows.authorize import AuthorizeFlow
from counterfoil.policy.opa import Opa
from counterfoil.policy.session import Address
from main_path import (
    CREATE,
    adapters_over,
    assert_allowed,
    assert_denied,
    flow_of,
    leaves,
    new_run,
    run,
    settings,
)
from service import Service, sql_request
from simulators.hostile_session import SCHEMAS
from simulators.opa import (
    PERMISSION,
    REVISION,
    Exchange,
    OpaStandIn,
    allow,
    document,
    honest,
    http,
)


@pytest.fixture(scope="module")
def adapters(service: Service) -> Iterator[Adapters]:
    with adapters_over(service) as made:
        run(flow_of(service, made), token=service.token())
        yield made


@pytest.fixture
def opa() -> Iterator[OpaStandIn]:
    with (
        tempfile.TemporaryDirectory(prefix="cf-") as folder,
        OpaStandIn(Path(folder) / "s") as stand_in,
    ):
        yield stand_in


@pytest.fixture
def flow(service: Service, adapters: Adapters, opa: OpaStandIn) -> Iterator[AuthorizeFlow]:
    engine = Opa(
        Address(path=str(opa.path)),
        entrypoint="counterfoil/main/decision",
        known_revisions=frozenset({REVISION}),
    )
    patient = settings(policy_seconds=3.0)
    yield flow_of(service, adapters, policy=engine, settings=patient)
    engine.close()


def says(opa: OpaStandIn, result: Any, *revisions: str) -> None:
    opa.behaviour = lambda exchange: exchange.send(http(document(result, *revisions)))


WIDER = {**PERMISSION, "actions": ["create", "usage"]}
ELSEWHERE = {**PERMISSION, "locations": ["postgresql://evil:5432/orders"]}
REASONS = allow()["reasons"]

DENIED: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "nothing": ({}, (), "policy.malformed_result"),
    "a word": ("allow", (), "policy.malformed_result"),
    "an effect in capitals": (allow(effect="ALLOW"), (), "policy.malformed_result"),
    "an unknown member": (allow(admin=True), (), "policy.malformed_result"),
    "a wider action": (allow([WIDER]), (), "policy.permissions_mismatch"),
    "a permission more": (allow([PERMISSION, ELSEWHERE]), (), "policy.permissions_mismatch"),
    "another location": (allow([ELSEWHERE]), (), "policy.permissions_mismatch"),
    "no permission": (allow([]), (), "policy.permissions_mismatch"),
    "another revision": (allow(), ("evil+sha256:00",), "policy.revision_unknown"),
    "two revisions": (allow(), (REVISION, "evil+sha256:00"), "policy.revision_unknown"),
    "a deny": (allow([], effect="deny"), (), "rbac.granted"),
}


@pytest.mark.parametrize("answer", DENIED)
def test_an_answer_that_is_no_exact_allow_permits_nothing(
    service: Service, opa: OpaStandIn, flow: AuthorizeFlow, answer: str
) -> None:
    result, revisions, code = DENIED[answer]
    says(opa, result, *revisions)
    run_id = new_run()
    assert_denied(run(flow, token=service.token(run=run_id)), code)
    (leaf,) = leaves(service, run_id)
    assert (leaf["plain"]["effect"], leaf["plain"]["reasons"]) == ("deny", [code])
    opa.behaviour = honest
    assert_allowed(run(flow, token=service.token()))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("run_sql", {"database": "orders", "sql": "DO ''"}),
        ("run_sql", {"database": "orders", "sql": CREATE, "role": "postgres"}),
        ("run_sql", {"database": "billing", "sql": CREATE}),
    ],
)
def test_what_was_not_read_is_denied_even_where_policy_allows_it(
    service: Service, opa: OpaStandIn, flow: AuthorizeFlow, name: str, arguments: Any
) -> None:
    body = {**sql_request(CREATE), "action": {"name": name, "properties": {"arguments": arguments}}}
    opa.behaviour = honest
    denied = run(flow, body, token=service.token())
    assert_denied(denied)
    assert denied["reasons"][0]["code"].startswith("uncertain.")
    assert_allowed(run(flow, token=service.token()))


def test_an_approval_that_is_needed_permits_nothing_yet(
    service: Service, opa: OpaStandIn, flow: AuthorizeFlow
) -> None:
    terms = {"approvers": ["database-admins"], "quorum": 1, "expires_in_seconds": 60}
    says(opa, allow([], effect="needs_approval", approval=terms))
    run_id = new_run()
    answer = run(flow, token=service.token(run=run_id))
    SCHEMAS.validator("authorization_response")(answer)
    assert answer["effect"] == "needs_approval"
    assert answer["permissions"] == answer["ambient"] == []
    assert not {"scoped_token_request", "execute"} & answer.keys()
    decided, *opened = leaves(service, run_id)
    assert decided["plain"]["effect"] == "needs_approval"
    assert not any("grant" in leaf["plain"] for leaf in (decided, *opened))
    assert {leaf["decision_id"] for leaf in opened} <= {answer["decision_id"]}


def _cut(exchange: Exchange) -> None:
    exchange.send(http(document(allow()))[:-20])
    exchange.close()


FAILURES: dict[str, Any] = {
    "an error": lambda exchange: exchange.send(http(document(allow()), "500 Oops")),
    "a redirect": lambda exchange: exchange.send(
        http(b"", "301 Moved", "Location: http://evil.example/\r\n")
    ),
    "half a body": _cut,
    "a closed connection": lambda exchange: exchange.close(),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("items", [1, 2])
def test_no_complete_answer_is_no_decision_and_every_item_is_recorded_as_failed(
    service: Service, opa: OpaStandIn, flow: AuthorizeFlow, failure: str, items: int
) -> None:
    opa.behaviour = FAILURES[failure]
    run_id = new_run()
    body = sql_request(CREATE) if items == 1 else {"actions": [sql_request(CREATE)] * items}
    with pytest.raises(PolicyError):
        run(flow, body, token=service.token(run=run_id))
    assert [leaf["event"] for leaf in leaves(service, run_id)] == ["failed"] * items
    opa.behaviour = honest
    assert_allowed(run(flow, token=service.token()))


def test_one_unanswered_item_leaves_its_whole_batch_undecided(
    service: Service, opa: OpaStandIn, flow: AuthorizeFlow
) -> None:
    def all_but_the_second(exchange: Exchange) -> None:
        if exchange.grouped:
            exchange.send(http(b"{}"))  # no such document: each question goes singly
        elif "refused" in exchange.input["action"]["arguments"]["sql"]:
            exchange.send(http(b"", "500 Oops"))
        else:
            honest(exchange)

    opa.behaviour = all_but_the_second
    run_id = new_run()
    refused = sql_request("CREATE TABLE public.refused (id int)")
    batch = {"actions": [sql_request(CREATE), refused, sql_request(CREATE)]}
    with pytest.raises(PolicyError):
        run(flow, batch, token=service.token(run=run_id))
    (leaf,) = leaves(service, run_id)  # nobody got the other items' decisions: they are none
    assert leaf["event"] == "failed"
    opa.behaviour = honest
    answer = run(flow, batch, token=service.token())
    assert [item["effect"] for item in answer["decisions"]] == ["allow"] * 3
