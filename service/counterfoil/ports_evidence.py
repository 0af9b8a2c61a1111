"""What the flows of evidence need of the ledger: hashes, and records that prove themselves."""

from __future__ import annotations

from typing import Protocol

from counterfoil.core.model import JsonObject
from counterfoil.core.tiles import Tile


class Receipts(Protocol):
    """Receipts that hooks hold, against a record that lost its end."""

    def hold(self, tenant: str, unverified_receipt: str | None, *, now: float) -> None:
        """Hold what came with a call of this tenant's against the ledger.

        Args:
            tenant: the verified caller's.
            unverified_receipt: the header's text; None where none came.
            now: seconds since the epoch.

        Raises:
            LedgerStopped: the tenant is stopped, by this receipt or by an earlier one.
            LedgerUnavailable: nobody can look now.
        """


class Evidence(Protocol):
    """Reads one log's evidence; nothing is handed out that its own key did not verify.

    Everything is None where there is no such log, entry or part of the tree.
    Raises `LedgerError` where it cannot be read or contradicts itself.
    """

    def checkpoint(self, tenant: str) -> bytes | None:
        """The signed note as it stands."""

    def tile(self, tenant: str, tile: Tile) -> bytes | None:
        """The hashes of a tile, one after the other."""

    def entries(self, tenant: str, tile: Tile) -> bytes | None:
        """The leaves under a tile of level 0, as an entry bundle."""

    def entry(self, tenant: str, index: int) -> bytes | None:
        """One leaf's exact bytes."""

    def proof(self, tenant: str, name: str) -> bytes | None:
        """The proof file of an event, or of the first one of a trail; nothing opened."""

    def consistency(self, tenant: str, old_size: int) -> JsonObject | None:
        """That the log of the older size is the beginning of the one signed now."""
