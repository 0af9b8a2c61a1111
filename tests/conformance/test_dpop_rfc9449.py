"""RFC 9449: a token that is bound to a key counts with a proof by that key, and then once.

The ledger that spends the proofs is real. Each attack stands beside the honest proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bound import NOW, URL, Bench, proofs_over
from counterfoil.core.canonical import digest
from counterfoil.core.urls import target_of
from counterfoil.errors import IdentityError, InvalidProof, LedgerUnavailable, MissingClaim, Rule
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.identity.jwks import thumbprint
from counterfoil.ports import Proof
from ledgers import Ledger, running_ledger
from proofs import MISSING, Prover
from simulators.idp import Idp
from vectors import jwt_forge as f

LOGIN = 'login_client_id = "counterfoil-login"\n'
RSA_KEY = f.rsa_key("rsa-2048")
ED_KEY = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with running_ledger(tmp_path_factory.mktemp("ledger")) as started:
        yield started


@pytest.fixture(scope="module")
def proofs(ledger: Ledger) -> ProofVerifier:
    return proofs_over(ledger)


@pytest.fixture
def bench(tmp_path: Path, proofs: ProofVerifier) -> Bench:
    idp = Idp(tmp_path)
    return Bench(idp, Verifier(idp.config(LOGIN), proofs))


@pytest.mark.parametrize(
    ("key", "algorithm", "sign"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256", None),
        (ED_KEY, "EdDSA", ED_KEY.sign),
        (RSA_KEY, "RS256", f.rs(RSA_KEY)),
        (RSA_KEY, "PS256", f.ps(RSA_KEY)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bound_token_counts_with_its_keys_proof(
    bench: Bench, key: Any, algorithm: str, sign: f.Sign | None
) -> None:
    bench.prover = Prover(key=key, algorithm=algorithm, sign=sign)
    token = bench.token()
    caller = bench.verifier.verify(token, now=NOW, proof=bench.proof(token))
    assert caller.key_thumbprint == bench.prover.thumbprint


def test_thumbprint_is_that_of_rfc_7638() -> None:
    # RFC 7638 §3.1's own example, as the header of a proof would carry it.
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_bound_token_without_a_proof_is_refused(bench: Bench) -> None:
    token = bench.token()
    assert bench.accepts(token, bench.proof(token))
    for _ in range(2):  # remembered or not
        with pytest.raises(InvalidProof):
            bench.accepts(token, None)


def test_binding_as_keycloak_writes_it_counts_and_no_other(bench: Bench) -> None:
    cnf = {**bench.prover.cnf, "kc-jkt-type": "DPoP"}
    token = bench.plain(cnf=cnf)
    assert bench.accepts(token, bench.proof(token))
    for other in ({"kc-jkt-type": "other"}, {"x5t#S256": "A" * 43}, {"kid": "ec"}):
        token = bench.plain(cnf={**cnf, **other})
        with pytest.raises(MissingClaim) as refusal:
            bench.accepts(token, bench.proof(token))
        assert refusal.value.rule is Rule.BINDING


def test_proof_counts_once(bench: Bench) -> None:
    token = bench.token()
    proof = bench.proof(token)
    assert bench.accepts(token, proof)
    with pytest.raises(InvalidProof, match="before"):
        bench.accepts(token, proof)
    assert bench.accepts(token, bench.proof(token))


def test_proof_counts_once_on_all_workers_and_after_a_restart(
    bench: Bench, ledger: Ledger, tmp_path: Path
) -> None:
    token = bench.token()
    proof = bench.proof(token)
    assert bench.accepts(token, proof)
    ledger.kill()
    ledger.start()
    other = proofs_over(ledger)
    with pytest.raises(InvalidProof, match="before"):
        Verifier(bench.idp.config(), other).verify(token, now=NOW, proof=proof)
    fresh = Verifier(bench.idp.config(), other).verify(token, now=NOW, proof=bench.proof(token))
    assert fresh.key_thumbprint == bench.prover.thumbprint


def test_same_jti_of_another_key_is_another_proof(bench: Bench) -> None:
    token = bench.token()
    assert bench.accepts(token, bench.proof(token, jti="one"))
    bench.prover = Prover()
    other = bench.token()
    assert bench.accepts(other, bench.proof(other, jti="one"))


def test_plain_token_under_the_dpop_scheme_is_refused(bench: Bench) -> None:
    token = bench.token()
    plain = bench.plain()
    assert bench.accepts(token, bench.proof(token))
    assert bench.accepts(plain, None)
    with pytest.raises(InvalidProof):
        bench.accepts(plain, bench.proof(plain))


def test_proof_that_cannot_be_spent_proves_nothing(bench: Bench, tmp_path: Path) -> None:
    with running_ledger(tmp_path / "down") as down:
        verifier = Verifier(bench.idp.config(), proofs_over(down, timeout_seconds=0.2))
        token = bench.token()
        down.kill()
        with pytest.raises(LedgerUnavailable):
            verifier.verify(token, now=NOW, proof=bench.proof(token))


def test_refused_proof_is_not_spent(bench: Bench) -> None:
    # Else anybody who saw a jti could spend it, or fill the ledger.
    token = bench.token()
    with pytest.raises(InvalidProof):
        bench.accepts(token, bench.proof(token, jti="seen", htm="GET"))
    with pytest.raises(InvalidProof):
        bench.accepts(token, bench.proof(token, jti="seen", sign=f.es(Prover().key)))
    assert bench.accepts(token, bench.proof(token, jti="seen"))


def test_token_is_no_proof_and_proof_is_no_token(bench: Bench) -> None:
    token = bench.token()
    proof = bench.proof(token)
    with pytest.raises(InvalidProof):
        bench.accepts(token, Proof(unverified_jwt=token, method="POST", url=URL))
    with pytest.raises(IdentityError) as refusal:
        bench.accepts(proof.unverified_jwt, None)
    assert refusal.value.rule is Rule.HEADER


def test_source_token_in_a_form_is_proven_by_its_key(bench: Bench) -> None:
    token = bench.token(aud="counterfoil-login")
    for ath in (MISSING, digest(token.encode())):
        source = bench.verifier.verify_source(token, now=NOW, proof=bench.proof(None, ath=ath))
        assert source.key_thumbprint == bench.prover.thumbprint
    for wrong in (bench.proof(None, ath=digest(b"x")), bench.proof(None, htm="GET"), None):
        with pytest.raises(InvalidProof):
            bench.verifier.verify_source(token, now=NOW, proof=wrong)


def test_plain_source_with_a_proof_tells_the_proven_key(bench: Bench) -> None:
    plain = bench.plain()
    source = bench.verifier.verify_source(plain, now=NOW, proof=bench.proof(None))
    assert source.key_thumbprint == bench.prover.thumbprint
    assert bench.verifier.verify_source(plain, now=NOW).key_thumbprint is None
    with pytest.raises(InvalidProof):
        bench.verifier.verify_source(plain, now=NOW, proof=bench.proof(None, htu="x"))


def test_key_is_proven_alone(bench: Bench) -> None:
    proof = bench.proof(None)
    assert bench.verifier.prove(proof, now=NOW) == bench.prover.thumbprint
    with pytest.raises(InvalidProof, match="before"):
        bench.verifier.prove(proof, now=NOW)
    with pytest.raises(InvalidProof):
        Verifier(bench.idp.config()).prove(bench.proof(None), now=NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTPS://A.example:443", "https://a.example/"),
        ("http://a.example:80/x?y", "http://a.example/x"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x#y"),
        ("https://a.example/%7Ex%2f", "https://a.example/~x%2F"),
    ],
)
def test_two_names_of_one_target_are_one(one: str, other: str) -> None:
    assert target_of(one) == target_of(other) is not None


@pytest.mark.parametrize(
    "url", ["", "/x", "ftp://a.example/x", "https://u@a.example/x", "https://", "https://a b/x"]
)
def test_what_names_no_target_equals_nothing(url: str) -> None:
    assert target_of(url) is None
