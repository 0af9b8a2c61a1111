"""One stored record against the public key: everything that must hold of it by itself.

1. The leaf is an object of the published schema (`schemas/ledger_entry.json`).
2. Its bytes are its canonical form: no second spelling, no duplicate name.
3. It belongs here: origin, tenant, event id and decision id are those of its row and log.
4. Every sealed field is there, is what the leaf hashed, and there is no other.
5. The stored receipt is signed over the leaf's hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from counterfoil.core.canonical import NotCanonical, b64url, canonical_bytes
from counterfoil.core.checkpoint import KEY_ID_BYTES, VerifierKey
from counterfoil.core.entry import MAX_LEAF_BYTES, leaf_problem, receipt_message
from counterfoil.core.succession import Signs
from counterfoil.core.tree import leaf_hash
from counterfoil.ledger.sealing import unpack_sealed
from counterfoil.ledger.signatures import Signed

Leaf: TypeAlias = "dict[str, Any]"
"""The fields of a leaf; `leaf_problem` has found nothing wrong with their types."""


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
    """Which log a record should belong to, and the signs under which it may have been written."""

    tenant: str
    key: VerifierKey
    ledger: VerifierKey


@dataclass(frozen=True, slots=True)
class Verdict:
    """A record's hash (None where it has no bytes), its fields (where it has), what is wrong.

    `signed` is its receipt's key, signature and message, where nothing is wrong: still to be
    checked; `sign` is the place of that key in the line.
    """

    hashed: bytes | None
    leaf: Leaf | None
    problem: str | None
    signed: Signed | None = None
    sign: int = 0


class BadRecord(ValueError):
    """What is wrong with a record, in a few words."""


def check_record(
    record: StoredRecord, log: LogName, signs: Signs, *, dropped: bool = False
) -> Verdict:
    """Check all but the signature of one record; never raises for any content of the file.

    Whether its sign counts in its place is asked of `signs.step` by the caller. `dropped`: its
    payload went by its age, and is to be missing.
    """
    leaf = record.leaf
    if not isinstance(leaf, bytes):
        return Verdict(None, None, "the leaf is not bytes")
    hashed = leaf_hash(leaf)
    try:
        value = read_leaf(leaf)  # 1, 2
    except BadRecord as error:
        return Verdict(hashed, None, str(error))
    problem = _place_problem(record, value, log)  # 3
    if problem is None:
        try:
            check_sealed(record.sealed, {} if dropped else value["sealed"])  # 4
        except BadRecord as error:
            problem = str(error)
    signature, sign = record.signature, None
    if problem is None and isinstance(signature, bytes):
        sign = signs.of(value["origin"], signature[:KEY_ID_BYTES])
    if problem is not None or not isinstance(signature, bytes) or sign is None:
        return Verdict(hashed, value, problem or "the stored receipt is of another key")
    message = receipt_message(value["origin"], value["event_id"], b64url(hashed), value["time"])
    signed = (signs.public(sign), signature[KEY_ID_BYTES:], message)
    return Verdict(hashed, value, None, signed, sign)  # 5


def read_leaf(leaf: bytes) -> Leaf:
    """The fields of a leaf of the published schema in its canonical form.

    Raises:
        BadRecord: anything else.
    """
    if len(leaf) > MAX_LEAF_BYTES:
        raise BadRecord("the leaf is too large")
    try:
        value: Leaf = orjson.loads(leaf)
    except ValueError as error:
        raise BadRecord("the leaf is not JSON") from error
    problem = leaf_problem(value)
    if problem is not None:
        raise BadRecord(problem)
    try:
        if canonical_bytes(value) != leaf:
            raise BadRecord("the leaf is not in its canonical form")
    except NotCanonical as error:
        raise BadRecord(str(error)) from error
    return value


def _place_problem(record: StoredRecord, leaf: Leaf, log: LogName) -> str | None:
    names = {log.key.name, *(key.name for key in log.key.earlier)} if log.key.earlier else None
    foreign = leaf["origin"] != log.key.name if names is None else leaf["origin"] not in names
    if foreign or leaf["tenant"] != log.tenant:
        return "the leaf belongs to another log"
    if leaf["event_id"] != record.event_id:
        return "the column event_id is not the leaf's"
    if leaf["decision_id"] != record.decision_id:
        return "the column decision_id is not the leaf's"
    return None


def check_sealed(sealed: object, hashes: Mapping[str, str]) -> None:
    """Whether these are the sealed fields that a leaf hashed, and no other.

    Raises:
        BadRecord: they are not.
    """
    if sealed is None:
        if hashes:
            raise BadRecord("the sealed payload is missing")
        return
    if not isinstance(sealed, bytes):
        raise BadRecord("the sealed payload is not bytes")
    try:
        blobs = unpack_sealed(sealed)
    except (ValueError, TypeError) as error:
        raise BadRecord(str(error)) from error
    if blobs.keys() != hashes.keys():
        raise BadRecord("the sealed payload lacks a field or has one too many")
    for name, blob in blobs.items():
        if b64url(hashlib.sha256(blob).digest()) != hashes[name]:
            raise BadRecord(f"the sealed field {name} was changed")
