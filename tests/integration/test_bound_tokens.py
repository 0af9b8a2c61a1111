"""Tokens that are bound to a key, at the running service: every path wants the proof."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from main_path import CREATE, assert_allowed, assert_problem, assert_secret
from proofs import Prover
from service import Answer, Service, sql_request

INVALID = "identity.invalid_token"


class Holder:
    """An agent with a key."""

    def __init__(self, service: Service) -> None:
        self.service, self.prover = service, Prover()
        self.token = service.token(cnf=self.prover.cnf)

    def proof(self, method: str, path: str, **changes: Any) -> str:
        base = f"http://127.0.0.1:{self.service.port}"
        made = {"method": method, "url": base + path, "now": time.time(), **changes}  # noqa: TID251
        return self.prover.proof(**{"token": self.token, **made})

    def send(
        self, method: str, path: str, body: Any = None, *, proof: str | None, scheme: str = "DPoP"
    ) -> Answer:
        headers = {"Authorization": f"{scheme} {self.token}"}
        if proof is not None:
            headers["DPoP"] = proof
        return self.service.request(method, path, body, headers=headers)

    def authorize(self, **changes: Any) -> Answer:
        proof = self.proof("POST", "/authorize", **changes)
        return self.send("POST", "/authorize", sql_request(CREATE), proof=proof)


@pytest.fixture
def holder(service: Service) -> Holder:
    return Holder(service)


def test_bound_token_is_judged_with_its_proof(holder: Holder) -> None:
    assert_allowed(holder.authorize().body)
    assert_allowed(holder.authorize().body)


def test_stolen_token_is_worth_nothing(holder: Holder) -> None:
    assert_allowed(holder.authorize().body)
    body, proof = sql_request(CREATE), holder.proof("POST", "/authorize")
    thief = Prover().proof(
        method="POST",
        url=f"http://127.0.0.1:{holder.service.port}/authorize",
        now=time.time(),  # noqa: TID251
        token=holder.token,
    )
    for scheme, sent in (("Bearer", None), ("Bearer", proof), ("DPoP", None), ("DPoP", thief)):
        answer = holder.send("POST", "/authorize", body, proof=sent, scheme=scheme)
        assert_problem(answer, 401, INVALID)
        assert_secret(json.dumps(answer.body), [holder.token])
        line = holder.service.wait_for(f"request {answer.body['request_id']}: refused by rule 11")
        assert_secret(line, [holder.token, proof, thief])
    assert_allowed(holder.send("POST", "/authorize", body, proof=proof).body)  # none spent it


def test_replayed_proof_counts_once_across_workers(holder: Holder) -> None:
    proof, start = holder.proof("POST", "/authorize"), threading.Barrier(12)
    statuses: list[int] = []

    def replay() -> None:
        start.wait()
        answer = holder.send("POST", "/authorize", sql_request(CREATE), proof=proof)
        statuses.append(answer.status)

    threads = [threading.Thread(target=replay) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 11


def test_every_path_of_an_agent_takes_bound_tokens(holder: Holder) -> None:
    decision = holder.authorize().body["decision_id"]
    outcome = {"status": "ok"}
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/authorize/batch", {"actions": [sql_request(CREATE)]}),
        ("GET", f"/decisions/{decision}", None),
        ("POST", f"/decisions/{decision}/outcome", outcome),
        ("GET", "/approvals", None),
    ]
    for method, path, body in calls:
        assert_problem(holder.send(method, path, body, proof=None, scheme="Bearer"), 401, INVALID)
        elsewhere = holder.proof(method, "/elsewhere")
        assert_problem(holder.send(method, path, body, proof=elsewhere), 401, INVALID)
        answer = holder.send(method, path, body, proof=holder.proof(method, path))
        assert answer.status in {200, 201}, answer.body


def test_query_is_no_part_of_what_a_proof_is_for(holder: Holder) -> None:
    path = "/approvals/apr_00000000000000000000000000"
    answer = holder.send("GET", f"{path}?wait=0", proof=holder.proof("GET", path))
    assert_problem(answer, 404, "request.not_found")


def test_plain_token_needs_no_proof_and_may_not_claim_one(holder: Holder) -> None:
    holder.token = holder.service.token()
    body = sql_request(CREATE)
    assert_allowed(holder.send("POST", "/authorize", body, proof=None, scheme="Bearer").body)
    stray = holder.proof("POST", "/authorize")
    assert_allowed(holder.send("POST", "/authorize", body, proof=stray, scheme="Bearer").body)
    assert_problem(holder.send("POST", "/authorize", body, proof=stray), 401, INVALID)
