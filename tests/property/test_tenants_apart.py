"""Two tenants with the same names never see or affect one another, whatever both do.

Each example draws a history: both tenants act in turn, with the same people, agents, groups,
sessions, idempotency keys and prompts, and each tries the other's ids too. A model of each
tenant alone says what every answer must be. So an answer that depended on the other tenant,
or told of it, is another one.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apart import CALLED, Run, Side, request_access
from counterfoil.core.credential import credential_name, jti_of
from deployment import TENANTS, URL, Deployment, deployed
from revoking import logout_token
from service import sql_request

CREATE = sql_request("CREATE TABLE public.invoices (id int)", None)
DROP = sql_request("DROP TABLE public.invoices", None)
_NUMBERS = itertools.count()
PUBLIC = {"/livez", "/readyz", "/openapi.json"}
# A browser's way to a code: no provider of this deployment speaks SAML, and whose tenant a
# login is stands in its provider's entry (test_saml_login.py, test_saml_codes.py).
SAML = {"/saml/metadata", "/saml/login", "/saml/acs"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    more = "\n[identity]\nleeway_seconds = 0\n"
    with deployed(tmp_path_factory.mktemp("apart"), more=more) as started:
        yield started


def act(op: str, ours: Side, theirs: Side, pick: int) -> None:
    """One step of `ours`, held to the model; then nothing of `theirs` may be in the answer."""
    answer = OPERATIONS[op](ours, theirs, pick)
    if answer is not None:
        for name in theirs.ids():
            assert name.encode() not in answer.data, (op, name)


def open_run(ours: Side, _theirs: Side, pick: int) -> Any:
    session = f"session-{pick % 3}"
    if session in ours.ended:
        return None
    source = ours.tenant.person(f"alice-{ours.name}", sid=f"{session}-{ours.name}")
    CALLED.add(("post", "/token"))
    answer = ours.deployment.exchange(
        source, launcher=ours.tenant.desk, agent="coder", prompt=f"prompt of {ours.name}"
    )
    assert answer.status == 200, answer.json
    ours.runs.append(Run(answer.json["run"], answer.json["access_token"], session))
    return answer


def renew(ours: Side, theirs: Side, pick: int) -> Any:
    if foreign := _chosen(theirs.runs, pick):
        CALLED.add(("post", "/token"))
        for subject, more in (
            (foreign.token, {}),
            (ours.tenant.person(f"alice-{ours.name}"), {"run": foreign.id}),
        ):
            refused = ours.deployment.exchange(subject, launcher=ours.tenant.desk, **more)
            assert refused.status == 400
    run = _chosen(ours.runs, pick)
    if run is None:
        return None
    answer = ours.deployment.exchange(run.token, launcher=ours.tenant.desk)
    assert (answer.status == 200) == run.alive
    return answer


def authorize(ours: Side, _theirs: Side, pick: int) -> Any:
    run = _chosen(ours.runs, pick)
    if run is None:
        return None
    key = f"key-{pick % 2}"
    answer = ours.call("POST", "/authorize", run.token, CREATE, HTTP_IDEMPOTENCY_KEY=key)
    assert answer.status == (200 if run.alive else 401)
    if run.alive:
        assert answer.json["effect"] == "allow"
        decision = run.keys.setdefault(key, answer.json["decision_id"])
        assert answer.json["decision_id"] == decision
        ours.decisions.append((decision, run))
        ours.actions[decision] = answer.json["action_digest"]
    return answer


def batch(ours: Side, _theirs: Side, pick: int) -> Any:
    run = _chosen(ours.runs, pick)
    if run is None:
        return None
    answer = ours.call("POST", "/authorize/batch", run.token, {"actions": [CREATE, DROP]})
    assert answer.status == (200 if run.alive else 401)
    if run.alive:
        first, second = answer.json["decisions"]
        assert [first["effect"], second["effect"]] == ["allow", "needs_approval"]
        ours.decisions.append((first["decision_id"], run))
        _note_approval(ours, run, second)
    return answer


def _note_approval(ours: Side, run: Run, decision: dict[str, Any]) -> None:
    approval = decision["approval"]["id"]
    ours.decisions.append((decision["decision_id"], run))
    ours.approvals.setdefault(approval, (run, decision["approval"]["status"]))
    ours.digests[approval] = decision["action_digest"]


def search(ours: Side, theirs: Side, pick: int) -> Any:
    """All pages, by filters that both tenants' decisions meet; a foreign run finds nothing."""
    auditor = ours.person("compliance")
    if foreign := _chosen(theirs.runs, pick):
        found = ours.deployment.call("GET", f"/decisions?run={foreign.id}", auditor)
        assert found.json["decisions"] == []
    own = _chosen(ours.runs, pick)
    if own is None:
        return None
    CALLED.add(("get", "/decisions"))
    answer = ours.deployment.call("GET", f"/decisions?run={own.id}&actor=coder", auditor)
    shown = [item["decision_id"] for item in answer.json["decisions"]]
    assert sorted(shown) == sorted({name for name, of in ours.decisions if of is own})
    return answer


