"""Receipts that hooks hold against a cut tail (DESIGN §3), and the tenants that they have stopped.

A receipt leaves only after a durable commit, so one that is validly signed, of the caller's own
log under its present name, and old enough to be in the tree, must be in the ledger with the same
leaf. If it is not, the record has lost what was acknowledged: that tenant stops, on every worker,
until somebody has looked. What proves nothing stops nobody: a forged receipt, another tenant's,
one of an older ledger, one too fresh.

The stop is a file beside the ledger, one a tenant, with the receipt in it as evidence; it
outlives restarts, and a restore of the ledger's own file. A recovery gives the ledger a new
name, so the old receipt then stops nobody any more, and the file can be removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from counterfoil.core.canonical import b64url
from counterfoil.core.checkpoint import VerifierKey, log_origin
from counterfoil.core.entry import from_b64url, receipt_message
from counterfoil.core.last_receipt import read_last_receipt
from counterfoil.core.model import Receipt
from counterfoil.core.times import seconds_of
from counterfoil.core.tree import leaf_hash
from counterfoil.errors import LedgerStopped
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.port import KEPT_SECONDS
from counterfoil.ports import Health

MIN_AGE_SECONDS = 10 * KEPT_SECONDS
"""Ten merge delays: a younger receipt may stand for what is still on its way."""
GOES_ON = frozenset({"revoked", "record_read", "exported", "console_entered", "login"})
"""Kinds that a stopped tenant still records: ending rights, signing in, and looking into it."""
_log = logging.getLogger("counterfoil.ledger")


class StoppedTenants:
    """The folder of stops. Shared by all workers; asked at each call, for the price of a stat."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = -1
        self._names: frozenset[str] = frozenset()
        self._own: set[str] = set()  # where the folder cannot be written, this worker still stops

    def __contains__(self, tenant: str) -> bool:
        return _name(tenant) in self._now() or tenant in self._own

    def __len__(self) -> int:
        return len(self._now() | {_name(tenant) for tenant in self._own})

    def add(self, tenant: str, receipt: Receipt) -> None:
        """Stop a tenant, and say so once."""
        if tenant in self:
            return
        self._own.add(tenant)
        _log.critical(
            "ALARM: the ledger has lost entry %s of tenant %r, for which a signed receipt is held;"
            " the tenant is stopped. Run `counterfoil verify`, restore the ledger.",
            receipt.event_id,
            tenant,
        )
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            part = self._folder / f".{_name(tenant)}.part"
            part.write_text(json.dumps({"tenant": tenant, "receipt": asdict(receipt)}))
            part.replace(self._folder / _name(tenant))
            self._own.discard(tenant)

    def _now(self) -> frozenset[str]:
        try:
            changed = self._folder.stat().st_mtime_ns
        except OSError:
            self._seen, self._names = -1, frozenset()
            return self._names
        if changed != self._seen:
            names = (path.name for path in self._folder.glob("[!.]*.json"))
            self._seen, self._names = changed, frozenset(names)
        return self._names


class ReceiptWatch:
    """Implements `ports_evidence.Receipts`. One per worker.

    Args:
        read: `Reader.leaf`.
        receipt_key: the ledger's public key, named by its origin prefix.
        stopped: the stops.
    """

    def __init__(
        self,
        read: Callable[[str], list[tuple[object, ...]]],
        receipt_key: Callable[[], VerifierKey],
        stopped: StoppedTenants,
    ) -> None:
        self._read, self._receipt_key, self.stopped = read, receipt_key, stopped

    def hold(self, tenant: str, unverified_receipt: str | None, *, now: float) -> None:
        """Hold what came with a call against the ledger (`ports_evidence.Receipts`).

        Raises:
            LedgerStopped: the tenant is stopped, by this receipt or an earlier one.
            LedgerUnavailable: nobody can look now.
        """
        if tenant in self.stopped:
            raise LedgerStopped
        receipt = None if unverified_receipt is None else read_last_receipt(unverified_receipt)
        if receipt is not None and self._convicts(receipt, tenant, now):
            self.stopped.add(tenant, receipt)
            raise LedgerStopped

    def health(self) -> Health:
        """What operators should know; one tenant's stop is not the service's."""
        count = len(self.stopped)
        return Health(ready=True, detail=f"tenants stopped by a held receipt: {count}")

    def _convicts(self, receipt: Receipt, tenant: str, now: float) -> bool:
        # The cheap questions first: a busy hook's receipt is young, and costs no signature.
        try:
            if seconds_of(receipt.time) > now - MIN_AGE_SECONDS:
                return False
        except ValueError:  # a 30th of February
            return False
        key = self._receipt_key()
        origin = log_origin(key.name, tenant)
        if receipt.origin != origin:
            return False
        parts = (receipt.origin, receipt.event_id, receipt.leaf_hash, receipt.time)
        try:
            stored = bytes.fromhex(receipt.key_id) + from_b64url(receipt.signature)
        except ValueError:
            return False
        if not Verifier(key).receipt(stored, origin, receipt_message(*parts)):
            return False
        match self._read(receipt.event_id):
            case [(bytes(leaf),)]:
                return b64url(leaf_hash(leaf)) != receipt.leaf_hash
            case _:
                return True


def _name(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()[:32] + ".json"
