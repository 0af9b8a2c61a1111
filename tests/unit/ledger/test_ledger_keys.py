"""The ledger's key files: made once, whole, private; anything else stops the start."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError
from counterfoil.ledger.keys import (
    export_verifier_key,
    known_prefix,
    load_master,
    load_receipt_key,
    read_verifier_key,
)


def test_missing_keys_are_made_only_when_asked_for(tmp_path: Path) -> None:
    for load in (load_receipt_key, load_master):
        with pytest.raises(ConfigError, match="cannot read"):
            load(tmp_path, create=False)
    assert load_receipt_key(tmp_path / "k", create=True).public == (
        load_receipt_key(tmp_path / "k", create=False).public
    )
    assert load_master(tmp_path / "k", create=True) == load_master(tmp_path / "k", create=True)
    for path in (tmp_path / "k").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_workers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_master(tmp_path / "k", create=True), range(32)))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["sealing.key"]


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o666])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    load_master(tmp_path, create=True)
    path = tmp_path / "sealing.key"
    path.chmod(0o440)
    load_master(tmp_path, create=False)  # control: a mounted secret
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_master(tmp_path, create=False)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for name, data in (("receipt.pem", other), ("receipt.pem", b"x"), ("sealing.key", b"short")):
        path = tmp_path / name
        path.write_bytes(data)
        path.chmod(0o600)
        with pytest.raises(ConfigError):
            (load_receipt_key if name == "receipt.pem" else load_master)(tmp_path, create=True)


def test_the_public_key_is_exported_under_the_ledgers_name(tmp_path: Path) -> None:
    key = VerifierKey("ledger.example.test/00", load_receipt_key(tmp_path, create=True).public)
    assert known_prefix(tmp_path) is None
    export_verifier_key(tmp_path, key)
    export_verifier_key(tmp_path, key)
    assert read_verifier_key(tmp_path / "receipt.pub") == key
    assert known_prefix(tmp_path) == key.name
    (tmp_path / "receipt.pub").write_text("rubbish")
    with pytest.raises(ConfigError):
        known_prefix(tmp_path)
