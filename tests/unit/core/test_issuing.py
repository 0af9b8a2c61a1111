"""Shapes of what issuers send, and the model, cannot drift; ids lead to each other."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core.credential import credential_name, decision_of, jti_of
from counterfoil.core.issuing import CredentialReport, RedeemRequest
from counterfoil.errors import MalformedBody, SchemaViolation
from redeeming import reader
from simulators.hostile_session import SCHEMAS

JTI = "jti_" + "0" * 26
NAMED = {"jti": JTI, "credential": credential_name(JTI)}
ISSUED = {**NAMED, "status": "issued", "expires_at": "2026-11-24T03:15:00Z", "public": {"a": 1}}
ENDED = {
    **NAMED,
    "status": "ended",
    "cause": "swept",
    "handed_over": ["t"],
    "findings": [{"code": "left", "object": "t"}],
}


def test_every_member_reaches_the_model() -> None:
    read = [reader().read_report(json.dumps(body).encode()) for body in (ISSUED, ENDED)]
    names = {field.name for field in dataclasses.fields(CredentialReport)}
    assert names == set(SCHEMAS.schemas["credential_report"]["properties"])
    assert all(any(getattr(report, name) for report in read) for name in names)
    redeem = {"action_digest": "A" * 43, "credential": NAMED["credential"]}
    found = reader().read_redeem(json.dumps(redeem).encode())
    assert dataclasses.asdict(found) == redeem
    fields = {field.name for field in dataclasses.fields(RedeemRequest)}
    assert fields == set(SCHEMAS.schemas["grant_redeem"]["properties"])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"action_digest":1,"action_digest":1}', b'{"credential":NaN}']
)
def test_what_two_readers_could_see_differently_is_refused(body: bytes) -> None:
    for read in (reader().read_redeem, reader().read_report):
        with pytest.raises(MalformedBody):
            read(body)


@pytest.mark.parametrize("name", ["cf-", "cf-" + "A" * 26, "cf-" + "1" * 26, "role; DROP"])
def test_a_name_that_no_target_could_take_is_refused(name: str) -> None:
    body = json.dumps({"action_digest": "A" * 43, "credential": name}).encode()
    with pytest.raises(SchemaViolation):
        reader().read_redeem(body)


@given(st.from_regex(r"dec_[0-9A-Za-z]{26}", fullmatch=True))
def test_a_decision_and_its_grant_lead_to_each_other(decision: str) -> None:
    assert decision_of(jti_of(decision)) == decision
    assert jti_of(decision).startswith("jti_")
