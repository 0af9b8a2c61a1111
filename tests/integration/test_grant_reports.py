"""What an issuer says of its credential: each step once, of its own redeemed grant, nothing later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.core.credential import credential_name
from counterfoil.errors import (
    GrantReportConflict,
    NotFound,
    NotRedeemed,
    SchemaViolation,
)
from granting import caller, granted
from ledgers import running_ledger
from redeeming import Desk, refusal

END: dict[str, Any] = {
    "status": "ended",
    "cause": "outcome",
    "handed_over": ["table public.invoices"],
    "findings": [{"code": "public_grant", "object": "table public.notes"}],
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    server = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    with running_ledger(tmp_path_factory.mktemp(request.param), server=server) as started:
        yield Desk(started)


def test_a_credential_is_recorded_as_made_and_as_ended(desk: Desk) -> None:
    grant = desk.granted()
    desk.redeem(grant)
    desk.report(grant, expires_at="2026-11-24T03:15:00Z", public={"role": "cf-a"})
    desk.report(grant, **END)
    decided, _, made, ended = desk.client.trail("default", str(grant.claims["txn"]))
    assert decided.kind == "decided"
    assert made.plain["expires"] == "2026-11-24T03:15:00Z"
    assert json.loads(made.payload["public"]) == {"role": "cf-a"}
    assert (ended.plain["cause"], ended.plain["handed_over"]) == ("outcome", 1)
    assert ended.plain["findings"] == ["public_grant"]
    assert json.loads(ended.payload["end"]) == {
        name: END[name] for name in ("handed_over", "findings")
    }
    assert "public.notes" not in json.dumps(ended.plain)  # what a command named is sealed


def test_the_same_report_again_is_the_same_record(desk: Desk) -> None:
    grant = desk.granted()
    desk.redeem(grant)
    for report in ({"public": {"role": "cf-a"}}, END):
        first = desk.report(grant, **report)
        assert desk.report(grant, **report) == first
    assert desk.kinds(grant) == ["decided", "grant_redeemed", "issued", "credential_ended"]


def test_another_report_of_a_step_is_refused(desk: Desk) -> None:
    grant = desk.granted()
    desk.redeem(grant)
    desk.report(grant)
    refusal(GrantReportConflict, desk.report, grant, public={"role": "cf-b"})
    desk.report(grant, **END)
    refusal(GrantReportConflict, desk.report, grant, **{**END, "cause": "deadline"})
    assert desk.kinds(grant) == ["decided", "grant_redeemed", "issued", "credential_ended"]


def test_nothing_is_issued_after_the_end(desk: Desk) -> None:
    grant = desk.granted()
    desk.redeem(grant)
    desk.report(grant, status="ended", cause="failed")
    assert refusal(GrantReportConflict, desk.report, grant) == "grant.report_conflict"


def test_issued_without_a_redeem_is_refused(desk: Desk) -> None:
    grant = desk.granted()
    assert refusal(NotRedeemed, desk.report, grant) == "grant.not_redeemed"
    refusal(NotRedeemed, desk.report, grant, **END)
    desk.redeem(grant)
    refusal(NotRedeemed, desk.report, grant, credential=credential_name("jti_x"))
    desk.report(grant)  # control


def test_issued_for_anothers_decision_is_refused(desk: Desk) -> None:
    grant, other = desk.granted(), desk.granted()
    desk.redeem(grant)
    desk.redeem(other)
    refusal(NotFound, desk.report, grant, by="kube")
    refusal(NotFound, desk.report, grant, by="foreign")
    refusal(NotFound, desk.report, grant, decision_id=str(other.claims["txn"]))
    assert desk.kinds(grant) == desk.kinds(other) == ["decided", "grant_redeemed"]
    desk.report(grant)  # control


MALFORMED: list[dict[str, Any]] = [
    {"status": "made"},
    {"cause": "outcome"},
    {"status": "ended"},
    {"status": "ended", "cause": "whim"},
    {"status": "ended", "cause": "outcome", "public": {}},
    {"expires_at": "tomorrow"},
    {"secret": "hunter-2"},
    {**END, "findings": [{"code": "Some Words", "object": "x"}]},
]


@pytest.mark.parametrize("members", MALFORMED, ids=str)
def test_a_report_of_another_shape_is_refused(desk: Desk, members: dict[str, Any]) -> None:
    _, grant = granted(caller())
    refusal(SchemaViolation, desk.report, grant, **members)
