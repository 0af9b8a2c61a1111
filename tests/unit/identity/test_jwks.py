from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.errors import IdentityUnavailable
from counterfoil.identity.jwks import (
    MAX_JWKS_BYTES,
    MAX_KEYS,
    RELOAD_INTERVAL_SECONDS,
    KeyFile,
    MalformedKeySet,
    read_key_set,
)
from counterfoil.keys import public_jwk
from simulators.idp import NOW, Idp

KEY = ec.generate_private_key(ec.SECP256R1())
GOOD: dict[str, Any] = {**public_jwk(KEY), "kid": "good"}
WRONG_SETS: dict[str, bytes] = {
    "empty": b"",
    "not-json": b"{",
    "array": json.dumps([GOOD]).encode(),
    "no-keys": b"{}",
    "keys-object": json.dumps({"keys": GOOD}).encode(),
    "no-key-left": json.dumps({"keys": []}).encode(),
    "key-text": json.dumps({"keys": [GOOD, "x"]}).encode(),
    "kid-twice": json.dumps({"keys": [GOOD, {**GOOD, "use": "enc"}]}).encode(),
    "name-twice": json.dumps({"keys": [GOOD]}).replace("{", '{"keys":[],', 1).encode(),
    "oct-beside-public": json.dumps(
        {"keys": [GOOD, {"kty": "oct", "k": "c2VjcmV0", "kid": "h"}]}
    ).encode(),
    "oct-alone": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "h"}]}).encode(),
    "private": json.dumps({"keys": [{**GOOD, "d": "AAAA"}]}).encode(),
    "secret-without-kid": json.dumps({"keys": [GOOD, {"kty": "oct", "k": "AA"}]}).encode(),
    "too-many": json.dumps(
        {"keys": [{**GOOD, "kid": str(i)} for i in range(MAX_KEYS + 1)]}
    ).encode(),
    "too-big": json.dumps({"keys": [GOOD], "pad": "p" * MAX_JWKS_BYTES}).encode(),
}
UNFIT_KEYS: dict[str, dict[str, Any]] = {
    "use-enc": {**GOOD, "use": "enc"},
    "use-null": {**GOOD, "use": None},
    "key-ops-sign": {**GOOD, "key_ops": ["sign"]},
    "key-ops-text": {**GOOD, "key_ops": "verify"},
    "kid-number": {**GOOD, "kid": 1},
    "kid-missing": {name: GOOD[name] for name in GOOD if name != "kid"},
    "kid-empty": {**GOOD, "kid": ""},
    "kid-long": {**GOOD, "kid": "k" * 257},
    "curve-unknown": {**GOOD, "crv": "P-257"},
    "curve-secp256k1": {**GOOD, "crv": "secp256k1"},
    "curve-missing": {name: GOOD[name] for name in GOOD if name != "crv"},
    "curve-list": {**GOOD, "crv": ["P-256"]},
    "off-curve": {**GOOD, "y": GOOD["x"]},
    "short": {**GOOD, "x": GOOD["x"][:-4]},
    "padded": {**GOOD, "x": GOOD["x"] + "="},
    "x-number": {**GOOD, "x": 1},
    "x-missing": {name: GOOD[name] for name in GOOD if name != "x"},
    "alg-number": {**GOOD, "alg": 1},
    "kty-unknown": {**GOOD, "kty": "AKP"},
    "kty-list": {**GOOD, "kty": ["EC"]},
    "rsa-small": {"kty": "RSA", "kid": "good", "n": "3Q" * 80, "e": "AQAB"},
    "rsa-huge": {"kty": "RSA", "kid": "good", "n": "3Q" * 1000, "e": "AQAB"},
    "rsa-exponent-1": {"kty": "RSA", "kid": "good", "n": "3Q" * 171, "e": "AQ"},
    "rsa-exponent-huge": {"kty": "RSA", "kid": "good", "n": "3Q" * 171, "e": "AQAAAAAB" * 2},
    "ed448": {"kty": "OKP", "crv": "Ed448", "kid": "good", "x": "A" * 76},
    "x25519": {"kty": "OKP", "crv": "X25519", "kid": "good", "x": "A" * 43},
    "ed-short": {"kty": "OKP", "crv": "Ed25519", "kid": "good", "x": "A" * 40},
}


@pytest.mark.parametrize("name", WRONG_SETS)
def test_set_that_cannot_be_meant_is_refused_whole(name: str) -> None:
    assert read_key_set(json.dumps({"keys": [GOOD]}).encode()).keys
    with pytest.raises(MalformedKeySet):
        read_key_set(WRONG_SETS[name])


@pytest.mark.parametrize("name", UNFIT_KEYS)
def test_unfit_key_is_left_out_and_its_neighbour_stays(name: str) -> None:
    neighbour = {**GOOD, "kid": "neighbour"}
    found = read_key_set(json.dumps({"keys": [UNFIT_KEYS[name], neighbour]}).encode())
    assert set(found.keys) == {"neighbour"}


@pytest.fixture
def idp(tmp_path: Path) -> Idp:
    return Idp(tmp_path)


def test_changed_file_is_read_after_the_interval(idp: Idp) -> None:
    file = KeyFile(idp.jwks_file)
    first = file.current(NOW)
    idp.publish([idp.rotate()])
    assert file.current(NOW + RELOAD_INTERVAL_SECONDS / 2) is first
    second = file.current(NOW + RELOAD_INTERVAL_SECONDS)
    assert set(second.keys) == {idp.signers[-1].key_id}


def test_clock_set_back_does_not_stop_the_reloading(idp: Idp) -> None:
    file = KeyFile(idp.jwks_file)
    file.current(NOW)
    idp.publish([idp.rotate()])
    assert set(file.current(NOW - 3_600).keys) == {idp.signers[-1].key_id}


@pytest.mark.parametrize("broken", [b"", b"{", b'{"keys":[]}', WRONG_SETS["oct-beside-public"]])
def test_last_good_keys_stay_while_the_file_is_broken(
    idp: Idp, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = KeyFile(idp.jwks_file)
    good = file.current(NOW)
    idp.write(broken)
    for i in range(1, 5):
        assert file.current(NOW + i * RELOAD_INTERVAL_SECONDS) is good
    assert len(caplog.records) == 1
    idp.publish([idp.rotate()])
    assert file.current(NOW + 60) is not good


def test_last_good_keys_stay_while_the_file_is_gone(idp: Idp) -> None:
    file = KeyFile(idp.jwks_file)
    good = file.current(NOW)
    idp.jwks_file.unlink()
    assert file.current(NOW + 60) is good


def test_rewritten_with_the_same_content_is_no_new_generation(idp: Idp) -> None:
    file = KeyFile(idp.jwks_file)
    good = file.current(NOW)
    idp.publish(idp.signers)
    assert file.current(NOW + 60) is good


def test_never_readable_keys_are_unavailable_not_a_refusal(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "none.json")
    for i in range(3):
        with pytest.raises(IdentityUnavailable):
            file.current(NOW + i)
    idp = Idp(tmp_path)
    idp.jwks_file.rename(tmp_path / "none.json")
    assert file.current(NOW + 60).keys