def read_decision(ours: Side, theirs: Side, pick: int) -> Any:
    auditor = ours.person("compliance")
    if foreign := _chosen(theirs.decisions, pick):
        for token in (auditor, *(run.token for run in ours.runs if run.alive)):
            found = ours.call("GET", "/decisions/{id}", token, id=foreign[0])
            assert found.status == 404
    own = _chosen(ours.decisions, pick)
    if own is None:
        return None
    answer = ours.call("GET", "/decisions/{id}", auditor, id=own[0])
    assert answer.status == 200
    assert answer.json["events"][0]["run"] == own[1].id
    return answer


def read_evidence(ours: Side, theirs: Side, pick: int) -> Any:
    """The own log and no other; a foreign decision is in no proof of it, and in no bundle."""
    auditor, own = ours.person("compliance"), _chosen(ours.decisions, pick)
    foreign = _chosen(theirs.decisions, pick)
    records = "tile/entries/{tile} entry/{index} proof/{name}"
    for path in f"checkpoint consistency tile/{{level}}/{{tile}} {records}".split():
        CALLED.add(("get", f"/ledger/{{log}}/{path}"))
        filled = path.format(level=0, tile="000.p/1", index=0, name=own[0] if own else "x")
        for log, found in ((ours.tenant.name, 200 if own else 404), (theirs.tenant.name, 404)):
            answer = ours.deployment.call("GET", f"/ledger/{log}/{filled}?old=1", auditor)
            assert answer.status == found or not (own or path.startswith("proof"))
            assert foreign is None or foreign[0].encode() not in answer.data
    if foreign:
        path = f"/ledger/{ours.tenant.name}/proof/{foreign[0]}"
        assert ours.deployment.call("GET", path, auditor).status == 404
    return None


def report(ours: Side, theirs: Side, pick: int) -> Any:
    run = _chosen([run for run in ours.runs if run.alive], pick)
    if run and (foreign := _chosen(theirs.decisions, pick)):
        told = ours.call(
            "POST", "/decisions/{id}/outcome", run.token, {"status": "ok"}, id=foreign[0]
        )
        assert told.status == 404
    own = _chosen(ours.decisions, pick)
    if own is None:
        return None
    answer = ours.call("POST", "/decisions/{id}/outcome", own[1].token, {"status": "ok"}, id=own[0])
    assert answer.status in {200, 409}, answer.json  # 409: what waits for approval has none
    return answer


def list_approvals(ours: Side, _theirs: Side, _pick: int) -> Any:
    answer = ours.call("GET", "/approvals", ours.person("database-admins"))
    assert answer.status == 200
    mine = {item["id"] for item in answer.json["approvals"]} & ours.approvals.keys()
    assert mine == {name for name, (_, status) in ours.approvals.items() if status == "pending"}
    return answer


def answer_approval(ours: Side, theirs: Side, pick: int) -> Any:
    approver = ours.person("database-admins")
    if foreign := _chosen(list(theirs.approvals), pick):
        body = {"answer": "approve", "action_digest": theirs.digests[foreign]}
        for end, sent in (("", None), ("/answer", body), ("/similar/end", {})):
            method, rule = "POST" if end else "GET", f"/approvals/{{id}}{end}"
            assert ours.call(method, rule, approver, sent, id=foreign).status == 404
        for run in ours.runs:
            found = ours.call("POST", "/approvals/{id}/cancel", run.token, {}, id=foreign)
            assert found.status == (404 if run.alive else 401)
    own = _chosen(list(ours.approvals), pick)
    if own is None:
        return None
    run, status = ours.approvals[own]
    body = {"answer": "approve", "action_digest": ours.digests[own]}
    answer = ours.call("POST", "/approvals/{id}/answer", approver, body, id=own)
    assert (answer.status == 200) == (status == "pending")
    if status == "pending":
        ours.approvals[own] = (run, "approved")
    return answer


def revoke_run(ours: Side, theirs: Side, pick: int) -> Any:
    administrator = ours.person("administrators")
    for run in filter(None, (_chosen(ours.runs, pick), _chosen(theirs.runs, pick))):
        answer = ours.call("POST", "/revocations", administrator, {"run": run.id})
        assert answer.status == 200
    own = _chosen(ours.runs, pick)
    if own is not None:
        _end(ours, own)
    ours.look_now()
    return None


