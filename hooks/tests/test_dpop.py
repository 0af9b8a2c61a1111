"""Tokens that are bound to a key (RFC 9449): what leaves the hook, and what never starts."""

from __future__ import annotations

import copy
import json
import pickle
import time
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from autogen_counterfoil import CredentialError, DPoPKey, Guard, protect, run
from autogen_counterfoil.client import AsyncClient, SyncClient
from autogen_counterfoil.credentials import DelegationToken, delegation_token
from autogen_counterfoil.errors import CredentialRejectedError
from autogen_counterfoil.exchange import Exchange
from builders import Ran, assistant, results
from simulator import Approval, Simulator, delegation
from simulator_http import payload

URL = "https://counterfoil.example.com/authorize"


def bound(key: DPoPKey, **claims: Any) -> str:
    return delegation(cnf={"jkt": key.thumbprint}, **claims)


def pem(key: Any) -> bytes:
    written: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return written


def acting(ran: Ran) -> Any:
    async def act(n: int) -> str:
        ran.append(n)
        return "ok"

    return assistant([("act", {"n": 1})], "done", tools=[act])


def test_thumbprint_is_that_of_rfc_7638() -> None:
    # the private key of RFC 7515 A.3.1; the service's own code gives the same
    number = int.from_bytes(urlsafe_b64decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI="))
    key = DPoPKey(ec.derive_private_key(number, ec.SECP256R1()))
    assert key.thumbprint == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


def test_proof_says_what_rfc_9449_asks_for_and_its_own_key_verifies_it() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    token = delegation()
    signed, _, signature = (
        DPoPKey(private).proof("POST", URL + "?a=1#b", token=token).rpartition(".")
    )
    header = json.loads(urlsafe_b64decode(signed.split(".")[0] + "=="))
    assert (header["typ"], header["alg"], set(header["jwk"])) == (
        "dpop+jwt", "ES256", {"crv", "kty", "x", "y"},
    )  # fmt: skip
    raw = urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    private.public_key().verify(der, signed.encode(), ec.ECDSA(SHA256()))
    claims = payload(signed + ".")
    assert claims["htm"] == "POST"
    assert claims["htu"] == URL
    assert abs(claims["iat"] - time.time()) < 60  # noqa: TID251 -- proofs are of now
    assert set(claims) == {"jti", "htm", "htu", "iat", "ath"}
    without = payload(DPoPKey(private).proof("POST", URL, nonce="n1"))
    assert (without["nonce"], "ath" in without) == ("n1", False)


async def test_each_call_of_a_run_carries_a_fresh_proof_for_itself(
    sim: Simulator, guard: Guard
) -> None:
    sim.default = "allow"
    key, ran = DPoPKey.generate(), Ran()
    value = bound(key)
    await run(guard, protect(acting(ran), guard), task="t", token=lambda: value, key=key)
    assert ran == [1]
    asked = [(m, p) for m, p, _ in sim.proofs]
    ((decision_id, _),) = sim.outcomes.items()
    assert asked == [("POST", "/authorize"), ("POST", f"/decisions/{decision_id}/outcome")]
    for method, path, proof in sim.proofs:
        claims = payload(proof)
        assert (claims["htm"], claims["htu"]) == (method, sim.url + path)
    assert len({payload(proof)["jti"] for *_, proof in sim.proofs}) == 2


async def test_waiting_for_approval_and_withdrawing_carry_proofs_too(sim: Simulator) -> None:
    sim.default = "needs_approval"
    key, ran = DPoPKey.generate(), Ran()
    value = bound(key)
    guard = Guard(sim.url, deadline_seconds=3, approval_wait_seconds=1.0)
    await run(guard, protect(acting(ran), guard), task="t", token=lambda: value, key=key)
    assert ran == []
    paths = [path.partition("?")[0] for _, path, _ in sim.proofs]
    assert {"/authorize", "/approvals/apr_1", "/approvals/apr_1/cancel"} <= set(paths)
    assert len(paths) == sum(sim.hits.values()), "a call went without a proof"
    for method, path, proof in sim.proofs:  # a proof's URL has no query (RFC 9449 §4.2)
        claims = payload(proof)
        assert (claims["htm"], claims["htu"]) == (method, sim.url + path.partition("?")[0])


def sent(sim: Simulator, kind: str) -> Any:
    """Send one exchange by the client of that kind."""
    key = DPoPKey.generate()
    token = delegation_token(bound(key), key)
    exchange = Exchange(method="GET", path="/approvals/apr_1?wait=1", token=token)

    async def asynchronously() -> None:
        client = AsyncClient(sim.url)
        try:
            await client.send(exchange, deadline_seconds=5)
        finally:
            await client.close()

    if kind == "async":
        return asynchronously()
    with SyncClient(sim.url) as client:
        client.send(exchange, deadline_seconds=5)
    return None


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_each_try_has_a_proof_of_its_own(sim: Simulator, kind: str) -> None:
    faults = iter(["refused", "503"])
    sim.fault = lambda _path: next(faults, None)
    sim.approvals["apr_1"] = Approval("apr_1", status="approved")
    coroutine = sent(sim, kind)
    if coroutine is not None:
        await coroutine
    assert len(sim.proofs) == 3
    assert len({payload(proof)["jti"] for *_, proof in sim.proofs}) == 3


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_nonce_that_the_service_asks_for_is_in_the_next_proof(
    sim: Simulator, kind: str
) -> None:
    sim.nonce = "n-1"
    sim.approvals["apr_1"] = Approval("apr_1", status="approved")
    coroutine = sent(sim, kind)
    if coroutine is not None:
        await coroutine
    assert [payload(proof).get("nonce") for *_, proof in sim.proofs] == [None, "n-1"]
    assert len({payload(proof)["jti"] for *_, proof in sim.proofs}) == 2


@pytest.mark.parametrize("bad", ["", 'a"b', "a b", "n" * 513])
async def test_nonce_that_is_none_is_not_taken_and_asked_for_without_end(
    sim: Simulator, bad: str
) -> None:
    sim.nonce = bad
    with pytest.raises(CredentialRejectedError):
        await sent(sim, "async")
    assert len(sim.proofs) == 1


KEY, OTHER = DPoPKey.generate(), DPoPKey.generate()


@pytest.mark.parametrize(
    ("token", "key", "said"),
    [
        (bound(KEY), None, "does not have"),
        (bound(KEY), OTHER, "another key"),
        (delegation(), KEY, "not bound"),
        (delegation(cnf={"x5t#S256": "A"}), KEY, "not bound"),
        (delegation(cnf={"jkt": None}), KEY, "not bound"),
        (delegation(cnf={"jkt": ["a"]}), None, "does not have"),
        (delegation(cnf={"jkt": ["a"]}), KEY, "another key"),
    ],
)
async def test_bound_token_without_its_key_starts_nothing_and_goes_nowhere(
    sim: Simulator, guard: Guard, token: str, key: DPoPKey | None, said: str
) -> None:
    sim.default = "allow"
    ran = Ran()
    with pytest.raises(CredentialError, match=said):
        await run(guard, protect(acting(ran), guard), task="t", token=lambda: token, key=key)
    assert (ran, dict(sim.hits)) == ([], {})
    good = bound(KEY)
    await run(guard, protect(acting(ran), guard), task="t", token=lambda: good, key=KEY)  # control
    assert ran == [1]


async def test_renewal_to_a_token_that_lost_its_key_is_not_sent(
    sim: Simulator, guard: Guard
) -> None:
    sim.default = "allow"
    ran = Ran()
    tokens = iter([bound(KEY)])
    result = await run(
        guard,
        protect(acting(ran), guard),
        task="t",
        token=lambda: next(tokens, delegation()),
        key=KEY,
    )
    assert (ran, dict(sim.hits)) == ([], {})
    assert "not bound" in results(result)[0][0]


async def test_key_of_the_environment_goes_with_the_token_of_the_environment_alone(
    sim: Simulator, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.default = "allow"
    private = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "dpop.pem"
    file.write_bytes(pem(private))
    file.chmod(0o600)
    value, plain = bound(DPoPKey(private)), delegation()
    monkeypatch.setenv("COUNTERFOIL_TOKEN", value)
    ran = Ran()
    for name, setting in (("KEY_FILE", str(file)), ("KEY", pem(private).decode())):
        with monkeypatch.context() as patch:
            patch.setenv(f"COUNTERFOIL_DPOP_{name}", setting)
            await run(guard, protect(acting(ran), guard), task="t")
            await run(guard, protect(acting(ran), guard), task="t", token=lambda: plain)
            with pytest.raises(CredentialError, match="does not have"):
                await run(guard, protect(acting(ran), guard), task="t", token=lambda: value)
    assert len(ran) == 4
    assert len(sim.proofs) == 4  # two calls with proofs, two without, and their outcomes


def test_key_file_that_others_may_use_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dpop.pem"
    file.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        with pytest.raises(CredentialError, match="chmod 600"):
            DPoPKey.load(file)
    file.chmod(0o600)
    assert DPoPKey.load(file).thumbprint  # control


@pytest.mark.parametrize(
    "data",
    [
        b"", b"secret-text", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65_537, 2_048)),
    ],
)  # fmt: skip
def test_what_is_no_p256_key_is_refused_and_not_shown(data: bytes) -> None:
    with pytest.raises(CredentialError) as caught:
        DPoPKey.from_pem(data)
    assert "secret-text" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(CredentialError, match="cannot be read"):
        DPoPKey.load(Path("/nowhere/dpop.pem"))


def test_key_is_neither_shown_nor_copied_nor_pickled() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key = DPoPKey(private)
    token = DelegationToken(bound(key), {}, key)
    number = private.private_numbers().private_value
    assert key.thumbprint in repr(token)
    assert str(number) not in repr(token)
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            way(key)
