"""A catalogue as a file: one line that names and seals it, then the snapshot itself.

    {"format": …, "resource": …, "location": …, "taken_at": …, "digest": …, "signature": …}
    {… the snapshot, JSON of schemas/catalogue_postgresql.json …}

The signature (Ed25519, `catalogue.pem`) covers the first line without itself, and that line
covers the rest by SHA-256. Whoever takes a snapshot holds the private key; the service needs
the public one alone, so it cannot make up what it judges by.
"""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterfoil.core.canonical import b64url, canonical_bytes
from counterfoil.core.model import JsonObject, Resource
from counterfoil.core.times import rfc3339_second
from counterfoil.errors import ConfigError

FORMAT: Final = "counterfoil/catalogue/v1"
PRIVATE_KEY: Final = "catalogue.pem"
PUBLIC_KEY: Final = "catalogue.pub"
MAX_BYTES: Final = 4_194_304  # some 60,000 columns; a reader child parses it in 0.1 s
_MAX_HEAD_BYTES: Final = 8_192
_MEMBERS: Final = frozenset({"format", "resource", "location", "taken_at", "digest", "signature"})
_PREFIX: Final = FORMAT.encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A snapshot whose seal holds; `taken_at` in seconds since the epoch."""

    resource: str
    location: str
    taken_at: float
    digest: str
    body: bytes


class BrokenSeal(ValueError):
    """The file is no catalogue, or not what its seal says."""


def seal(resource: Resource, body: bytes, *, taken_at: float, key: Ed25519PrivateKey) -> bytes:
    """The bytes of the file.

    Raises:
        ConfigError: the snapshot is larger than a reader may hold.
    """
    if len(body) > MAX_BYTES:
        raise ConfigError(f"the snapshot has {len(body)} bytes, more than {MAX_BYTES}")
    head = {
        "format": FORMAT,
        "resource": resource.id,
        "location": resource.location,
        "taken_at": rfc3339_second(taken_at),
        "digest": digest_of(body),
    }
    signature = key.sign(_PREFIX + canonical_bytes(head))
    return canonical_bytes({**head, "signature": b64url(signature)}) + b"\n" + body


def unseal(data: bytes, *, key: Ed25519PublicKey) -> Sealed:
    """Read a file's bytes.

    Raises:
        BrokenSeal: anything in it is not as it was sealed.
    """
    line, newline, body = data.partition(b"\n")
    if not newline or len(line) > _MAX_HEAD_BYTES or len(body) > MAX_BYTES:
        raise BrokenSeal("it is no catalogue")
    head = _head(line)
    signed = {name: value for name, value in head.items() if name != "signature"}
    try:
        key.verify(_decoded(head["signature"]), _PREFIX + canonical_bytes(signed))
        taken_at = datetime.fromisoformat(head["taken_at"]).timestamp()
    except (InvalidSignature, ValueError) as error:
        raise BrokenSeal("its signature is not by this key") from error
    if digest_of(body) != head["digest"]:
        raise BrokenSeal("its content is not what was signed")
    return Sealed(
        resource=head["resource"],
        location=head["location"],
        taken_at=taken_at,
        digest=head["digest"],
        body=body,
    )


def digest_of(body: bytes) -> str:
    """The name of a snapshot."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _head(line: bytes) -> dict[str, str]:
    try:
        head = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BrokenSeal("it is no catalogue") from error
    if not isinstance(head, dict) or head.keys() != _MEMBERS or head["format"] != FORMAT:
        raise BrokenSeal("it is no catalogue of this format")
    if not all(isinstance(value, str) for value in head.values()):
        raise BrokenSeal("it is no catalogue of this format")
    return head


def load_private_key(directory: Path) -> Ed25519PrivateKey:
    """Read `catalogue.pem`, made with its public half the first time.

    Raises:
        ConfigError: it cannot be read or made, others may read it, or it is another kind.
    """
    path = directory / PRIVATE_KEY
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"others may use {path}. Run: chmod 600 {path}")
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} cannot be used: {error}", pointer="keys.directory") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"{path} is not an Ed25519 key", pointer="keys.directory")
    public = directory / PUBLIC_KEY
    text = b64url(private.public_key().public_bytes_raw()) + "\n"
    if not public.exists() or public.read_text("ascii") != text:
        public.write_text(text, "ascii")
    return private


def load_public_key(directory: Path) -> Ed25519PublicKey | None:
    """Read `catalogue.pub`; None where there is none: then no catalogue counts."""
    try:
        raw = _decoded((directory / PUBLIC_KEY).read_text("ascii").strip())
        return Ed25519PublicKey.from_public_bytes(raw)
    except (OSError, ValueError):
        return None


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def as_json(sealed: Sealed) -> JsonObject:
    """Which catalogue it is, for policy, records and people."""
    return {"digest": sealed.digest, "taken_at": rfc3339_second(sealed.taken_at)}
