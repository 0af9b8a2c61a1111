"""Records with nothing sealed, appended to a store in this process."""

from __future__ import annotations

from counterfoil.core.entry import leaf_bytes
from counterfoil.ledger.store import Store
from ledgers import new_id


def append(store: Store, tenant: str = "default") -> None:
    """One record."""
    leaf = leaf_bytes(
        event="exported",
        event_id=new_id("evt"),
        time="2026-01-01T00:00:00.000000Z",
        origin=f"{store.prefix}/log/{tenant}",
        tenant=tenant,
        subject_key=None,
        decision_id=None,
        plain={},
        commitments={},
        sealed={},
    )
    (answer,) = store.commit([["append", [[leaf, None, None]]]])
    assert answer[0] == "ok", answer
