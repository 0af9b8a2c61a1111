"""What dies with a revoked run: its approvals, its grants, its waits; and what may still be said."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from counterfoil.config import DEVELOPMENT_ISSUER
from counterfoil.errors import LedgerUnavailable, RevokedCredential
from counterfoil.policy.opa import OpaEngine
from counterfoil.ports import PolicyAnswer, PolicyQuestion
from deployment import Deployment, deployed, now
from exchange import claims_of
from main_path import adapters_over, flow_of, leaves, run
from revoking import FRESH, administrator, next_second, revoke, works
from service import Service, sql_request
from simulators.http_door import Answer

DROP = sql_request("DROP TABLE public.invoices", None)
CREATE = sql_request("CREATE TABLE public.invoices (id int)", None)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    more = "\n[identity]\nleeway_seconds = 0\n"
    with deployed(tmp_path_factory.mktemp("reach"), more=more) as started:
        yield started


def waiting(deployment: Deployment, token: str) -> dict[str, Any]:
    """An approval that an agent's action waits for."""
    answer = deployment.call("POST", "/authorize", token, DROP)
    assert answer.json["effect"] == "needs_approval", answer.json
    view = deployment.call("GET", f"/approvals/{answer.json['approval']['id']}", token)
    assert view.json["status"] == "pending"
    body: dict[str, Any] = view.json
    return body


def approver(deployment: Deployment) -> str:
    return deployment.acme.person("bob", ["database-admins"])


def answered(deployment: Deployment, approval: dict[str, Any]) -> Answer:
    body = {"answer": "approve", "action_digest": approval["action_digest"]}
    path = f"/approvals/{approval['id']}/answer"
    return deployment.call("POST", path, approver(deployment), body)


def used(deployment: Deployment, approval: dict[str, Any], token: str) -> Answer:
    body = {**DROP, "context": {"approval": {"id": approval["id"]}}}
    return deployment.call("POST", "/authorize", token, body)


def test_what_waits_in_a_revoked_run_is_closed_and_nothing_else(deployment: Deployment) -> None:
    first, other = deployment.opened(), deployment.opened()
    dying, living = (waiting(deployment, given["access_token"]) for given in (first, other))
    said = revoke(deployment, run=first["run"])
    assert said["approvals_closed"] == 1
    assert answered(deployment, dying).status == 409
    shown = deployment.call("GET", f"/approvals/{dying['id']}", approver(deployment)).json
    assert shown["status"] == "cancelled"
    listed = deployment.call("GET", "/approvals", approver(deployment)).json["approvals"]
    assert dying["id"] not in {item["id"] for item in listed}
    ending = [leaf for leaf in leaves(deployment.service) if leaf["event"] == "approval_cancelled"]
    assert ending[-1]["plain"] == {"approval": dying["id"], "reason": "revoked"}
    # Control: the other run's is answered, and used.
    assert answered(deployment, living).json["status"] == "approved"
    assert used(deployment, living, other["access_token"]).json["effect"] == "allow"


@pytest.mark.parametrize("by", ["subject", "actor", "everything"])
def test_what_was_approved_dies_unused(deployment: Deployment, by: str) -> None:
    given = deployment.opened(source=deployment.acme.person(f"ida-{by}"))
    approval = waiting(deployment, given["access_token"])
    assert answered(deployment, approval).json["status"] == "approved"
    named: dict[str, Any] = {
        "subject": {"iss": deployment.acme.issuer, "sub": f"ida-{by}"},
        "actor": {"iss": "https://counterfoil.example.com", "sub": "coder"},
        "everything": True,
    }
    next_second()
    assert revoke(deployment, **{by: named[by]})["approvals_closed"] >= 1
    next_second()
    shown = deployment.call("GET", f"/approvals/{approval['id']}", approver(deployment)).json
    assert shown["status"] == "cancelled"
    assert used(deployment, approval, given["access_token"]).status == 401


def test_an_approval_that_was_not_reached_is_closed_when_somebody_looks(
    deployment: Deployment,
) -> None:
    """The step that closes it is lost, as it is where the service dies after the event."""
    given = deployment.opened()
    approval = waiting(deployment, given["access_token"])
    adapters = deployment.app.extensions["counterfoil"]
    flow = _revocation_flow(deployment)
    flow.run(
        body=json.dumps({"run": given["run"]}).encode(),
        unverified_token=administrator(deployment.acme),
    )
    time.sleep(FRESH)
    assert adapters.ledger.states.state("acme", "approval", approval["id"]).state == "pending"
    listed = deployment.call("GET", "/approvals", approver(deployment)).json["approvals"]
    assert approval["id"] not in {item["id"] for item in listed}
    assert answered(deployment, approval).status == 409
    assert adapters.ledger.states.state("acme", "approval", approval["id"]).state == "cancelled"


def _revocation_flow(deployment: Deployment) -> Any:
    """The service's own flow, which closes nothing."""
    view = deployment.app.view_functions["revocations.revoke"]
    (flow,) = [
        cell.cell_contents
        for cell in view.__closure__ or ()
        if hasattr(cell.cell_contents, "closing")
    ]
    parts = {name: getattr(flow, name) for name in type(flow).__dataclass_fields__}
    return type(flow)(**{**parts, "closing": _ClosesNothing()})


class _ClosesNothing:
    def close(self, *_revocations: Any, now: float) -> int:  # noqa: ARG002
        return 0


