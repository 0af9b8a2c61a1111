"""One field of a payload: committed, sealed, and perhaps before its event is whole.

What was sealed ahead (`ports.Ledger.seal_ahead`) is taken over only into that event, under the
same open key, for the very same bytes; anything else is sealed anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterfoil.core.canonical import b64url
from counterfoil.core.entry import SALT_BYTES, commitment, sealing_context
from counterfoil.ports import Event

SEALED_VERSION = b"\x01"  # AES-256-GCM: version ‖ nonce ‖ ciphertext of (salt ‖ bytes)
NONCE_BYTES = 12
_FRESH_BYTES = SALT_BYTES + NONCE_BYTES  # what one sealed field needs


@dataclass(frozen=True, slots=True)
class DataKey:
    """One person's (or tenant's) open data key."""

    id: str
    cipher: AESGCM


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload, committed and sealed."""

    blob: bytes
    commitment: str
    hash: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """Fields that were sealed before their event was whole; `payload` holds their bytes."""

    key: DataKey
    origin: str
    event_id: str
    payload: Mapping[str, bytes]
    fields: Mapping[str, Field]

    def of(self, event: Event, key: DataKey, origin: str) -> Mapping[str, Field]:
        """The fields that are this event's, under this key, and of the very same bytes."""
        if self.key is not key or self.origin != origin or self.event_id != event.event_id:
            return {}
        return {
            name: field
            for name, field in self.fields.items()
            if event.payload.get(name) is self.payload[name]
        }


def seal_ahead(payload: Mapping[str, bytes], key: DataKey, origin: str, event_id: str) -> Ahead:
    """Commit and seal what is known of a payload, for `seal_event` to take over."""
    fields = seal_fields(payload, key, origin, event_id)
    return Ahead(key, origin, event_id, payload, fields)


def seal_fields(
    payload: Mapping[str, bytes], key: DataKey, origin: str, event_id: str
) -> dict[str, Field]:
    """Commit and seal each field, in their order."""
    # One system call for all salts and nonces: each costs more than sealing a field.
    fresh = memoryview(os.urandom(_FRESH_BYTES * len(payload)))
    fields = {}
    for name, data in payload.items():
        salt, nonce = bytes(fresh[:SALT_BYTES]), bytes(fresh[SALT_BYTES:_FRESH_BYTES])
        fresh = fresh[_FRESH_BYTES:]
        context = sealing_context(origin, event_id, name)
        blob = sealed(key.cipher, nonce, salt + data, context)
        hashed = b64url(hashlib.sha256(blob).digest())
        fields[name] = Field(blob, b64url(commitment(salt, name, data)), hashed)
    return fields


def seal(cipher: AESGCM, data: bytes, context: bytes) -> bytes:
    """Version, fresh nonce, ciphertext (AES-256-GCM)."""
    return sealed(cipher, os.urandom(NONCE_BYTES), data, context)


def sealed(cipher: AESGCM, nonce: bytes, data: bytes, context: bytes) -> bytes:
    """The same with a nonce that the caller drew, for this use alone."""
    return SEALED_VERSION + nonce + cipher.encrypt(nonce, data, context)