def erase_or_hold(ours: Side, theirs: Side, pick: int) -> Any:
    """Of a person with the same name at the same issuer in both tenants, and a hold on all."""
    administrator = ours.person("administrators")
    order = {"hold": ("set", "release")[pick % 2], "everything": True, "reason": "a case"}
    answer = ours.call("POST", "/holds", administrator, order)
    assert answer.status == 200
    assert ours.call("POST", "/retention", administrator, {}).status == 409  # not configured
    erasing = {"subject": {"iss": ours.tenant.issuer, "sub": "stranger"}, "reason": "a request"}
    erased = ours.call("POST", "/erasures", administrator, erasing)
    assert (erased.status, erased.json.get("erased")) == (200, False)
    assert theirs.name not in erased.data.decode()
    return answer


def make_credential(ours: Side, theirs: Side, pick: int) -> Any:
    """acme's issuer is that of the database; a foreign decision, or grant, is none to it."""
    for side in (theirs, ours):
        decision = _chosen(list(side.actions), pick)
        if decision is None:
            continue
        jti = jti_of(decision)
        named = {"credential": credential_name(jti)}
        body = {**named, "action_digest": side.actions[decision]}
        answer = ours.call("POST", "/grants/{jti}/redeem", _maker(ours), body, jti=jti)
        may = side is ours and ours.tenant.name == "acme"
        assert answer.status in ({200, 409} if may else {404}), answer.data
        if answer.status == 200:
            assert decision not in ours.redeemed
            ours.redeemed.add(decision)
        said = {**named, "jti": jti, "status": "issued"}
        path = "/decisions/{id}/issued"
        report = ours.call("POST", path, _maker(ours), said, id=decision)
        wanted = 404 if not may else 200 if decision in ours.redeemed else 409
        assert report.status == wanted, report.data
    return ours.call("GET", "/grants/events", _maker(ours))


def _maker(ours: Side) -> str:
    return ours.tenant.maker.assertion(URL)


def log_out(ours: Side, _theirs: Side, pick: int) -> Any:
    session = f"session-{pick % 3}"
    CALLED.add(("post", "/logout/backchannel"))
    token = logout_token(ours.tenant, sid=f"{session}-{ours.name}")
    answer = ours.deployment.post_form("/logout/backchannel", {"logout_token": token})
    assert answer.status == 200
    ours.ended.add(session)
    for run in ours.runs:
        if run.session == session:
            _end(ours, run)
    ours.look_now()
    return answer


def _end(ours: Side, run: Run) -> None:
    run.alive = False
    for name, (of, status) in ours.approvals.items():
        if of is run and status in {"pending", "approved"}:
            ours.approvals[name] = (of, "cancelled")


def _chosen(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)] if items else None


OPERATIONS = {
    "open": open_run,
    "renew": renew,
    "authorize": authorize,
    "batch": batch,
    "search": search,
    "read": read_decision,
    "evidence": read_evidence,
    "report": report,
    "list": list_approvals,
    "answer": answer_approval,
    "make": make_credential,
    "access": request_access,
    "revoke": revoke_run,
    "log out": log_out,
    "erase or hold": erase_or_hold,
}
STEPS = st.lists(
    st.tuples(st.sampled_from(TENANTS), st.sampled_from(sorted(OPERATIONS)), st.integers(0, 5)),
    min_size=4,
    max_size=16,
)


def play(deployment: Deployment, steps: list[tuple[str, str, int]]) -> None:
    name = f"{next(_NUMBERS)}-{secrets.token_hex(3)}"
    sides = {of: Side(deployment, deployment.tenants[of], name) for of in TENANTS}
    for of, op, pick in steps:
        other = TENANTS[1 - TENANTS.index(of)]
        act(op, sides[of], sides[other], pick)
    for side in sides.values():  # what waits would crowd the lists of later examples
        for number in range(len(side.runs)):
            revoke_run(side, side, number)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_no_history_lets_one_tenant_see_or_move_the_other(
    deployment: Deployment, steps: list[tuple[str, str, int]]
) -> None:
    opening = [(tenant, "open", number) for number in range(2) for tenant in TENANTS]
    play(deployment, [*opening, *steps])


def test_every_endpoint_takes_part(deployment: Deployment) -> None:
    CALLED.clear()
    everything = [(tenant, op, 0) for op in ("open", *OPERATIONS) for tenant in TENANTS]
    play(deployment, [*everything, *everything])
    document = deployment.call("GET", "/openapi.json", None).json
    rules = {
        (method, re.sub(r"\{(decision|approval|task)_id\}", "{id}", path))
        for path, item in document["paths"].items()
        for method in item
        if path not in PUBLIC | SAML and not path.startswith("/.well-known")
    }
    assert rules <= CALLED
