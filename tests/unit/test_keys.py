from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterfoil.config_model import DELEGATION_JWKS_FILE
from counterfoil.errors import ConfigError
from counterfoil.identity.signing import GRANT_TYPE, Es256Signer
from counterfoil.keys import (
    GRANT_KEY_FILE,
    ensure_delegation_key,
    ensure_grant_key,
    jwks_document,
    load_es256_key,
    load_grant_key,
    public_jwk,
)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_key_is_made_once_for_this_account_alone(tmp_path: Path) -> None:
    path = ensure_grant_key(tmp_path / "keys")
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert ensure_grant_key(tmp_path / "keys").read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == [GRANT_KEY_FILE]


def test_many_makers_at_once_end_with_one_key(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def make() -> None:
        seen.append(ensure_grant_key(tmp_path).read_bytes())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_public_file_follows_the_private_key(tmp_path: Path) -> None:
    path = ensure_delegation_key(tmp_path)
    path.write_bytes(_pem(ec.generate_private_key(ec.SECP256R1())))
    ensure_delegation_key(tmp_path)
    published = json.loads((tmp_path / DELEGATION_JWKS_FILE).read_text())
    assert published == jwks_document([public_jwk(load_es256_key(path))])
    assert "d" not in published["keys"][0]


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o666, 0o601])
def test_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = ensure_grant_key(tmp_path)
    assert load_grant_key(tmp_path).curve.name == "secp256r1"
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_grant_key(tmp_path)


def test_mounted_secret_may_be_readable_by_the_group(tmp_path: Path) -> None:
    ensure_grant_key(tmp_path).chmod(0o440)
    assert load_grant_key(tmp_path).curve.name == "secp256r1"


def test_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="counterfoil keys make") as refusal:
        load_grant_key(tmp_path)
    assert refusal.value.pointer == "keys.directory"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _pem(ec.generate_private_key(ec.SECP384R1())),
        _pem(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["empty", "garbage", "p384", "rsa"],
)
def test_file_that_is_no_p256_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / GRANT_KEY_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        load_grant_key(tmp_path)


def test_folder_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        ensure_grant_key(tmp_path / "file" / "keys")


def test_signed_request_verifies_with_the_published_key_and_says_its_type(tmp_path: Path) -> None:
    ensure_grant_key(tmp_path)
    signer = Es256Signer(load_grant_key(tmp_path))
    signed = signer.sign({"iss": "us", "aud": "issuer", "exp": 4_000_000_000})
    key = jwt.PyJWK(dict(signer.public_jwk))
    claims = jwt.decode(signed, key, algorithms=["ES256"], audience="issuer")
    assert claims == {"iss": "us", "aud": "issuer", "exp": 4_000_000_000}
    header = jwt.get_unverified_header(signed)
    assert header == {"alg": "ES256", "kid": signer.key_id, "typ": GRANT_TYPE}