def test_a_grant_is_replayed_only_while_it_is_unrevoked(service: Service) -> None:
    """A run of an issuer that goes on after its person was revoked, newly vouched for."""
    key, name = secrets.token_hex(8), f"kim-{secrets.token_hex(4)}"
    run_id = f"run_{secrets.token_hex(13)}"

    def ask(key: str, sql: str = "CREATE TABLE public.invoices (id int)") -> Any:
        token = service.token(name, run=run_id)
        return service.authorize(sql, token=token, headers={"Idempotency-Key": key})

    denial = secrets.token_hex(8)
    first, denied = ask(key), ask(denial, "DELETE FROM public.t")
    assert (first.body["effect"], denied.body["effect"]) == ("allow", "deny")
    assert ask(key).body == first.body  # control: while unrevoked
    next_second()
    answer = service.request(
        "POST",
        "/revocations",
        {"subject": {"iss": DEVELOPMENT_ISSUER, "sub": name}},
        token=service.token("root", ["administrators"], agent=None),
    )
    assert answer.status == 200
    next_second()
    again = ask(key)
    assert (again.status, again.body["code"]) == (409, "grant.revoked")
    assert "scoped_token_request" not in again.body
    assert ask(secrets.token_hex(8)).body["effect"] == "allow"
    assert ask(denial, "DELETE FROM public.t").body == denied.body  # it permits nothing


def test_what_happened_may_still_be_told_and_is_marked(deployment: Deployment) -> None:
    given = deployment.opened()
    token = given["access_token"]
    decisions = [deployment.ask(token)["decision_id"] for _ in range(2)]
    report = {"status": "ok"}
    path = "/decisions/{}/outcome"
    assert deployment.call("POST", path.format(decisions[0]), token, report).status == 200
    revoke(deployment, run=given["run"])
    assert deployment.call("POST", path.format(decisions[1]), token, report).status == 200
    told = [leaf for leaf in leaves(deployment.service) if leaf["event"] == "outcome"][-2:]
    assert [leaf["plain"]["credential"] for leaf in told] == ["valid", "revoked"]
    # And nothing else: no reading, no waiting, no deciding.
    for method, where, body in (
        ("GET", f"/decisions/{decisions[0]}", None),
        ("GET", "/approvals", None),
        ("POST", "/authorize", DROP),
    ):
        assert deployment.call(method, where, token, body).status == 401


def test_a_wait_that_began_before_ends_in_a_refusal(deployment: Deployment) -> None:
    given = deployment.opened()
    approval = waiting(deployment, given["access_token"])
    got: list[Answer] = []

    def wait() -> None:
        path = f"/approvals/{approval['id']}?wait=2"
        got.append(deployment.call("GET", path, given["access_token"]))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(FRESH)
    revoke(deployment, token=claims_of(given["access_token"])["jti"])
    thread.join(30)
    assert [answer.status for answer in got] == [401]
    # Control: the approval itself is still there, for a newer token of the same run.
    source = deployment.acme.person()
    newer = deployment.given(source, run=given["run"])["access_token"]
    shown = deployment.call("GET", f"/approvals/{approval['id']}", newer)
    assert (shown.status, shown.json["status"]) == (200, "pending")


@dataclass
class _Meanwhile:
    """Policy as it is, and a revocation that comes while it thinks."""

    real: OpaEngine
    happen: Any

    def ask(
        self,
        questions: Sequence[PolicyQuestion],
        *,
        deadline: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[PolicyAnswer | Exception]:
        answers = self.real.ask(questions, deadline=deadline, meanwhile=meanwhile)
        self.happen()
        return answers

    def known_revisions(self) -> frozenset[str]:
        return self.real.known_revisions()


def test_what_is_revoked_while_it_is_judged_is_not_granted(service: Service) -> None:
    with adapters_over(service) as adapters:
        runs = [f"run_{secrets.token_hex(13)}" for _ in range(2)]

        def end_the_first() -> None:
            answer = service.request(
                "POST",
                "/revocations",
                {"run": runs[0]},
                token=service.token("root", ["administrators"], agent=None),
            )
            assert answer.status == 200
            time.sleep(FRESH)

        flow = flow_of(service, adapters, policy=_Meanwhile(adapters.policy, end_the_first))
        with pytest.raises(RevokedCredential):
            run(flow, token=service.token(run=runs[0]))
        assert not [leaf for leaf in leaves(service, runs[0]) if leaf["event"] == "decided"]
        assert run(flow, token=service.token(run=runs[1]))["effect"] == "allow"


def test_a_revocation_is_in_force_on_every_worker_within_a_second(service: Service) -> None:
    token, other = service.token(), service.token()
    jti = claims_of(token)["jti"]
    for each in (token, other):  # every worker knows both by heart
        assert {service.authorize(token=each).status for _ in range(12)} == {200}
    admin = service.token("root", ["administrators"], agent=None)
    assert service.request("POST", "/revocations", {"token": jti}, token=admin).status == 200
    time.sleep(1.0)
    assert {service.authorize(token=token).status for _ in range(24)} == {401}
    assert {service.authorize(token=other).status for _ in range(12)} == {200}


def test_where_nobody_knows_what_is_revoked_nobody_is_let_in(deployment: Deployment) -> None:
    token = deployment.opened()["access_token"]
    assert works(deployment, token)
    database = deployment.service.database
    hidden = database.with_name("elsewhere.db")
    time.sleep(FRESH)
    database.rename(hidden)
    try:
        answer = deployment.call("GET", "/approvals", token)
        assert (answer.status, answer.json["code"]) == (503, LedgerUnavailable.code)
        deciding = deployment.call("POST", "/authorize", token, DROP)
        assert deciding.status == 503
        exchange = deployment.exchange(deployment.acme.person(exp=now() + 60), agent="coder")
        assert (exchange.status, exchange.json["error"]) == (503, "temporarily_unavailable")
    finally:
        hidden.rename(database)
    deployment.service.wait_for("ledger", 1)
