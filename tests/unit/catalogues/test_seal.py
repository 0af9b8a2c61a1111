"""A catalogue is what its seal says, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands import MAIN, ORDERS
from counterfoil.catalogues.seal import (
    MAX_BYTES,
    PRIVATE_KEY,
    PUBLIC_KEY,
    BrokenSeal,
    digest_of,
    load_private_key,
    load_public_key,
    seal,
    unseal,
)
from counterfoil.errors import ConfigError

KEY = Ed25519PrivateKey.generate()
BODY = b'{"format":"postgresql/1"}'
TAKEN = 1_795_489_800.0
FILE = seal(ORDERS, BODY, taken_at=TAKEN, key=KEY)


def test_what_was_sealed_comes_back() -> None:
    found = unseal(FILE, key=KEY.public_key())
    assert (found.resource, found.location) == (ORDERS.id, ORDERS.location)
    assert (found.taken_at, found.body) == (TAKEN, BODY)
    assert found.digest == digest_of(BODY)


@pytest.mark.parametrize("at", range(0, len(FILE), 7))
def test_no_byte_can_be_changed(at: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= 1
    with pytest.raises(BrokenSeal):
        unseal(bytes(changed), key=KEY.public_key())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        FILE[:-1],
        FILE + b" ",
        FILE.partition(b"\n")[0],
        b"[]\n" + BODY,
        b"{}\n" + BODY,
        FILE.replace(b'"resource":"orders"', b'"resource":7'),
        FILE.replace(b"catalogue/v1", b"catalogue/v2"),
        seal(MAIN, BODY, taken_at=TAKEN, key=KEY).partition(b"\n")[0] + b"\n" + b"{}",
        seal(ORDERS, BODY, taken_at=TAKEN, key=Ed25519PrivateKey.generate()),
    ],
)
def test_anything_else_is_no_catalogue(data: bytes) -> None:
    with pytest.raises(BrokenSeal):
        unseal(data, key=KEY.public_key())


def test_a_snapshot_is_bounded() -> None:
    assert seal(ORDERS, b"x" * MAX_BYTES, taken_at=TAKEN, key=KEY)
    with pytest.raises(ConfigError, match="more than"):
        seal(ORDERS, b"x" * (MAX_BYTES + 1), taken_at=TAKEN, key=KEY)


def test_the_key_is_made_once_and_its_public_half_follows_it(tmp_path: Path) -> None:
    assert load_public_key(tmp_path) is None
    private = load_private_key(tmp_path)
    public = load_public_key(tmp_path)
    assert public is not None
    assert public.public_bytes_raw() == private.public_key().public_bytes_raw()
    assert load_private_key(tmp_path).private_bytes_raw() == private.private_bytes_raw()
    assert (tmp_path / PRIVATE_KEY).stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_may_use_is_refused(tmp_path: Path) -> None:
    load_private_key(tmp_path)
    (tmp_path / PRIVATE_KEY).chmod(0o644)
    with pytest.raises(ConfigError, match="others may use"):
        load_private_key(tmp_path)


@pytest.mark.parametrize("text", ["", "nonsense", "AAAA"])
def test_a_public_key_that_is_none_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / PUBLIC_KEY).write_text(text, "ascii")
    assert load_public_key(tmp_path) is None


def test_a_sealed_file_that_is_too_large_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as larger:  # a release, or a holder of the key, with another bound
        larger.setattr("counterfoil.catalogues.seal.MAX_BYTES", 2 * MAX_BYTES)
        whole = seal(ORDERS, b"x" * (MAX_BYTES + 1), taken_at=TAKEN, key=KEY)
        assert unseal(whole, key=KEY.public_key()).body  # control
    with pytest.raises(BrokenSeal):
        unseal(whole, key=KEY.public_key())
