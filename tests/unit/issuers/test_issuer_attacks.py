"""Whatever is wrong with what came: no credential. Beside each attack its honest twin."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.canonical import b64url
from counterfoil.identity.signing import GRANT_TYPE, Es256Signer
from counterfoil_issuers import service_client
from counterfoil_issuers.holders import Presented
from counterfoil_issuers.refusals import (
    AlreadyTaken,
    HolderNotProven,
    NotExpressible,
    RedeemRefused,
    Refused,
    RequestRefused,
    Unavailable,
)
from issuer_bench import URL, Bench, bench, claims_of, now
from proofs import Prover
from simulators.issuing_service import ISSUED, KEYS, REDEEM, IssuingService, issuing_service


@pytest.fixture(scope="module")
def service() -> Iterator[IssuingService]:
    with issuing_service() as started:
        yield started


@pytest.fixture(scope="module")
def shared(service: IssuingService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("issuer"), service) as made:
        yield made


@pytest.fixture
def desk(shared: Bench) -> Iterator[Bench]:
    shared.target.there.clear()
    shared.target.steps.clear()
    shared.service.reports.clear()
    shared.service.assertions.clear()
    yield shared
    shared.service.fault.clear()
    shared.service.redeem_extra.clear()


def refused(desk: Bench, presented: Presented, error: type[Refused], *, made: bool = False) -> None:
    """No credential; nothing redeemed or made where `made` is false."""
    before = list(desk.service.redeemed), list(desk.target.steps)
    with pytest.raises(error) as found:
        desk.issuing.issue(presented)
    assert found.value.code.startswith("issuer.")
    assert "hunter" not in str(found.value)
    if not made:
        assert before[0] == list(desk.service.redeemed)
        assert "make" not in desk.target.steps[len(before[1]) :]


def test_honest_request_gets_exactly_its_credential(desk: Bench) -> None:
    claims = claims_of(desk.prover)
    answer = desk.issue(desk.sign(claims))
    (job,) = desk.target.there.values()
    assert answer["credential"] == {"password": f"hunter-{job.name}"}
    assert answer["authorization_details"] == claims["authorization_details"]
    assert answer["token_type"] == "N_A"
    assert 0 < int(str(answer["expires_in"])) <= 60
    (report,) = desk.service.wait_for("issued")
    assert report == {
        "jti": claims["jti"],
        "credential": job.name,
        "status": "issued",
        "public": {"role": job.name},
    }


CLAIMS: dict[str, dict[str, Any]] = {
    "other_audience": {"aud": "kubernetes-main"},
    "audience_list": {"aud": ["postgresql-orders"]},
    "other_service": {"iss": "https://evil.example.com"},
    "expired": {"iat": now() - 400, "nbf": now() - 400, "exp": now() - 200},
    "lives_too_long": {"exp": now() + 3_000},
    "not_yet": {"nbf": now() + 600},
    "issued_in_the_future": {"iat": now() + 600, "exp": now() + 700},
    "deadline_past": {"credential_deadline": now() - 1},
    "deadline_far": {"credential_deadline": now() + 7_200},
    "unknown_claim": {"scope": "everything"},
    "no_digest": {"action_digest": None},
    "no_deadline": {"credential_deadline": None},
    "two_bindings": {"cnf": {"jkt": "A" * 43, "x5t#S256": "A" * 43}},
    "no_binding_in_cnf": {"cnf": {}},
    "odd_binding": {"cnf": {"kid": "A" * 43}},
    "other_type": {
        "authorization_details": [{"type": "kubernetes", "locations": ["https://cluster"]}]
    },
    "other_ambient_type": {"ambient_details": [{"type": "kubernetes", "locations": ["https://c"]}]},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_request_with_other_claims_gets_nothing(desk: Bench, name: str) -> None:
    request = desk.request(**CLAIMS[name])
    refused(desk, desk.presented(request), RequestRefused)
    assert desk.issue()


def test_altered_body_gets_nothing(desk: Bench) -> None:
    honest = desk.request().split(".")
    other = desk.request(action_digest="B" * 43).split(".")
    refused(desk, desk.presented(".".join([honest[0], other[1], honest[2]])), RequestRefused)
    assert desk.issue(".".join(honest))


def test_second_spelling_of_a_signature_gets_nothing(desk: Bench) -> None:
    request = desk.request()
    refused(desk, desk.presented(request + "="), RequestRefused)
    assert desk.issue(request)


def test_unknown_key_gets_nothing(desk: Bench) -> None:
    stranger = Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ=GRANT_TYPE)
    refused(desk, desk.presented(stranger.sign(claims_of(desk.prover))), RequestRefused)
    assert desk.issue()


def test_unknown_keys_ask_the_service_for_its_keys_once(desk: Bench) -> None:
    desk.issue()
    before = desk.service.requests.count(KEYS)
    for _ in range(5):
        stranger = Es256Signer(ec.generate_private_key(ec.SECP256R1()), typ=GRANT_TYPE)
        refused(desk, desk.presented(stranger.sign(claims_of(desk.prover))), RequestRefused)
    assert desk.service.requests.count(KEYS) - before <= 1


@pytest.mark.parametrize("typ", ["at+jwt", "jwt", "application/scoped-token-request+jwt"])
def test_token_of_another_kind_gets_nothing(desk: Bench, typ: str) -> None:
    signer = Es256Signer(desk.service.key, typ=typ)
    refused(desk, desk.presented(signer.sign(claims_of(desk.prover))), RequestRefused)
    assert desk.issue()


def test_replayed_request_gets_nothing_more(desk: Bench) -> None:
    request = desk.request()
    assert desk.issue(request)
    refused(desk, desk.presented(request), AlreadyTaken)
    assert len(desk.target.there) == 1


def test_request_that_another_issuer_redeemed_gets_nothing(desk: Bench) -> None:
    claims = claims_of(desk.prover)
    desk.service.redeemed[claims["jti"]] = {}
    refused(desk, desk.presented(desk.sign(claims)), RedeemRefused)
    assert desk.issue()


def test_stolen_request_without_the_holders_key_gets_nothing(desk: Bench) -> None:
    request = desk.request()
    thief = Prover()
    stolen = thief.proof(method="POST", url=URL, now=now(), token=request)
    refused(desk, desk.presented(request, stolen), HolderNotProven)
    refused(desk, Presented(unverified_request=request, over_unix=True), HolderNotProven)
    assert desk.issue(request), "the refused tries did not use it up"


def test_replayed_proof_gets_nothing(desk: Bench) -> None:
    first, second = desk.request(), desk.request()
    proof = desk.proof()
    assert desk.issuing.issue(desk.presented(first, proof))
    refused(desk, desk.presented(second, proof), HolderNotProven)
    assert desk.issue(second)


PROOFS: dict[str, dict[str, Any]] = {
    "of_another_url": {"url": "https://issuer.example.com/other"},
    "of_another_host": {"url": "https://evil.example.com/credential"},
    "of_another_method": {"method": "GET"},
    "of_another_request": {"token": "x.y.z"},
    "that_is_old": {"now": now() - 600},
    "of_the_future": {"now": now() + 600},
}


@pytest.mark.parametrize("name", PROOFS)
def test_proof_gets_nothing(desk: Bench, name: str) -> None:
    request = desk.request()
    proof = desk.proof(**{"request": request, **PROOFS[name]})
    refused(desk, desk.presented(request, proof), HolderNotProven)
    assert desk.issue(request)


def test_unbound_request_counts_over_the_unix_socket_alone(desk: Bench) -> None:
    request = desk.request(cnf=None)
    refused(desk, desk.presented(request), HolderNotProven)
    assert desk.issuing.issue(Presented(unverified_request=request, over_unix=True))


def test_certificate_binding_wants_that_certificate(desk: Bench) -> None:
    certificate = secrets.token_bytes(64)
    bound = {"x5t#S256": b64url(sha256(certificate).digest())}
    request = desk.request(cnf=bound)
    refused(desk, desk.presented(request), HolderNotProven)
    other = Presented(unverified_request=request, certificate=b"another")
    refused(desk, other, HolderNotProven)
    assert desk.issuing.issue(Presented(unverified_request=request, certificate=certificate))


def test_permission_that_the_target_cannot_express_is_not_redeemed(desk: Bench) -> None:
    desk.target.expressible = False
    request = desk.request()
    refused(desk, desk.presented(request), NotExpressible)
    desk.target.expressible = True
    assert desk.issue(request)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("409", RedeemRefused),  # revoked, expired, redeemed, another digest
        ("404", RedeemRefused),  # another issuer's, or another tenant's
        ("503", Unavailable),
        ("401", Unavailable),
        ("302", Unavailable),
        ("down", Unavailable),
        ("cut", Unavailable),
        ("lost", Unavailable),
    ],
)
def test_redeem_without_a_yes_makes_nothing(desk: Bench, fault: str, error: type[Refused]) -> None:
    desk.service.fault[REDEEM] = fault
    before = len(desk.target.steps)
    with pytest.raises(error):
        desk.issue()
    assert desk.target.steps[before:].count("make") == 0
    desk.service.fault.clear()
    assert desk.issue()


def test_service_that_hangs_is_waited_for_a_bounded_time(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.service.fault[REDEEM] = "hang"
    monkeypatch.setattr(service_client.ServiceClient._call, "__defaults__", (0.3,))
    with pytest.raises(Unavailable):
        desk.issue()
    assert "make" not in desk.target.steps
    desk.service.fault.clear()
    assert desk.issue()


@pytest.mark.parametrize(
    "changed",
    [
        {"jti": "jti_other"},
        {"action_digest": "B" * 43},
        {"credential": "cf-aaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"decision_id": "dec_other"},
        {"operations": None},
        {"operations": ["everything"]},
        {"session": "everything"},
        {"credential_deadline": "tomorrow"},
    ],
)
def test_answer_about_something_else_makes_nothing(desk: Bench, changed: dict[str, Any]) -> None:
    desk.service.redeem_extra = changed
    with pytest.raises(Unavailable):
        desk.issue()
    assert "make" not in desk.target.steps
    desk.service.redeem_extra = {}
    assert desk.issue()


@pytest.mark.parametrize("fault", ["503", "409", "down", "lost", "cut"])
def test_credential_that_is_not_recorded_is_ended_and_given_to_nobody(
    desk: Bench, fault: str
) -> None:
    desk.service.fault[ISSUED] = fault
    with pytest.raises(Unavailable):
        desk.issue()
    assert "make" in desk.target.steps
    desk.service.fault.clear()
    (ended,) = [one for one in desk.service.wait_for("ended") if one["cause"] == "failed"][-1:]
    assert ended["credential"] not in desk.target.there
    assert desk.issue()


def test_target_that_fails_gives_nothing_and_is_cleaned(desk: Bench) -> None:
    desk.target.fails.add("make")
    count = len([one for one in desk.service.reports if one["status"] == "ended"])
    with pytest.raises(Unavailable):
        desk.issue()
    assert desk.service.wait_for("ended", count + 1)[-1]["cause"] == "failed"
    assert not desk.target.there
    desk.target.fails.clear()
    assert desk.issue()


def test_deadline_of_the_service_can_only_shorten(desk: Bench) -> None:
    desk.issue()
    (job,) = desk.target.there.values()
    assert job.deadline <= now() + 60


def test_issuer_proves_itself_anew_in_each_call(desk: Bench) -> None:
    desk.issue()
    sent = [one for one in desk.service.assertions if one]
    assert len(sent) == len(set(sent)) >= 2
