"""A batch: each item its own decision and record, all in one commit, or nothing at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from commands import MANIFEST
from counterfoil.core.model import JsonObject
from main_path import (
    CREATE,
    WatchedLedger,
    adapters_over,
    ask,
    assert_allowed,
    assert_denied,
    assert_problem,
    assert_receipt,
    flow_of,
    kubectl_request,
    leaves,
    new_run,
    run,
)
from service import PROMPT, Service, prompt_digest, sql_request
from simulators.hostile_session import SCHEMAS

MIXED: list[dict[str, Any]] = [
    sql_request("CREATE TABLE public.a (id int)"),
    sql_request("DELETE FROM public.users"),
    kubectl_request(MANIFEST),
    sql_request("DROP TABLE public.a; DROP TABLE public.b"),
    sql_request("SELECT id FROM public.a"),
    {"action": {"name": "rm_rf", "properties": {"arguments": {}}}, "context": {"prompt": PROMPT}},
    sql_request("CREATE TABLE public.b (id int)"),
    kubectl_request(MANIFEST.replace("staging", "prod")),
]
EFFECTS = ["allow", "deny", "allow", "deny", "allow", "deny", "allow", "deny"]


def test_order_and_count_are_kept_and_each_item_is_judged_alone(service: Service) -> None:
    run_id = new_run()
    answer = ask(service, {"actions": MIXED}, service.token(run=run_id))
    SCHEMAS.validator("batch_response")(answer.body)
    decisions = answer.body["decisions"]
    assert [decision["effect"] for decision in decisions] == EFFECTS
    for item, decision in zip(MIXED, decisions, strict=True):
        if decision["effect"] == "deny":
            assert_denied(decision)
            continue
        alone = ask(service, item).body
        for member in ("permissions", "ambient", "action_digest", "execute", "reasons"):
            assert decision[member] == alone[member]
    recorded = leaves(service, run_id)
    assert [leaf["decision_id"] for leaf in recorded] == [d["decision_id"] for d in decisions]
    receipts = [decision["receipt"]["event_id"] for decision in decisions]
    assert [leaf["event_id"] for leaf in recorded] == receipts
    assert [leaf["plain"]["effect"] for leaf in recorded] == EFFECTS
    assert len({leaf["decision_id"] for leaf in recorded}) == len(MIXED)
    for decision in decisions:
        assert_receipt(service, decision["receipt"])


def test_sixteen_items_are_the_most(service: Service) -> None:
    run_id = new_run()
    token = service.token(run=run_id)
    items = [sql_request(f"CREATE TABLE public.t{n} (id int)") for n in range(17)]
    assert_problem(ask(service, {"actions": items}, token), 422, "request.schema")
    assert leaves(service, run_id) == []
    most = ask(service, {"actions": items[:16]}, token)
    assert [decision["effect"] for decision in most.body["decisions"]] == ["allow"] * 16
    assert len(leaves(service, run_id)) == 16


BAD: dict[str, tuple[Any, str]] = {
    "no items": ([], "request.schema"),
    "no list": (sql_request(CREATE), "request.schema"),
    "a subject in one item": (
        [sql_request(CREATE), {**sql_request(CREATE), "subject": {"sub": "root"}}],
        "request.schema",
    ),
    "an item that is no object": ([sql_request(CREATE), None], "request.schema"),
    "an item without a prompt": ([sql_request(CREATE), sql_request(CREATE, None)], "request.schema"),
    "an item on another resource": (
        [sql_request(CREATE), {**sql_request(CREATE), "resource": {"type": "x", "id": "orders"}}],
        "request.resource_mismatch",
    ),
    "a batch in a batch": ([{"actions": [sql_request(CREATE)]}], "request.schema"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_bad_item_refuses_the_whole_batch(service: Service, case: str) -> None:
    actions, code = BAD[case]
    run_id = new_run()
    token = service.token(run=run_id)
    assert_problem(ask(service, {"actions": actions}, token), 422, code)
    assert leaves(service, run_id) == []
    control = ask(service, {"actions": [sql_request(CREATE)]}, token)
    assert_allowed(control.body["decisions"][0])


@pytest.mark.parametrize("case", ["an item without a prompt", "an item on another resource"])
def test_the_refusal_points_to_the_item_at_fault(service: Service, case: str) -> None:
    actions, _ = BAD[case]
    (error,) = ask(service, {"actions": actions}).body["errors"]
    assert error["pointer"].startswith("#/actions/1/")


def test_a_batch_is_not_taken_as_one_action_nor_the_reverse(service: Service) -> None:
    one, batch = sql_request(CREATE), {"actions": [sql_request(CREATE)]}
    for path, body in (("/authorize", batch), ("/authorize/batch", one)):
        answer = service.request("POST", path, body, token=service.token())
        assert_problem(answer, 422, "request.schema")


def test_the_prompt_rule_holds_for_each_item(service: Service) -> None:
    token = service.token(prompt_digest=prompt_digest(PROMPT))
    items = [sql_request(CREATE), sql_request(CREATE, None)]
    answer = ask(service, {"actions": items}, token)
    assert [decision["effect"] for decision in answer.body["decisions"]] == ["allow", "allow"]
    items[1] = sql_request(CREATE, "another")
    assert_problem(ask(service, {"actions": items}, token), 422, "request.schema")


@pytest.fixture(scope="module")
def watched(service: Service) -> Iterator[tuple[WatchedLedger, Any]]:
    with adapters_over(service) as adapters:
        ledger = WatchedLedger(adapters.ledger)
        yield ledger, flow_of(service, adapters, ledger=ledger)


def test_all_records_of_a_batch_go_in_one_commit(
    service: Service, watched: tuple[WatchedLedger, Any]
) -> None:
    ledger, flow = watched
    answer: JsonObject = run(flow, {"actions": copy.deepcopy(MIXED)}, token=service.token())
    (events,) = ledger.appended
    decisions = json.loads(json.dumps(answer))["decisions"]
    assert [event.decision_id for event in events] == [d["decision_id"] for d in decisions]
