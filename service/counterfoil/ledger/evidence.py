"""One stored record against the public key: everything that must hold of it by itself.

1. The leaf is an object of the published schema (`schemas/ledger_entry.json`).
2. Its bytes are its canonical form: no second spelling, no duplicate name.
3. It belongs here: origin, tenant, event id and decision id are those of its row and log.
4. Every sealed field is there, is what the leaf hashed, and there is no other.
5. The stored receipt is signed over the leaf's hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from counterfoil.core.canonical import NotCanonical, b64url, canonical_bytes
from counterfoil.core.checkpoint import KEY_ID_BYTES, VerifierKey
from counterfoil.core.entry import leaf_problem, receipt_message
from counterfoil.core.model import JsonObject
from counterfoil.core.tree import leaf_hash
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.sealing import unpack_sealed


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A row of `entries` with its payload, types unchecked."""

    seq: object
    index: object
    event_id: object
    decision_id: object
    leaf: object
    signature: object
    sealed: object


@dataclass(frozen=True, slots=True)
class LogName:
    """Which log a record should belong to, and the key that signs it."""

    tenant: str
    key: VerifierKey
    key_id: bytes
    verify: Verifier


@dataclass(frozen=True, slots=True)
class Verdict:
    """A record's leaf hash (None where it has no bytes), key id, and what is wrong with it."""

    hashed: bytes | None
    subject_key: str | None
    problem: str | None


def check_record(record: StoredRecord, log: LogName) -> Verdict:
    """Check one record; never raises for any content of the file."""
    leaf = record.leaf
    if not isinstance(leaf, bytes):
        return Verdict(None, None, "the leaf is not bytes")
    hashed = leaf_hash(leaf)
    try:
        value = orjson.loads(leaf)
    except ValueError:
        return Verdict(hashed, None, "the leaf is not JSON")
    problem = leaf_problem(value)  # 1
    if problem is not None:
        return Verdict(hashed, None, problem)
    try:
        if canonical_bytes(value) != leaf:  # 2
            return Verdict(hashed, None, "the leaf is not in its canonical form")
    except NotCanonical as error:
        return Verdict(hashed, None, str(error))
    problem = (
        _place_problem(record, value, log)  # 3
        or _sealed_problem(record.sealed, value["sealed"])  # 4
        or _receipt_problem(record.signature, value, hashed, log)  # 5
    )
    return Verdict(hashed, value["subject_key"], problem)


def _place_problem(record: StoredRecord, leaf: JsonObject, log: LogName) -> str | None:
    if leaf["origin"] != log.key.name or leaf["tenant"] != log.tenant:
        return "the leaf belongs to another log"
    if leaf["event_id"] != record.event_id:
        return "the column event_id is not the leaf's"
    if leaf["decision_id"] != record.decision_id:
        return "the column decision_id is not the leaf's"
    return None


def _sealed_problem(sealed: object, hashes: dict[str, str]) -> str | None:
    if sealed is None:
        return "the sealed payload is missing" if hashes else None
    if not isinstance(sealed, bytes):
        return "the sealed payload is not bytes"
    try:
        blobs = unpack_sealed(sealed)
    except (ValueError, TypeError) as error:
        return str(error)
    if blobs.keys() != hashes.keys():
        return "the sealed payload lacks a field or has one too many"
    for name, blob in blobs.items():
        if b64url(hashlib.sha256(blob).digest()) != hashes[name]:
            return f"the sealed field {name} was changed"
    return None


def _receipt_problem(
    signature: object, leaf: dict[str, str], hashed: bytes, log: LogName
) -> str | None:
    if not isinstance(signature, bytes) or signature[:KEY_ID_BYTES] != log.key_id:
        return "the stored receipt is of another key"
    message = receipt_message(leaf["origin"], leaf["event_id"], b64url(hashed), leaf["time"])
    if not log.verify(signature[KEY_ID_BYTES:], message):
        return "the stored receipt is not that of the leaf"
    return None
