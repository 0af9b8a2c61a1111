"""Key files of the service: made once, never overwritten, readable by its account alone.

One key per purpose. Here are the two ES256 ones: `grant.pem` signs scoped token requests,
`delegation.pem` signs delegation tokens, with its public half in `delegation.jwks.json` for
the verifier; and in development the secret of the launcher. A file appears whole or not at
all, and of several processes that start at once the first one's file stays.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from counterfoil.config_issuers import DEVELOPMENT_JWKS
from counterfoil.config_model import DELEGATION_JWKS_FILE, LAUNCHER_SECRET_FILE
from counterfoil.core.canonical import b64url
from counterfoil.errors import ConfigError

GRANT_KEY_FILE = "grant.pem"
DELEGATION_KEY_FILE = "delegation.pem"
ISSUER_KEY_FILE = "issuer-{}.pem"
"""The key by which a development issuer of that name proves itself."""

MAX_KEY_BYTES = 16_384
_COORDINATE_BYTES = 32  # P-256, RFC 7518 §6.2.1.2
_SECRET = re.compile(rb"[!-~]{32,256}")
_FORBIDDEN_MODE = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO  # group may read: mounted secrets

_MADE_AT_A_START = (
    "Make the service's keys once: counterfoil keys make (serve --dev makes its own at a start)."
)

JsonWebKey = dict[str, str]
Es256Key = ec.EllipticCurvePrivateKey


def ensure_grant_key(directory: Path) -> Path:
    """Make `grant.pem` unless it is there.

    Raises:
        ConfigError: the folder cannot be written.
    """
    return _ensure(directory, GRANT_KEY_FILE)


def ensure_delegation_key(directory: Path) -> Path:
    """Make `delegation.pem` and its `delegation.jwks.json` unless they are there.

    Raises:
        ConfigError: the folder cannot be written, or the key there cannot be used.
    """
    return _ensure_pair(directory, DELEGATION_KEY_FILE, DELEGATION_JWKS_FILE)


def ensure_issuer_key(directory: Path, name: str) -> Path:
    """Make the key of a development issuer, and its public set, unless they are there.

    Raises:
        ConfigError: the folder cannot be written, or the key there cannot be used.
    """
    return _ensure_pair(directory, ISSUER_KEY_FILE.format(name), DEVELOPMENT_JWKS.format(name))


def _ensure_pair(directory: Path, private: str, public: str) -> Path:
    path = _ensure(directory, private)
    current = public_jwk(load_es256_key(path))
    document = json.dumps(jwks_document([current]), indent=1)
    jwks = directory / public
    # The public half follows the private one, so a copied or restored key never verifies
    # under an old set. A set that a rotation left names the current key among others.
    if not jwks.exists() or current not in _keys_of(jwks):
        write_private(jwks, document.encode("ascii"), replace=True)
    return path


def _keys_of(path: Path) -> list[object]:
    """The keys of a set; none where it is no set."""
    try:
        return list(json.loads(path.read_text("utf-8"))["keys"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def ensure_launcher_secret(directory: Path) -> Path:
    """Make `launcher.secret`, the development launcher's, unless it is there.

    Raises:
        ConfigError: the folder cannot be written.
    """
    path = directory / LAUNCHER_SECRET_FILE
    if not path.exists():
        write_private(path, f"{secrets.token_urlsafe(32)}\n".encode("ascii"), replace=False)
    return path


def load_secret(path: Path) -> bytes:
    """Read a launcher's secret: one line, which only its account can read.

    Raises:
        ConfigError: missing, readable by others, or not 32 to 256 printable characters.
    """
    text = read_private(path, "identity.launcher").strip()
    if not _SECRET.fullmatch(text):
        raise ConfigError(
            f"{path} is not one line of 32 to 256 printable characters.",
            pointer="identity.launcher",
        )
    return text


def load_delegation_key(directory: Path) -> Es256Key:
    """Read `delegation.pem`.

    Raises:
        ConfigError: see `load_es256_key`.
    """
    return load_es256_key(directory / DELEGATION_KEY_FILE)


def load_grant_key(directory: Path) -> Es256Key:
    """Read `grant.pem`.

    Raises:
        ConfigError: see `load_es256_key`.
    """
    return load_es256_key(directory / GRANT_KEY_FILE)


def ensure_es256_key(path: Path) -> Es256Key:
    """Make a P-256 key in that file unless there is one, and read it.

    Raises:
        ConfigError: the folder cannot be written, or the key there cannot be used.
    """
    return load_es256_key(_ensure(path.parent, path.name))


def load_es256_key(path: Path) -> Es256Key:
    """Read a P-256 private key (PEM, PKCS #8) that only its account can read.

    Raises:
        ConfigError: missing, readable by others, not a regular file, or another kind of key.
    """
    pem = read_private(path, "keys.directory")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path} is not a PEM private key.", pointer="keys.directory") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ConfigError(f"{path} is not a P-256 key. ES256 needs one.", pointer="keys.directory")
    return key


def public_jwk(key: Es256Key) -> JsonWebKey:
    """The public half as a JWK whose `kid` is its RFC 7638 thumbprint."""
    numbers = key.public_key().public_numbers()
    members = {
        "crv": "P-256",
        "kty": "EC",
        "x": b64url(numbers.x.to_bytes(_COORDINATE_BYTES)),
        "y": b64url(numbers.y.to_bytes(_COORDINATE_BYTES)),
    }
    thumbprint = sha256(json.dumps(members, separators=(",", ":")).encode("ascii")).digest()
    return {**members, "kid": b64url(thumbprint), "use": "sig", "alg": "ES256"}


def jwks_document(keys: Sequence[JsonWebKey]) -> dict[str, list[JsonWebKey]]:
    """The JWK Set of `/.well-known/jwks.json` (RFC 7517 §5)."""
    return {"keys": list(keys)}


def read_private(path: Path, pointer: str, *, remedy: str = _MADE_AT_A_START) -> bytes:
    """Read a file that nobody but its account, and at most its group, can read.

    Raises:
        ConfigError: unreadable, readable by others, or no regular file.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). {remedy}", pointer=pointer
        ) from error
    if not stat.S_ISREG(status.st_mode) or status.st_mode & _FORBIDDEN_MODE:
        raise ConfigError(f"others may use {path}. Run: chmod 600 {path}", pointer=pointer)
    return data


def _ensure(directory: Path, name: str) -> Path:
    path = directory / name
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        exists = path.exists()
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be made ({error.strerror}). "
            "Name a folder that this account may write.",
            pointer="keys.directory",
        ) from error
    if not exists:
        write_private(path, new_es256_key()[0], replace=False)
    return path


def new_es256_key() -> tuple[bytes, JsonWebKey]:
    """A fresh P-256 key: the PEM of its private half, and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, public_jwk(key)


def write_private(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file for this account alone, whole or not at all; one that is there stays, or not.

    Raises:
        ConfigError: the folder cannot be written.
    """
    # Written beside, synced, then linked: a reader never sees half a key, and the first of
    # two makers wins.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            _link(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}). "
            "Name a folder that this account may write.",
            pointer="keys.directory",
        ) from error


def _link(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass  # another process made it first: its key is the key
    finally:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
