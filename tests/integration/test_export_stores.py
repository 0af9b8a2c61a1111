"""Exports read both stores alike: the same records, opened, held to the same signed root."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from counterfoil.core.tree import Frontier
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger.bulk import Bulk
from counterfoil.ledger.keys import load_master
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from erasing import erase
from ledgers import PROMPT, SQL, Ledger, event, soon
from many_records import ledger_of


def test_a_log_is_read_whole_and_an_edited_one_is_not(any_ledger: Ledger) -> None:
    client = any_ledger.client()
    sent = [event(), event(), event(tenant="other")]
    client.append(sent, deadline=soon())
    any_ledger.settle()

    def said() -> list[tuple[int, bytes, bytes]]:
        bulk, found = Bulk(client.reader, "default", Frontier()), []
        for rows in bulk.pieces(sealed=True):
            for place, index in enumerate(rows.index):
                fields = bulk.opened(rows, place)
                found.append((index, fields["prompt"][1], fields["arguments"][1]))
        return found

    assert said() == [(0, PROMPT, SQL), (1, PROMPT, SQL)]
    whole = Bulk(client.reader, "default", Frontier())
    (rows,) = whole.pieces(sealed=False)
    later = Frontier()
    later.append(rows.hashed[0])
    (rest,) = Bulk(client.reader, "default", later).pieces(sealed=False)
    assert rest.index == (1,)  # a cursor goes on in the middle
    wrong = Frontier()
    wrong.append(rows.hashed[1])  # the tree of another log
    with pytest.raises(LedgerCorrupt, match="not those of the signed checkpoint"):
        list(Bulk(client.reader, "default", wrong).pieces(sealed=False))


def test_an_erased_person_is_empty_in_an_opened_export(any_ledger: Ledger) -> None:
    client = any_ledger.client()
    client.append([event()], deadline=soon())
    any_ledger.settle()

    def first() -> dict[str, tuple[bytes, bytes]]:
        bulk = Bulk(client.reader, "default", Frontier())
        return bulk.opened(next(bulk.pieces(sealed=True)), 0)

    assert first()["prompt"][1] == PROMPT  # control
    assert erase(client) is not None
    assert first() == {}


def test_a_key_that_nobody_erased_is_a_finding_and_not_an_empty_person(tmp_path: Path) -> None:
    """A whole export of a ledger whose data keys are gone would say that nobody said anything."""
    made = ledger_of(tmp_path, 40)
    master = Master(load_master(made.keys, create=False))

    def said() -> int:
        reader = Reader(made.database, master, lambda: made.key)
        try:
            bulk = Bulk(reader, "default", Frontier())
            return sum(
                bool(bulk.opened(rows, place))
                for rows in bulk.pieces(sealed=True)
                for place in range(len(rows))
            )
        finally:
            reader.close()

    def edit(statement: str) -> None:
        with closing(sqlite3.connect(made.database)) as edited:
            edited.execute(statement)
            edited.commit()

    assert said() > 0  # control
    edit("DELETE FROM payloads")
    with pytest.raises(LedgerCorrupt, match="its payload is gone, and not dropped"):
        said()
    edit("DELETE FROM subject_keys")
    with pytest.raises(LedgerCorrupt, match="its data key is gone, and not erased"):
        said()
