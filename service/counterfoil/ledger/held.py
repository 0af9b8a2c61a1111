"""What an auditor holds against a ledger: checkpoints and receipts from earlier days."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from counterfoil.core.checkpoint import (
    Checkpoint,
    InvalidNote,
    VerifierKey,
    note_origin,
    open_checkpoint,
)
from counterfoil.core.entry import ID, ORIGIN, from_b64url, receipt_message
from counterfoil.core.model import Receipt
from counterfoil.ledger.keys import Verifier, signed_by
from counterfoil.ledger.startup import signer_of

_BETWEEN = re.compile("(?<=\n)\n(?!— )".encode())


class InvalidEvidence(ValueError):
    """The held file itself is not signed by this key: it says nothing about the ledger."""


@dataclass(frozen=True, slots=True)
class HeldNote:
    """A checkpoint, and the public key that signed it; empty where it is one's own memory."""

    checkpoint: Checkpoint
    public: bytes = b""


@dataclass(frozen=True, slots=True)
class Held:
    """Held evidence by log; every signature has been checked."""

    checkpoints: dict[str, list[HeldNote]] = field(default_factory=dict)
    # origin → event → (leaf hash, key id)
    receipts: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    contradictions: list[tuple[str, str]] = field(default_factory=list)  # two hashes, both signed
    checked: dict[str, int] = field(default_factory=dict)  # origin → size that was verified before

    def origins(self) -> set[str]:
        """Every log that some of it is about."""
        return {*self.checkpoints, *self.receipts}


def read_held(notes: Sequence[bytes], receipts: Sequence[bytes], key: VerifierKey) -> Held:
    """Check signatures and sort by log.

    Args:
        notes: signed checkpoints.
        receipts: JSON: a receipt, an answer that holds one, or many of either, one a line.
        key: the ledger's public key, named by its origin prefix; evidence of another ledger
            is refused.

    Raises:
        InvalidEvidence: not evidence under this key.
    """
    held = Held()
    for note in notes:
        found = read_note(note, key)
        held.checkpoints.setdefault(found.checkpoint.origin, []).append(found)
    for data in receipts:
        for receipt in _receipts_in(data):
            _check_receipt(receipt, key)
            known = held.receipts.setdefault(receipt.origin, {})
            said = (receipt.leaf_hash, receipt.key_id)
            if known.setdefault(receipt.event_id, said)[0] != receipt.leaf_hash:
                held.contradictions.append((receipt.origin, receipt.event_id))
    return held


def read_note(note: bytes, key: VerifierKey) -> HeldNote:
    """A checkpoint of one of this ledger's logs, by its present key or one before it.

    Raises:
        InvalidEvidence: it is not signed by one of these.
    """
    try:
        origin = note_origin(note)
        signs = [sign for sign in _signs(key, origin) if sign.name == origin]
        sign = signer_of(note, signs)
        return HeldNote(open_checkpoint(note, sign, partial(signed_by, sign.public)), sign.public)
    except InvalidNote as error:
        raise InvalidEvidence(f"a held checkpoint: {error}") from error


def add_checked(held: Held, checked: Sequence[Checkpoint]) -> None:
    """Take checkpoints below which everything was verified before; they are held like others."""
    for checkpoint in checked:
        held.checkpoints.setdefault(checkpoint.origin, []).append(HeldNote(checkpoint))
        sizes = (checkpoint.size, held.checked.get(checkpoint.origin, 0))
        held.checked[checkpoint.origin] = max(sizes)


def split_notes(data: bytes) -> list[bytes]:
    """The notes of a file that holds one or many, an empty line between them."""
    return [note if note.endswith(b"\n") else note + b"\n" for note in _BETWEEN.split(data)]


def _signs(key: VerifierKey, origin: str) -> tuple[VerifierKey, ...]:
    log = key.log(origin)
    if log is None:
        raise InvalidEvidence(f"held evidence of {origin} is not about {key.name}")
    return log.line()


def _receipts_in(data: bytes) -> list[Receipt]:
    try:
        text = data.decode()
        try:
            values = [json.loads(text)]
        except ValueError:
            values = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not values:
            raise InvalidEvidence("a file of held receipts is empty")
        return [_receipt(value) for value in values]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidEvidence(f"a held receipt cannot be read: {error}") from error


def _receipt(value: object) -> Receipt:
    inner = value.get("receipt", value) if isinstance(value, dict) else None
    if not isinstance(inner, dict) or not all(isinstance(item, str) for item in inner.values()):
        raise TypeError("it is no JSON object of a receipt's fields")
    names = ("origin", "event_id", "leaf_hash", "time", "key_id", "signature")
    return Receipt(**{name: inner[name] for name in names})


def _check_receipt(receipt: Receipt, key: VerifierKey) -> None:
    parts = (receipt.origin, receipt.event_id, receipt.leaf_hash, receipt.time)
    if not ORIGIN.fullmatch(receipt.origin) or not ID.fullmatch(receipt.event_id):
        raise InvalidEvidence("a held receipt is malformed")
    _signs(key, receipt.origin)
    try:
        stored = bytes.fromhex(receipt.key_id) + from_b64url(receipt.signature)
    except ValueError as error:
        raise InvalidEvidence("a held receipt's signature cannot be read") from error
    if not Verifier(key).receipt(stored, receipt.origin, receipt_message(*parts)):
        raise InvalidEvidence(f"the held receipt of {receipt.event_id} is not signed by this key")
