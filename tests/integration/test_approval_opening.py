"""When an approval is opened, reused and replaced; who sees it; and what is never opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from approval_story import (
    ADMINS,
    CREATE,
    LEADS,
    OTHER,
    TWO_PEOPLE,
    Desk,
    approving_service,
    codes,
    fresh,
    request,
)
from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.flows.approval_events import MOST_OPEN
from main_path import assert_denied, assert_problem, everything_stored, leaves, new_run
from service import PROMPT, prompt_digest
from simulators.hostile_session import SCHEMAS


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with approving_service(tmp_path_factory.mktemp("opening")) as service:
        yield Desk(service)


def test_a_needed_approval_is_opened_and_permits_nothing(desk: Desk) -> None:
    run = new_run()
    decision = desk.ask(desk.agent(run))
    assert decision["effect"] == "needs_approval"
    assert decision["permissions"] == decision["ambient"] == []
    assert not {"execute", "scoped_token_request"} & decision.keys()
    approval = decision["approval"]
    assert approval["status"] == "pending"
    assert (
        approval["url"]
        == f"http://127.0.0.1:{desk.service.port}/console/approvals/{approval['id']}"
    )
    assert desk.kinds(decision["decision_id"]) == ["decided", "approval_requested"]
    ours = leaves(desk.service, run)
    assert [leaf["event"] for leaf in ours] == ["decided", "approval_requested"]
    assert len({leaf["decision_id"] for leaf in ours}) == 1


def test_an_approver_reads_the_exact_action(desk: Desk) -> None:
    token = fresh(desk)
    own = desk.opened(token)
    seen = desk.view(own["id"], desk.person())
    assert seen == own
    assert seen["action"]["arguments"] == {"database": "orders", "sql": CREATE}
    assert seen["execute"]["arguments"] == {"database": "orders", "sql": CREATE}
    assert [item["verb"] for item in seen["operations"]] == ["create"]
    assert [item["actions"] for item in seen["permissions"]] == [["create"]]
    assert seen["subject"] == {"iss": DEVELOPMENT_ISSUER, "sub": "alice"}
    assert seen["actor"] == {"iss": DEVELOPMENT_ISSUER, "sub": "coder"}
    assert seen["prompt"]["text"] == PROMPT
    assert seen["prompt"]["source"] == "agent"  # nobody else vouches for it
    assert seen["approvers"] == [ADMINS]
    assert codes(seen) == ["policy.approval_required"]


def test_a_prompt_that_the_run_vouches_for_is_marked_so(desk: Desk) -> None:
    token = desk.agent(new_run(), prompt_digest=prompt_digest(PROMPT))
    told, untold = desk.opened(token), desk.opened(token, OTHER, prompt=None)
    assert (told["prompt"]["source"], told["prompt"]["text"]) == ("run", PROMPT)
    assert (untold["prompt"]["source"], untold["prompt"]["text"]) == ("run", None)
    assert told["prompt"]["digest"] == untold["prompt"]["digest"] == prompt_digest(PROMPT)


def test_what_was_asked_stands_nowhere_readable(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token, "CREATE TABLE public.unspeakable (id int)", prompt="whisper")
    said = desk.answer(approval, desk.person("bobby-tables"), comment="hushhush")
    assert said.body["comment"] == "hushhush"
    stored = everything_stored(desk.service)
    for word in ("unspeakable", "whisper", "bobby-tables", "hushhush"):
        assert word not in stored
    assert approval["id"] in stored  # the control: what is meant to be readable is found


def test_the_same_action_in_the_same_run_is_asked_once(desk: Desk) -> None:
    token = fresh(desk)
    first = desk.ask(token)
    second = desk.ask(token)
    assert first["decision_id"] != second["decision_id"]
    assert first["approval"] == second["approval"]
    assert desk.kinds(second["decision_id"]) == ["decided"]
    assert desk.ask(token, OTHER)["approval"]["id"] != first["approval"]["id"]
    assert desk.ask(fresh(desk))["approval"]["id"] != first["approval"]["id"]


def test_concurrent_requests_open_one_approval(desk: Desk) -> None:
    for _ in range(4):
        token = fresh(desk)
        found: list[dict[str, Any]] = []
        gate = threading.Barrier(8)

        def ask(gate: threading.Barrier = gate, token: str = token, found: Any = found) -> None:
            gate.wait()
            found.append(desk.ask(token))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {item["effect"] for item in found} == {"needs_approval"}
        assert len({item["approval"]["id"] for item in found}) == 1
        kinds = [desk.kinds(item["decision_id"]) for item in found]
        assert sum("approval_requested" in kind for kind in kinds) == 1
        listed = desk.read("", token).body["approvals"]
        assert [item["status"] for item in listed] == ["pending"]


def test_a_batch_asks_once_for_the_same_action(desk: Desk) -> None:
    token = fresh(desk)
    body = {"actions": [request(CREATE), request(OTHER), request(CREATE)]}
    answer = desk.service.request("POST", "/authorize/batch", body, token=token)
    SCHEMAS.validator("batch_response")(answer.body)
    ids = [item["approval"]["id"] for item in answer.body["decisions"]]
    assert ids[0] == ids[2] != ids[1]
    assert len(desk.read("", token).body["approvals"]) == 2


def test_another_prompt_replaces_the_demand(desk: Desk) -> None:
    """One open demand per run and action: who approves the old one approves nothing."""
    token = fresh(desk)
    first = desk.opened(token)
    second = desk.opened(token, prompt="Something that reads better")
    assert first["id"] != second["id"]
    assert desk.view(first["id"], token)["status"] == "cancelled"
    assert_problem(desk.answer(first, desk.person()), 409, "approval.cancelled")
    body = {"actions": [request(CREATE, prompt=text) for text in ("a", "b", "c")]}
    answer = desk.service.request("POST", "/authorize/batch", body, token=token)
    ids = [item["approval"]["id"] for item in answer.body["decisions"]]
    states = [desk.view(one, token)["status"] for one in ids]
    assert states == ["cancelled", "cancelled", "pending"]
    assert desk.view(second["id"], token)["status"] == "cancelled"


def test_an_approved_demand_is_found_again(desk: Desk) -> None:
    """A hook that lost the answer asks anew, and need not bother a person again."""
    token = fresh(desk)
    approval = desk.approved(token)
    again = desk.ask(token)
    assert again["effect"] == "needs_approval"
    assert (again["approval"]["id"], again["approval"]["status"]) == (approval["id"], "approved")
    assert desk.ask(token, approval=approval["id"])["effect"] == "allow"
    assert desk.opened(token)["id"] != approval["id"]  # spent: the next is a new demand


def test_a_repeated_request_repeats_its_approval(desk: Desk) -> None:
    token = fresh(desk)
    first = desk.ask(token, Idempotency_Key="k")
    assert desk.ask(token, Idempotency_Key="k") == first
    assert len(desk.read("", token).body["approvals"]) == 1


def test_an_agent_cannot_bury_people_in_demands(desk: Desk) -> None:
    token = fresh(desk)
    for number in range(MOST_OPEN):
        desk.opened(token, f"CREATE TABLE public.t{number} (id int)")
    assert_denied(desk.ask(token), "approval.too_many_open")
    assert desk.ask(token, "CREATE TABLE public.t0 (id int)")["effect"] == "needs_approval"
    assert desk.ask(fresh(desk))["effect"] == "needs_approval"  # another run has its own room
    last = desk.opened(token, "CREATE TABLE public.t1 (id int)")
    assert desk.cancel(last, token).status == 200
    assert desk.ask(token)["effect"] == "needs_approval"


def test_nothing_is_opened_for_what_is_denied_or_allowed(desk: Desk) -> None:
    token = fresh(desk)
    for sql, effect in (
        ("SELECT id FROM public.invoices", "allow"),
        ("DELETE FROM public.invoices", "deny"),
        ("CREATE TABLE pg_catalog.t (id int)", "deny"),
        ("CREATE TABLE public.t (id int); DELETE FROM public.t", "deny"),
    ):
        decision = desk.ask(token, sql)
        assert decision["effect"] == effect
        assert "approval" not in decision
    assert desk.read("", token).body["approvals"] == []


# -- who sees what ------------------------------------------------------------------------------


def test_an_approval_is_seen_by_those_it_concerns(desk: Desk) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    readers = {
        "its agent": token,
        "its person": desk.person("alice", ()),
        "an approver": desk.person(),
        "an auditor": desk.person("carol", ("compliance",)),
    }
    strangers = {
        "its agent in another run": fresh(desk),
        "another agent of its person": desk.agent(
            approval["run"], act={"iss": DEVELOPMENT_ISSUER, "sub": "reviewer"}
        ),
        "another's agent": desk.agent(approval["run"], "bob"),
        "an approver's agent": desk.service.token("bob", (ADMINS,)),
        "an auditor's agent": desk.service.token("carol", ("compliance",)),
        "another person": desk.person("eve", ("developers",)),
    }
    for who, reader in readers.items():
        assert desk.read(approval["id"], reader).status == 200, who
    for who, stranger in strangers.items():
        assert_problem(desk.read(approval["id"], stranger), 404, "request.not_found")
        listed = desk.read("", stranger)
        assert approval["id"] not in str(listed.body), who


def test_a_person_is_shown_what_waits_for_them(desk: Desk) -> None:
    token = fresh(desk)
    mine, two = desk.opened(token), desk.opened(token, TWO_PEOPLE)
    bob, dora = desk.person(), desk.person("dora", (LEADS,))
    assert {mine["id"], two["id"]} <= _listed(desk, bob)
    assert two["id"] in _listed(desk, dora)
    assert mine["id"] not in _listed(desk, dora)  # another group's
    alice = desk.person("alice", (ADMINS,))
    assert not {mine["id"], two["id"]} & _listed(desk, alice)  # her own
    desk.approve(two, bob)
    assert two["id"] not in _listed(desk, bob)  # answered
    assert two["id"] in _listed(desk, dora)
    desk.answer(mine, bob, "deny")
    assert mine["id"] not in _listed(desk, desk.person("zoe"))  # over
    states = {item["id"]: item["status"] for item in desk.read("", token).body["approvals"]}
    assert states == {mine["id"]: "denied", two["id"]: "pending"}  # the agent sees all of its run


def _listed(desk: Desk, token: str) -> set[str]:
    answer = desk.read("", token)
    SCHEMAS.validator("approvals")(answer.body)
    return {item["id"] for item in answer.body["approvals"]}


@pytest.mark.parametrize("name", ["apr_" + "0" * 26, "apr_x", "x", "%00", "apr_%27%3B--"])
def test_an_id_that_does_not_exist_is_404_in_every_form(desk: Desk, name: str) -> None:
    for method, path, body in (
        ("GET", f"/approvals/{name}", None),
        ("POST", f"/approvals/{name}/answer", {"answer": "deny", "action_digest": "A" * 43}),
        ("POST", f"/approvals/{name}/cancel", {}),
    ):
        token = desk.person() if "answer" in path else fresh(desk)
        assert_problem(
            desk.service.request(method, path, body, token=token), 404, "request.not_found"
        )


@pytest.mark.parametrize(
    "query", ["wait=31", "wait=-1", "wait=1.5", "wait=", "wait=1&wait=2", "x=1"]
)
def test_a_wait_is_bounded(desk: Desk, query: str) -> None:
    token = fresh(desk)
    approval = desk.opened(token)
    answer = desk.service.request("GET", f"/approvals/{approval['id']}?{query}", token=token)
    assert_problem(answer, 422, "request.schema")
    assert desk.read(approval["id"], token, 0).status == 200
