"""Proofs out of a ledger: a record with its place under the signed checkpoint, or two checkpoints.

Reads only, through the readers' port, and hands nothing out that was not checked with the
public key first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from counterfoil.core.checkpoint import InvalidNote, VerifierKey, log_origin, open_checkpoint
from counterfoil.core.tree import (
    Frontier,
    consistency_ranges,
    inclusion_ranges,
)
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.evidence import Leaf
from counterfoil.ledger.fields import DataKey
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.nodes import Head, Nodes, Rows
from counterfoil.ledger.proof_file import InvalidProof, Opened, ProofFile, check_proof
from counterfoil.ledger.sealing import open_fields, unpack_sealed

_RECORD = (
    "SELECT e.idx, e.leaf, e.signature, p.sealed, l.log, l.size, l.frontier, l.note, l.kept,"
    " l.tenant FROM entries e JOIN logs l ON l.log = e.log LEFT JOIN payloads p ON p.seq = e.seq"
)
_BY_EVENT = f"{_RECORD} WHERE e.event_id = ?"
_BY_TRAIL = f"{_RECORD} WHERE e.decision_id = ? ORDER BY e.idx LIMIT 2"
_BY_INDEX = f"{_RECORD} WHERE l.tenant = ? AND e.idx = CAST(? AS INTEGER)"
_HEAD = "SELECT log, size, frontier, note, kept FROM logs WHERE tenant = ?"
_EVENT = "evt_"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in the ledger, and its log as it stood in the same moment."""

    index: int
    leaf: bytes
    signature: bytes
    sealed: bytes | None
    tenant: str
    head: Head


class Unknown(ValueError):
    """There is no such record, or no such payload in it."""


def head_of(query: Rows, tenant: str, key: VerifierKey) -> Head | None:
    """What is signed now of a tenant's log, None where it has none; the signature is checked.

    Raises:
        LedgerUnavailable, LedgerCorrupt: it cannot be read, or is not signed by the key.
    """
    match query(_HEAD, (tenant,)):
        case []:
            return None
        case [(int(log), int(size), bytes(frontier), bytes(note), int(kept))]:
            head = Head(log, size, frontier, note, kept)
        case _:
            raise LedgerCorrupt("a row of the ledger has another shape")
    named = key.named(log_origin(key.name, tenant))
    try:
        checkpoint = open_checkpoint(note, named, Verifier(key))
        root = Frontier.from_bytes(size, frontier).root()
    except (InvalidNote, ValueError) as error:
        raise LedgerCorrupt(f"{named.name}: {error}") from error
    if (checkpoint.size, checkpoint.root) != (size, root):
        raise LedgerCorrupt(f"{named.name}: the signed checkpoint is not that of the log")
    return head


def record_of(query: Rows, name: str, *, tenant: str | None = None) -> Record:
    """The record of an event id, or the first one of a trail; `tenant` None looks in all.

    Raises:
        Unknown: there is none (in this tenant).
        LedgerUnavailable, LedgerCorrupt: it cannot be read.
    """
    rows = query(_BY_EVENT if name.startswith(_EVENT) else _BY_TRAIL, (name,))
    found = [record for row in rows if (record := _record(row)).tenant == tenant or tenant is None]
    if not found:
        raise Unknown(f"there is no record {name}")
    return found[0]


def record_at(query: Rows, tenant: str, index: int) -> Record:
    """The record at a place of a tenant's log.

    Raises:
        Unknown: there is none.
        LedgerUnavailable, LedgerCorrupt: it cannot be read.
    """
    rows = query(_BY_INDEX, (tenant, str(index)))
    if not rows:
        raise Unknown(f"there is no entry {index}")
    return _record(rows[0])


def proof_of(query: Rows, record: Record, key: VerifierKey) -> ProofFile:
    """The proof of a record under its log's signed checkpoint, nothing opened; checked.

    Raises:
        LedgerUnavailable, LedgerCorrupt: it cannot be read, or does not hold.
    """
    nodes = Nodes(query, record.head)
    if record.index >= record.head.size:
        raise LedgerCorrupt(f"entry {record.index} stands outside its log")
    path = [nodes.root(part) for part in inclusion_ranges(record.index, record.head.size)]
    proof = ProofFile(record.leaf, record.index, path, record.head.note, record.signature)
    try:
        check_proof(proof, key)
    except InvalidProof as error:
        raise LedgerCorrupt(f"entry {record.index}: {error}") from error
    return proof


def with_opened(
    proof: ProofFile, record: Record, leaf: Leaf, names: Sequence[str], key: DataKey | None
) -> ProofFile:
    """The proof that shows these payloads too.

    Raises:
        Unknown: the record has no such payload, or it was erased.
        LedgerCorrupt: it does not open.
    """
    for name in names:
        if name not in leaf["commitments"]:
            there = ", ".join(leaf["commitments"]) or "none"
            raise Unknown(f"{leaf['event_id']} has no payload {name}; there is: {there}")
    if key is None or record.sealed is None:
        raise Unknown(f"the payloads of {leaf['event_id']} were erased")
    place = (leaf["origin"], leaf["event_id"])
    try:
        blobs: Mapping[str, bytes] = unpack_sealed(record.sealed)
        shown = open_fields(key, {name: blobs[name] for name in names}, leaf["commitments"], place)
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerCorrupt(f"{leaf['event_id']} cannot be opened: {error}") from error
    return replace(proof, opened={name: Opened(*parts) for name, parts in shown.items()})


def consistency_of(query: Rows, head: Head, old_size: int) -> list[bytes]:
    """PROOF(old size, head): that the older log is the beginning of this one.

    Raises:
        ValueError: the old size lies beyond the head.
        LedgerUnavailable, LedgerCorrupt: it cannot be read.
    """
    nodes = Nodes(query, head)
    return [nodes.root(part) for part in consistency_ranges(old_size, head.size)]


def _record(row: tuple[object, ...]) -> Record:
    match row:
        case (
            int(index),
            bytes(leaf),
            bytes(signature),
            (bytes() | None) as sealed,
            int(log),
            int(size),
            bytes(frontier),
            bytes(note),
            int(kept),
            str(tenant),
        ):
            head = Head(log, size, frontier, note, kept)
            return Record(index, leaf, signature, sealed, tenant, head)
        case _:
            raise LedgerCorrupt("a row of the ledger has another shape")
