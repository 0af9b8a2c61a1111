"""The ledger's keys in the keys folder: the receipt key (writer) and the sealing master (workers).

Only the writer loads `receipt.pem`, so a receipt proves that the writer committed; only
workers and the operator's commands load `sealing.key`, so the writer never sees a payload.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterfoil.core.checkpoint import (
    KEY_ID_BYTES,
    InvalidNote,
    VerifierKey,
    parse_verifier_keys,
)
from counterfoil.errors import ConfigError

RECEIPT_KEY = "receipt.pem"
VERIFIER_KEY = "receipt.pub"
SEALING_KEY = "sealing.key"
MASTER_BYTES = 32
_FORBIDDEN_MODE = 0o027  # others, and writing by the group; a mounted secret may be 0440


class ReceiptKey:
    """The Ed25519 key of receipts and checkpoints; one per writer process."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self.public: bytes = private.public_key().public_bytes_raw()
        self.sign = private.sign


def load_receipt_key(directory: Path, *, create: bool, name: str = RECEIPT_KEY) -> ReceiptKey:
    """Read the private key; `create` (development only) makes a missing one.

    Raises:
        ConfigError: missing, readable by others, or not an Ed25519 key.
    """
    path = directory / name
    if create:
        _create(path, new_receipt_key)
    try:
        return receipt_key_of(_read_private(path))
    except ValueError as error:
        raise ConfigError(f"{path} is {error}") from error


def receipt_key_of(pem: bytes) -> ReceiptKey:
    """The key of a file's contents.

    Raises:
        ValueError: it is none.
    """
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("not an unencrypted PEM private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")  # noqa: TRY004 (of a file's contents)
    return ReceiptKey(private)


def load_master(directory: Path, *, create: bool) -> bytes:
    """Read the 32 bytes of the sealing master; `create` (development only) draws them.

    Raises:
        ConfigError: missing, readable by others, or of another length.
    """
    path = directory / SEALING_KEY
    if create:
        _create(path, lambda: secrets.token_bytes(MASTER_BYTES))
    data = _read_private(path)
    if len(data) != MASTER_BYTES:
        raise ConfigError(f"{path} does not hold exactly {MASTER_BYTES} bytes")
    return data


def export_verifier_key(directory: Path, key: VerifierKey) -> None:
    """Write `receipt.pub`, all that `counterfoil verify` needs; not on a read-only mount."""
    path, text = directory / VERIFIER_KEY, verifier_text(key)
    try:
        if not path.exists() or path.read_text() != text:
            replace_file(path, text.encode(), mode=0o644)
    except OSError:
        return  # keys from a read-only secret: the operator exports it once


def verifier_text(key: VerifierKey) -> str:
    """A verifier key file: the present key, then those before it, a line each."""
    return "".join(f"{one.text()}\n" for one in key.line())


def read_verifier_key(path: Path) -> VerifierKey:
    """Read a verifier key file.

    Raises:
        ConfigError: unreadable, or no Ed25519 verifier key.
    """
    try:
        return parse_verifier_keys(path.read_text())
    except (OSError, UnicodeDecodeError, InvalidNote) as error:
        raise ConfigError(f"{path}: {error}") from error


def known_key(directory: Path) -> VerifierKey | None:
    """The ledger that this folder's key belongs to, if it has one yet.

    Raises:
        ConfigError: `receipt.pub` is there and no verifier key.
    """
    path = directory / VERIFIER_KEY
    return read_verifier_key(path) if path.exists() else None


def known_prefix(directory: Path) -> str | None:
    """Its origin prefix.

    Raises:
        ConfigError: as `known_key`.
    """
    key = known_key(directory)
    return None if key is None else key.name


class Verifier:
    """Checks Ed25519 signatures of a ledger's key; of its receipts those of earlier keys too."""

    def __init__(self, key: VerifierKey) -> None:
        self._key = key
        self._public = Ed25519PublicKey.from_public_bytes(key.public)

    def __call__(self, signature: bytes, message: bytes) -> bool:
        """Whether the present key made this signature over this message."""
        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def receipt(self, stored: bytes, origin: str, message: bytes) -> bool:
        """Whether `stored`, key id ‖ signature, is the receipt of a log that went by `origin`.

        The record's own place decides whether the key counted then: `verify` asks that.
        """
        for key in self._key.line():
            log = key.named(origin) if origin.startswith(f"{key.name}/log/") else None
            if log is not None and stored.startswith(log.key_id()):
                verify = self if key.public == self._key.public else Verifier(key)
                return verify(stored[KEY_ID_BYTES:], message)
        return False


def signed_by(public: bytes, signature: bytes, message: bytes) -> bool:
    """`succession.Verify`."""
    return Verifier(VerifierKey("", public))(signature, message)


def new_receipt_key() -> bytes:
    """A fresh private key, as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _create(path: Path, make: Callable[[], bytes]) -> None:
    """Create the file whole or not at all; of several processes at once, one wins."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = _written(path, make(), mode=0o600)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put whole new contents in a file's place, durably.

    Raises:
        OSError: it cannot be written.
    """
    _written(path, data, mode=mode).replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _written(path: Path, data: bytes, *, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    return Path(name)


def _read_private(path: Path) -> bytes:
    try:
        if S_IMODE(path.stat().st_mode) & _FORBIDDEN_MODE:
            raise ConfigError(f"{path} is open to other accounts; run: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the key {path}: {error.strerror}") from error
