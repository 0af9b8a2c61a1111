"""Cosignatures of witnesses, version 1 (c2sp.org/tlog-cosignature). Values only.

A witness signs that, at a time, it knew of a checkpoint and that it is consistent with all that
it had cosigned of this log before. Its line stands in the note beside the log's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from counterfoil.core.checkpoint import (
    ED25519_SIGNATURE_BYTES,
    KEY_ID_BYTES,
    InvalidNote,
    base64_bytes,
    split_note,
)

COSIGNATURE_V1 = b"\x04"
_TIME_BYTES = 8
_PUBLIC_BYTES = 32


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's Ed25519 key and name."""

    name: str
    public: bytes

    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key), first four bytes."""
        data = self.name.encode() + b"\n" + COSIGNATURE_V1 + self.public
        return hashlib.sha256(data).digest()[:KEY_ID_BYTES]


def parse_witness_key(text: str) -> WitnessKey:
    """Read a witness's verifier key, `name+hash+base64` with type 0x04.

    Raises:
        InvalidNote: it is anything else, or its hash is not its own.
    """
    name, _, rest = text.strip().partition("+")
    hashed, _, encoded = rest.partition("+")
    data = base64_bytes(encoded)
    key = WitnessKey(name, data[1:])
    if data[:1] != COSIGNATURE_V1 or len(key.public) != _PUBLIC_BYTES or not name:
        raise InvalidNote("the witness's key is not one of Ed25519 cosignatures")
    if key.key_id().hex() != hashed:
        raise InvalidNote("the witness key's hash is not that of its name and key")
    return key


def cosigned_message(text: str, time: int) -> bytes:
    """What a cosignature of a note's text is over."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosigned_at(note: bytes, key: WitnessKey, verify: Callable[[bytes, bytes], bool]) -> int:
    """The seconds since the epoch at which the witness cosigned this note.

    Args:
        note: the exact bytes; the log's own signature is `open_checkpoint`'s to check.
        key: the witness's.
        verify: (signature, message) → whether the witness's key made it.

    Raises:
        InvalidNote: there is no cosignature of the witness, or a wrong one.
    """
    text, signatures = split_note(note)
    wanted = (key.name, key.key_id())
    for name, data in signatures:
        if (name, data[:KEY_ID_BYTES]) != wanted:
            continue
        rest = data[KEY_ID_BYTES:]
        time, signature = int.from_bytes(rest[:_TIME_BYTES], "big"), rest[_TIME_BYTES:]
        whole = len(signature) == ED25519_SIGNATURE_BYTES
        if not whole or not verify(signature, cosigned_message(text, time)):
            raise InvalidNote(f"the cosignature of {key.name} is not valid")
        return time
    raise InvalidNote(f"the note bears no cosignature of {key.name}")
