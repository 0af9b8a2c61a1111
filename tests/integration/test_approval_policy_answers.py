"""Whatever policy answers when somebody approves, or when an approval is used.

The engine is a stand-in on a real socket; readers, ledger, identity and keys are real.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from approval_story import ADMINS, CREATE, answering, reading, request
from counterfoil.app import Adapters
from counterfoil.errors import ApprovalPolicyChanged, PolicyError
from counterfoil.flows.approve import AnswerFlow
from counterfoil.flows.authorize import AuthorizeFlow
from counterfoil.policy.opa import Opa
from counterfoil.policy.session import Address
from main_path import adapters_over, assert_allowed, assert_denied, flow_of, new_run, run, settings
from service import Service
from simulators.opa import (
    PERMISSION,
    REVISION,
    Exchange,
    OpaStandIn,
    allow,
    document,
    http,
)

TERMS = {"approvers": [ADMINS], "quorum": 1, "expires_in_seconds": 3600}
NEEDS = allow([], effect="needs_approval", approval=TERMS)
DENY = allow([], effect="deny")
OTHER_REVISION = "test+sha256:" + "b" * 64


@pytest.fixture(scope="module")
def adapters(service: Service) -> Iterator[Adapters]:
    with adapters_over(service) as made:
        yield made


@dataclass
class Story:
    """Both flows over one stand-in; `says` sets what it answers."""

    service: Service
    adapters: Adapters
    opa: OpaStandIn
    asking: AuthorizeFlow
    answers: AnswerFlow
    token: str

    def says(self, result: Any, *revisions: str) -> None:
        self.opa.behaviour = lambda exchange: exchange.send(http(document(result, *revisions)))

    def ask(self, approval: str | None = None) -> dict[str, Any]:
        return run(self.asking, request(CREATE, approval), token=self.token)

    def opened(self) -> dict[str, Any]:
        self.says(NEEDS)
        decision = self.ask()
        assert decision["effect"] == "needs_approval"
        return decision

    def answer(self, decision: dict[str, Any], said: str = "approve") -> Any:
        body = {"answer": said, "action_digest": decision["action_digest"]}
        return self.answers.run(
            approval_id=decision["approval"]["id"],
            body=json.dumps(body).encode(),
            unverified_token=self.service.token("bob", (ADMINS,), agent=None),
        )

    def status(self, decision: dict[str, Any]) -> str:
        flow = reading(self.service, self.adapters)
        value: Any = flow.one(
            approval_id=decision["approval"]["id"], wait_seconds=0, unverified_token=self.token
        )
        return str(value["status"])


@pytest.fixture
def story(service: Service, adapters: Adapters) -> Iterator[Story]:
    with (
        tempfile.TemporaryDirectory(prefix="cf-") as folder,
        OpaStandIn(Path(folder) / "s") as opa,
    ):
        engine = Opa(
            Address(path=str(opa.path)),
            entrypoint="counterfoil/main/decision",
            known_revisions=frozenset({REVISION, OTHER_REVISION}),
        )
        yield Story(
            service=service,
            adapters=adapters,
            opa=opa,
            asking=flow_of(service, adapters, policy=engine, settings=settings(policy_seconds=3.0)),
            answers=answering(service, adapters, policy=engine, policy_timeout_seconds=3.0),
            token=service.token(run=new_run()),
        )
        engine.close()


CHANGED: dict[str, tuple[Any, ...]] = {
    "allow": (allow(),),
    "deny": (DENY,),
    "another group": (
        allow([], effect="needs_approval", approval={**TERMS, "approvers": [ADMINS, "owners"]}),
    ),
    "only another group": (
        allow([], effect="needs_approval", approval={**TERMS, "approvers": ["owners"]}),
    ),
    "more people": (allow([], effect="needs_approval", approval={**TERMS, "quorum": 2}),),
    "another time": (
        allow([], effect="needs_approval", approval={**TERMS, "expires_in_seconds": 60}),
    ),
    "another known revision": (NEEDS, OTHER_REVISION),
    "an unknown revision": (NEEDS, "test+sha256:" + "c" * 64),
    "two revisions": (NEEDS, REVISION, OTHER_REVISION),
    "nonsense": ({"effect": "needs_approval"},),
}


@pytest.mark.parametrize("what", CHANGED)
def test_an_approval_counts_only_while_policy_asks_the_same(story: Story, what: str) -> None:
    decision = story.opened()
    story.says(*CHANGED[what])
    with pytest.raises(ApprovalPolicyChanged):
        story.answer(decision)
    assert story.status(decision) == "pending"
    story.says(NEEDS)  # the control: the same person, the same answer, the same demand
    assert story.answer(decision)["status"] == "approved"


def test_policy_sees_the_recorded_input_again_as_of_now(story: Story) -> None:
    seen: list[Any] = []

    def note(exchange: Exchange) -> None:
        seen.append(exchange.input)
        exchange.send(http(document(NEEDS)))

    story.opa.behaviour = note
    decision = story.ask()
    story.answer(decision)
    first, second = seen
    assert first["context"].pop("time") < second["context"].pop("time")
    assert first == second
    assert second["approvals"] == []


@pytest.mark.parametrize("status", ["500 Internal Server Error", "302 Found", "404 Not Found"])
def test_without_policy_nobody_approves(story: Story, status: str) -> None:
    decision = story.opened()
    story.opa.behaviour = lambda exchange: exchange.send(http(document(NEEDS), status))
    with pytest.raises(PolicyError):
        story.answer(decision)
    assert story.status(decision) == "pending"
    assert story.answer(decision, "deny")["status"] == "denied"  # that needs none


def test_policy_sees_who_approved_and_only_then(story: Story) -> None:
    decision = story.opened()
    story.answer(decision)
    seen: list[Any] = []

    def note(exchange: Exchange) -> None:
        seen.append(exchange.input["approvals"])
        exchange.send(http(document(allow())))

    story.opa.behaviour = note
    assert_denied(story.ask("apr_" + "0" * 26), "approval.unknown")
    granted = story.ask(decision["approval"]["id"])
    assert_allowed(granted)
    assert_denied(story.ask(decision["approval"]["id"]), "approval.spent")
    unknown, (given,), spent = seen
    assert unknown == spent == []
    assert given["id"] == decision["approval"]["id"]
    assert [(item["sub"], item["groups"]) for item in given["approvers"]] == [("bob", [ADMINS])]


REFUSED: dict[str, tuple[Any, str]] = {
    "still asks": (NEEDS, "approval.insufficient"),
    "denies": (DENY, "rbac.granted"),
    "permits more": (
        allow([PERMISSION, {**PERMISSION, "actions": ["usage"]}]),
        "policy.permissions_mismatch",
    ),
    "permits nothing": (allow([]), "policy.permissions_mismatch"),
    "says nothing of shape": ({"effect": "allow"}, "policy.malformed_result"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_approval_lifts_nothing_that_policy_says(story: Story, what: str) -> None:
    decision = story.opened()
    story.answer(decision)
    result, code = REFUSED[what]
    story.says(result)
    assert_denied(story.ask(decision["approval"]["id"]), code)
    assert story.status(decision) == "approved"  # nothing was granted, so nothing was spent
    story.says(allow())
    assert_allowed(story.ask(decision["approval"]["id"]))
    assert story.status(decision) == "spent"


def test_an_approval_is_not_spent_where_policy_gave_no_answer(story: Story) -> None:
    decision = story.opened()
    story.answer(decision)
    story.opa.behaviour = lambda exchange: exchange.close()
    with pytest.raises(PolicyError):
        story.ask(decision["approval"]["id"])
    assert story.status(decision) == "approved"
    story.says(allow())
    assert_allowed(story.ask(decision["approval"]["id"]))
