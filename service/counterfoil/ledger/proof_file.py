"""One record, provable alone: what `counterfoil prove` writes and `counterfoil verify FILE` checks.

A JSON object with `format`, `leaf` (the record's exact text), `proof` (C2SP tlog-proof: place,
inclusion proof, signed checkpoint), `receipt`, and `opened`: the payloads that somebody chose to
show, each with its salt. What was not opened is in the leaf as a commitment under a secret salt,
and nowhere else.

What must hold, with the public key alone:
1. The leaf is a record of the published schema in its only spelling.
2. The checkpoint is signed by the present key, for the log that the leaf names.
3. The inclusion proof leads from the leaf to the checkpoint's root.
4. The receipt is signed over the leaf's own hash, by that key or one that came before it: its place
   under the checkpoint says that it counted then.
5. Each opened payload, with its salt, gives the leaf's commitment.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import (
    KEY_ID_BYTES,
    MAX_NOTE_BYTES,
    Checkpoint,
    InvalidNote,
    VerifierKey,
    base64_bytes,
    open_checkpoint,
    split_note,
)
from counterfoil.core.entry import (
    HASH,
    NAME,
    SALT_BYTES,
    commitment,
    from_b64url,
    receipt_message,
)
from counterfoil.core.model import JsonValue
from counterfoil.core.strict_json import parse
from counterfoil.core.tree import HASH_BYTES, leaf_hash, root_from_inclusion
from counterfoil.errors import CounterfoilError
from counterfoil.ledger.evidence import BadRecord, Leaf, read_leaf
from counterfoil.ledger.keys import Verifier

FORMAT = "counterfoil/proof/v1"
MAX_PROOF_BYTES = 16 * 1024 * 1024  # a payload is at most a request's body, twice
_TLOG_PROOF = "c2sp.org/tlog-proof@v1"
_ENDED = (
    "the checkpoint is signed by a key or name that has ended, and whoever has stolen that key can"
    " make such a file today. Make it anew with `counterfoil prove`; or check it with the key file"
    " of its day, if you trust that it is of that day"
)
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")
_MAX_STEPS = 63
_MEMBERS = {"format", "leaf", "proof", "receipt", "opened"}


class InvalidProof(ValueError):
    """What of the file does not hold."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload that is shown, and the salt that binds it."""

    salt: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class ProofFile:
    """The file's parts, nothing believed yet. `receipt` is key id ‖ Ed25519, as it is stored."""

    leaf: bytes
    index: int
    path: list[bytes]
    note: bytes
    receipt: bytes
    opened: Mapping[str, Opened] = field(default_factory=dict)

    def tlog_proof(self) -> str:
        """Place, inclusion proof and checkpoint in C2SP's form."""
        lines = [_TLOG_PROOF, f"index {self.index}", *(b64encode(h).decode() for h in self.path)]
        return "\n".join(lines) + "\n\n" + self.note.decode()

    def to_bytes(self) -> bytes:
        """The file."""
        value = {
            "format": FORMAT,
            "leaf": self.leaf.decode(),
            "proof": self.tlog_proof(),
            "receipt": b64url(self.receipt),
            "opened": {name: _opened_json(item) for name, item in sorted(self.opened.items())},
        }
        return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Proved:
    """What a file proves: this record, in this place of this log, with these payloads."""

    leaf: Leaf
    index: int
    checkpoint: Checkpoint
    opened: Mapping[str, bytes]


