"""An edited column put one decision's event into another's trail, or into another tenant's.

Each row's receipt was checked over its own leaf, and holds wherever the row stands; which
decision and tenant it belongs to was believed of the columns. `verify` found it, a reader did
not: an `approved` of one approval's trail could stand in another's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from counterfoil.ports import Event
from ledgers import Ledger, event, running_ledger, soon


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


def told(ledger: Ledger, sent: Event, tenant: str = "default") -> list[str]:
    """The ids of a trail, as somebody reads it who has the file and the keys."""
    master = Master(load_master(ledger.keys, create=False))
    with closing(Reader(ledger.database, master, lambda: ledger.key)) as reader:
        return [item.event_id for item in reader.trail(tenant, str(sent.decision_id))]


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE entries SET decision_id = :mine WHERE event_id = :other",
        "UPDATE entries SET decision_id = :mine WHERE event_id = :foreign",
        "UPDATE entries SET decision_id = :mine, log = 1, idx = 9 WHERE event_id = :foreign",
    ],
)
def test_a_row_counts_only_where_its_leaf_says_it_belongs(ledger: Ledger, edit: str) -> None:
    mine, other, foreign = event(), event(), event(tenant="other")
    for sent in (mine, other, foreign):
        ledger.client().append([sent], deadline=soon())
    ledger.stop()
    assert told(ledger, mine) == [mine.event_id]  # control
    assert told(ledger, foreign, "other") == [foreign.event_id]
    with closing(sqlite3.connect(ledger.database)) as database, database:
        database.execute(
            edit,
            {
                "mine": mine.decision_id,
                "other": other.event_id,
                "foreign": foreign.event_id,
            },
        )
    for tenant in ("default", "other"):
        try:
            assert told(ledger, mine, tenant) in ([], [mine.event_id])
        except LedgerCorrupt:
            continue
    assert ledger.verify().found


def test_an_event_in_another_tenants_log_is_not_told(ledger: Ledger) -> None:
    foreign = event(tenant="other")
    ledger.client().append([event()], deadline=soon())
    ledger.client().append([foreign], deadline=soon())
    ledger.stop()
    assert told(ledger, foreign) == []  # control
    with closing(sqlite3.connect(ledger.database)) as database, database:
        database.execute(
            "UPDATE entries SET log = 1, idx = 9 WHERE event_id = ?", (foreign.event_id,)
        )
    with pytest.raises(LedgerCorrupt):
        told(ledger, foreign)
