"""A receipt key that is rotated under a running ledger, and the thief who has kept the old one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import Checkpoint, VerifierKey, log_origin, signed_note
from counterfoil.core.entry import leaf_bytes, receipt_message
from counterfoil.core.model import Receipt
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.ledger import signing
from counterfoil.ledger.keys import ReceiptKey, load_receipt_key
from counterfoil.ledger.reader import receipt_of
from counterfoil.ledger.signing import ORDER, load_signing, order_rotation
from counterfoil.ledger.store import Store
from ledgers import CLOCK, ORIGIN, Ledger, new_id, soon

OVERLAP_SECONDS = 4
"""Of a rotation on PostgreSQL: enough where all clocks are one; the command wants ten."""


def rotate(ledger: Ledger, *, wait: bool = True) -> Thief:
    """Order a rotation; what a thief has who copied the key before."""
    stolen = Thief(load_receipt_key(ledger.keys, create=False), ledger.key)
    order_rotation(ledger.keys, starts_at=int(CLOCK.now()), overlap_seconds=OVERLAP_SECONDS)
    if wait:
        carried_out(ledger.keys)
    return stolen


def carried_out(keys: Path) -> None:
    """Wait until the writer has gone over."""
    until = soon()
    while (keys / ORDER).exists():
        assert CLOCK.monotonic() < until
        time.sleep(0.01)  # another process's files: they can only be looked at


def reopened(folder: Path) -> None:
    """A closed ledger is opened and closed once more: what was ordered meanwhile is carried out."""
    store = Store(
        folder / "ledger.db",
        load_signing(folder / "keys", CLOCK.now()),
        base=ORIGIN,
        reserve_bytes=0,
        now=CLOCK.now,
        monotonic=CLOCK.monotonic,
        handed_over=partial(signing.carried_out, folder / "keys"),
    )
    store.close()


@dataclass(frozen=True, slots=True)
class Thief:
    """Holds an old private key for ever."""

    key: ReceiptKey
    ledger: VerifierKey

    def named(self, tenant: str) -> VerifierKey:
        """The key under a log's name."""
        return self.ledger.named(log_origin(self.ledger.name, tenant)).line()[0]

    def leaf(self, tenant: str) -> tuple[str, bytes]:
        """A well-formed record of nothing that happened: id and bytes."""
        event_id = new_id("evt")
        leaf = leaf_bytes(
            event="exported",
            event_id=event_id,
            time="2026-01-01T00:00:00.000000Z",
            origin=self.named(tenant).name,
            tenant=tenant,
            subject_key=None,
            decision_id=None,
            plain={},
            commitments={},
            sealed={},
        )
        return event_id, leaf

    def stored_receipt(self, tenant: str, event_id: str, leaf: bytes) -> bytes:
        """Key id and signature, as a row holds them."""
        key = self.named(tenant)
        time_ = "2026-01-01T00:00:00.000000Z"
        message = receipt_message(key.name, event_id, b64url(leaf_hash(leaf)), time_)
        return key.key_id() + self.key.sign(message)

    def receipt(self, tenant: str, event_id: str, leaf: bytes) -> Receipt:
        """The same as a hook would hold it."""
        stored = self.stored_receipt(tenant, event_id, leaf)
        time_ = "2026-01-01T00:00:00.000000Z"
        return receipt_of(self.named(tenant).name, event_id, b64url(leaf_hash(leaf)), time_, stored)

    def note(self, tenant: str, tree: Frontier) -> bytes:
        """A signed checkpoint over any tree."""
        key = self.named(tenant)
        text = Checkpoint(key.name, tree.size, tree.root()).text()
        return signed_note(text, key, self.key.sign(text.encode()))