def read_proof(data: bytes) -> ProofFile:
    """Read a file of the form above.

    Raises:
        InvalidProof: it has another form.
    """
    try:
        value: dict[str, Any] = dict(parse(data, max_bytes=MAX_PROOF_BYTES))
        if value.keys() != _MEMBERS or value["format"] != FORMAT:
            raise InvalidProof(f"it is no {FORMAT}")
        index, path, note = _tlog_proof(value["proof"])
        opened = {name: _opened(name, item) for name, item in value["opened"].items()}
        receipt = from_b64url(value["receipt"])
        if b64url(receipt) != value["receipt"]:
            raise InvalidProof("the receipt has a second spelling")
        return ProofFile(value["leaf"].encode(), index, path, note, receipt, opened)
    except CounterfoilError as error:
        raise InvalidProof(f"the file cannot be read as a proof: {error.detail}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidProof(f"the file cannot be read as a proof: {error}") from error


def check_proof(proof: ProofFile, key: VerifierKey) -> Proved:
    """Check all five points.

    Args:
        proof: the file.
        key: the ledger's public key, named by its origin prefix (`receipt.pub`).

    Raises:
        InvalidProof: the first point that does not hold.
    """
    try:
        leaf = read_leaf(proof.leaf)  # 1
    except BadRecord as error:
        raise InvalidProof(f"the record: {error}") from error
    named = key.log(leaf["origin"])
    if named is None:
        raise InvalidProof(f"the record is of {leaf['origin']}; the key is for {key.name}")
    verify = Verifier(key)
    try:
        checkpoint = open_checkpoint(proof.note, named, verify)  # 2
    except InvalidNote as error:
        if _by_an_ended_key(proof.note, named):
            raise InvalidProof(_ENDED) from error
        raise InvalidProof(f"the checkpoint: {error}") from error
    hashed = leaf_hash(proof.leaf)
    try:
        root = root_from_inclusion(hashed, proof.index, checkpoint.size, proof.path)  # 3
    except ValueError as error:
        raise InvalidProof(str(error)) from error
    if root != checkpoint.root:
        raise InvalidProof("the inclusion proof does not lead to the checkpoint's root")
    message = receipt_message(leaf["origin"], leaf["event_id"], b64url(hashed), leaf["time"])
    if not verify.receipt(proof.receipt, leaf["origin"], message):
        raise InvalidProof("the receipt is not that of the record")  # 4
    for name, item in proof.opened.items():  # 5
        made = b64url(commitment(item.salt, name, item.data))
        if not hmac.compare_digest(made, leaf["commitments"].get(name, "")):
            raise InvalidProof(f"the opened {name} is not what the record commits to")
    opened = {name: item.data for name, item in proof.opened.items()}
    return Proved(leaf, proof.index, checkpoint, opened)


def _by_an_ended_key(note: bytes, named: VerifierKey) -> bool:
    try:
        signers = {(name, data[:KEY_ID_BYTES]) for name, data in split_note(note)[1]}
    except InvalidNote:
        return False
    return any((key.name, key.key_id()) in signers for key in named.line()[1:])


def _tlog_proof(text: str) -> tuple[int, list[bytes], bytes]:
    head, separator, note = text.partition("\n\n")
    name, index, *steps = head.split("\n") if separator else ("", "")
    match = _INDEX.fullmatch(index)
    if name != _TLOG_PROOF or match is None or len(steps) > _MAX_STEPS:
        raise InvalidProof(f"no {_TLOG_PROOF}")
    path = [base64_bytes(step) for step in steps]
    if any(len(step) != HASH_BYTES for step in path) or len(note) > MAX_NOTE_BYTES:
        raise InvalidProof(f"no {_TLOG_PROOF}")
    return int(match[1]), path, note.encode()


def _opened_json(item: Opened) -> dict[str, JsonValue]:
    salt = b64url(item.salt)
    try:
        return {"salt": salt, "text": item.data.decode()}
    except UnicodeDecodeError:
        return {"salt": salt, "base64": b64encode(item.data).decode()}


def _opened(name: str, item: Mapping[str, str]) -> Opened:
    if not NAME.fullmatch(name) or not HASH.fullmatch(item["salt"]) or len(item) != 2:  # noqa: PLR2004
        raise InvalidProof(f"the opened {name} has another form")
    data = item["text"].encode() if "text" in item else base64_bytes(item["base64"])
    salt = from_b64url(item["salt"])
    assert len(salt) == SALT_BYTES  # noqa: S101  # `HASH` is 32 bytes
    return Opened(salt, data)
