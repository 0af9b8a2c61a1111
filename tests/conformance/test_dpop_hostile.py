"""RFC 9449 §4.3: each proof that does not hold is refused, beside one that does.

The ledger that spends the proofs is real.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bound import LEEWAY, NOW, URL, Bench, proofs_over
from counterfoil.core.canonical import digest
from counterfoil.errors import IdentityError, InvalidProof, Rule
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.dpop import MAX_AGE_SECONDS, ProofVerifier
from counterfoil.ports import Proof
from ledgers import running_ledger
from proofs import MISSING, Prover
from simulators.idp import Idp
from vectors import jwt_forge as f

WEAK_KEY = f.rsa_key("rsa-1024")


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProofVerifier]:
    with running_ledger(tmp_path_factory.mktemp("ledger")) as started:
        yield proofs_over(started)


@pytest.fixture
def bench(tmp_path: Path, proofs: ProofVerifier) -> Bench:
    idp = Idp(tmp_path)
    return Bench(idp, Verifier(idp.config(), proofs))


HOSTILE: dict[str, dict[str, Any] | Callable[[Bench], dict[str, Any]]] = {
    "typ missing": {"header": {"typ": MISSING}},
    "typ of a token": {"header": {"typ": "at+jwt"}},
    "typ JWT": {"header": {"typ": "JWT"}},
    "typ null": {"header": {"typ": None}},
    "typ twice prefixed": {"header": {"typ": "application/application/dpop+jwt"}},
    "alg none": {"header": {"alg": "none"}, "sign": lambda _: b"\0"},
    "alg HS256 with the public key": lambda b: {
        "header": {"alg": "HS256"},
        "sign": f.hs(f.dumps(b.prover.jwk)),
    },
    "alg null": {"header": {"alg": None}},
    "alg list": {"header": {"alg": ["ES256"]}},
    "alg ES384": {"header": {"alg": "ES384"}},
    "alg of another kind of key": {"header": {"alg": "RS256"}},
    "no key": {"header": {"jwk": MISSING}},
    "key null": {"header": {"jwk": None}},
    "key text": {"header": {"jwk": "AAAA"}},
    "key by URL": {"header": {"jwk": MISSING, "jku": "https://evil.example/keys"}},
    "key by kid": {"header": {"jwk": MISSING, "kid": "ec"}},
    "key and its URL": {"header": {"jku": "https://evil.example/keys"}},
    "key and a certificate": {"header": {"x5c": ["MIIB"]}},
    "crit": {"header": {"crit": ["exp"]}},
    "b64": {"header": {"b64": False}},
    "unknown member": {"header": {"nonce": "n"}},
    "private key": lambda b: {"header": {"jwk": {**b.prover.jwk, "d": "AAAA"}}},
    "secret key": {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
    "encryption key": lambda b: {"header": {"jwk": {**b.prover.jwk, "use": "enc"}}},
    "signing only key": lambda b: {"header": {"jwk": {**b.prover.jwk, "key_ops": ["sign"]}}},
    "key for another alg": lambda b: {"header": {"jwk": {**b.prover.jwk, "alg": "ES384"}}},
    "key off the curve": lambda b: {"header": {"jwk": {**b.prover.jwk, "y": b.prover.jwk["x"]}}},
    "key padded": lambda b: {"header": {"jwk": {**b.prover.jwk, "x": b.prover.jwk["x"] + "="}}},
    "weak RSA key": {
        "header": {"alg": "RS256", "jwk": f.jwk(None, WEAK_KEY)},
        "sign": f.rs(WEAK_KEY),
    },
    "another's key": lambda _: {
        "header": {"jwk": (thief := Prover()).jwk},
        "sign": f.es(thief.key),
    },
    "signature of another": lambda _: {"sign": f.es(Prover().key)},
    "signature zero": {"sign": lambda _: bytes(64)},
    "htm missing": {"htm": MISSING},
    "htm of another method": {"htm": "GET"},
    "htm in small letters": {"htm": "post"},
    "htm list": {"htm": ["POST"]},
    "htu missing": {"htu": MISSING},
    "htu null": {"htu": None},
    "htu of another path": {"htu": URL + "/batch"},
    "htu of the root": {"htu": "https://counterfoil.example.com/"},
    "htu of another host": {"htu": URL.replace("counterfoil", "evil")},
    "htu of a longer host": {"htu": URL.replace(".com", ".com.evil.example")},
    "htu of another scheme": {"htu": URL.replace("https", "http")},
    "htu of another port": {"htu": URL.replace(".com", ".com:8443")},
    "htu with a user": {"htu": URL.replace("//", "//evil@")},
    "htu with a trailing slash": {"htu": URL + "/"},
    "htu with two slashes": {"htu": URL.replace("/authorize", "//authorize")},
    "htu in capitals": {"htu": URL.replace("authorize", "AUTHORIZE")},
    "htu relative": {"htu": "/authorize"},
    "htu with a dot segment": {"htu": URL.replace("/authorize", "/x/../authorize")},
    "htu list": {"htu": [URL]},
    "jti missing": {"jti": MISSING},
    "jti empty": {"jti": ""},
    "jti number": {"jti": 7},
    "jti long": {"jti": "j" * 257},
    "jti with a line end": {"jti": "a\n"},
    "iat missing": {"iat": MISSING},
    "iat text": {"iat": str(int(NOW))},
    "iat old": {"iat": int(NOW - MAX_AGE_SECONDS - LEEWAY) - 1},
    "iat in the future": {"iat": int(NOW) + LEEWAY + 1},
    "iat true": {"iat": True},
    "iat in milliseconds": {"iat": int(NOW) * 1000},
    "ath missing": {"ath": MISSING},
    "ath null": {"ath": None},
    "ath of another token": {"ath": digest(b"another")},
    "ath padded": lambda _: {"ath": "A" * 43 + "="},
    "ath hexadecimal": {"ath": "a" * 64},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_proof_that_does_not_hold_is_refused_beside_its_control(bench: Bench, kind: str) -> None:
    changes = HOSTILE[kind]
    token = bench.token()
    assert bench.accepts(token, bench.proof(token))
    made = bench.proof(token, **(changes(bench) if callable(changes) else changes))
    with pytest.raises(InvalidProof) as refusal:
        bench.accepts(token, made)
    error = refusal.value
    assert (error.status, error.code, error.rule) == (401, IdentityError.code, Rule.PROOF)
    said = f"{error} {error.detail}"
    assert not any(part in said for part in made.unverified_jwt.split("."))


def _json_twice(bench: Bench, token: str) -> str:
    header = f.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": bench.prover.jwk})
    body = f.dumps({"jti": "j", "htm": "GET", "htu": URL, "iat": int(NOW)})
    body = body[:-1] + b',"htm":"POST","ath":"' + digest(token.encode()).encode() + b'"}'
    return f.token(header, body, f.es(bench.prover.key))


MALFORMED: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "dots": lambda _: "..",
    "two segments": lambda p: p.rpartition(".")[0],
    "four segments": lambda p: p + ".AAAA",
    "padded": lambda p: p + "=",
    "two proofs": lambda p: f"{p},{p}",
    "space": lambda p: p + " ",
    "not ASCII": lambda p: p + "é",
    "long": lambda p: p + "A" * 8_192,
    "payload not JSON": lambda p: ".".join([p.split(".")[0], "AAAA", p.split(".")[2]]),
    "header not JSON": lambda p: ".".join(["AAAA", *p.split(".")[1:]]),
    "header a list": lambda p: ".".join(
        [urlsafe_b64encode(b"[]").decode().rstrip("="), *p.split(".")[1:]]
    ),
    "another payload": lambda p: ".".join([p.split(".")[0], f.b64(b"{}"), p.split(".")[2]]),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_proof_is_refused(bench: Bench, kind: str) -> None:
    token = bench.token()
    honest = bench.proof(token).unverified_jwt
    made = Proof(unverified_jwt=MALFORMED[kind](honest), method="POST", url=URL)
    with pytest.raises(InvalidProof):
        bench.accepts(token, made)
    assert bench.accepts(token, Proof(unverified_jwt=honest, method="POST", url=URL))


def test_name_twice_in_a_proof_is_refused(bench: Bench) -> None:
    token = bench.token()
    made = Proof(unverified_jwt=_json_twice(bench, token), method="POST", url=URL)
    with pytest.raises(InvalidProof, match="JSON"):
        bench.accepts(token, made)


BOUNDARIES: dict[str, dict[str, Any]] = {
    "query and fragment": {"htu": URL + "?a=b#c"},
    "host in capitals, its port": {
        "htu": URL.replace("counterfoil.example.com", "COUNTERFOIL.example.com:443")
    },
    "needless escape": {"htu": URL.replace("https", "HTTPS").replace("authorize", "%61uthorize")},
    "oldest": {"iat": int(NOW - MAX_AGE_SECONDS - LEEWAY)},
    "youngest": {"iat": int(NOW) + LEEWAY},
    "typ in full": {"header": {"typ": "application/DPoP+JWT"}},
    "other claims": {"exp": 1, "nonce": "n", "other": [1]},
}


@pytest.mark.parametrize("kind", BOUNDARIES)
def test_proof_at_each_boundary_is_accepted(bench: Bench, kind: str) -> None:
    token = bench.token()
    assert bench.accepts(token, bench.proof(token, **BOUNDARIES[kind]))
