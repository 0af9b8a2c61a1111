"""What is kept beside the keys of what was signed, and what is believed of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.keys import load_receipt_key
from counterfoil.ledger.mark import ANCHORS, SIGNED, Mark, only_signer
from counterfoil.ledger.nodes import Rows
from counterfoil.ledger.signing import carried_out, load_signing
from counterfoil.ledger.store import Store
from ledgers import CLOCK, ORIGIN
from plain_records import append


def opened(folder: Path, file: str = "ledger.db") -> Store:
    def mark(rows: Rows, line: VerifierKey) -> Mark:
        return Mark(folder / "keys", rows, line, CLOCK.monotonic)

    return Store(
        folder / file,
        load_signing(folder / "keys", CLOCK.now(), create=True),
        base=ORIGIN,
        reserve_bytes=0,
        now=CLOCK.now,
        monotonic=CLOCK.monotonic,
        handed_over=partial(carried_out, folder / "keys"),
        mark=mark,
    )


def grown(folder: Path, file: str = "ledger.db") -> bytes:
    """One record more; what is kept of that."""
    store = opened(folder, file)
    append(store)
    store.close()
    return (folder / "keys" / SIGNED).read_bytes()


def test_a_ledger_goes_on_while_it_holds_what_was_signed(tmp_path: Path) -> None:
    first, second = grown(tmp_path), grown(tmp_path)
    assert first != second
    (tmp_path / "keys" / SIGNED).write_bytes(first)  # an older mark is held as well
    assert grown(tmp_path) != second


def test_an_older_file_is_refused_before_anything_is_signed(tmp_path: Path) -> None:
    grown(tmp_path)
    older = (tmp_path / "ledger.db").read_bytes()
    grown(tmp_path)
    (tmp_path / "older.db").write_bytes(older)
    with pytest.raises(LedgerCorrupt, match="has 1 entries, and 2 were signed"):
        opened(tmp_path, "older.db")
    assert (tmp_path / "older.db").read_bytes() == older
    grown(tmp_path)  # control


def test_a_mark_that_is_not_signed_by_these_keys_stops_the_start(tmp_path: Path) -> None:
    mark = grown(tmp_path)
    path = tmp_path / "keys" / SIGNED
    for changed in (mark.replace(b"\n1\n", b"\n7\n"), b"nothing", mark[:-9]):
        path.write_bytes(changed)
        with pytest.raises(ConfigError, match=r"signed\.txt"):
            opened(tmp_path)
    path.write_bytes(mark)
    opened(tmp_path).close()  # control


def test_what_a_ledger_left_that_was_ended_on_purpose_stops_no_new_one(tmp_path: Path) -> None:
    mark = grown(tmp_path)
    (tmp_path / "keys" / "receipt.pub").unlink()
    grown(tmp_path, "new.db")
    # As an anchor it is somebody's evidence, and of what, must be cleared up first.
    (tmp_path / "keys" / ANCHORS).mkdir()
    (tmp_path / "keys" / ANCHORS / "old.txt").write_bytes(mark)
    with pytest.raises(ConfigError, match="is not about"):
        opened(tmp_path, "new.db")


def test_a_running_writer_stops_at_the_mark_of_a_twin(tmp_path: Path) -> None:
    grown(tmp_path)
    older = (tmp_path / "ledger.db").read_bytes()
    theirs = grown(tmp_path)
    (tmp_path / "twin.db").write_bytes(older)
    (tmp_path / "keys" / SIGNED).unlink()
    store = opened(tmp_path, "twin.db")
    append(store)
    (tmp_path / "keys" / SIGNED).write_bytes(theirs)
    with pytest.raises(LedgerCorrupt, match="not those that were signed"):
        store.maintain(idle=True)
    (tmp_path / "keys" / SIGNED).unlink()
    store.close()


def test_the_keys_folder_has_one_signer(tmp_path: Path) -> None:
    load_receipt_key(tmp_path, create=True)
    with only_signer(tmp_path), pytest.raises(ConfigError, match="another writer"):
        only_signer(tmp_path).__enter__()
    with only_signer(tmp_path):  # control: it was let go
        pass
