"""A rotation of the receipt key in the keys folder: each state that a crash can leave it in."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.keys import known_key, load_receipt_key
from counterfoil.ledger.signing import (
    NEXT_KEY,
    ORDER,
    KeyFolder,
    carried_out,
    load_signing,
    order_rotation,
)
from counterfoil.ledger.startup import load_logs
from counterfoil.ledger.store import Store
from counterfoil.ledger.verify import verify_ledger
from ledgers import CLOCK, ORIGIN
from plain_records import append

START, OVERLAP = 1_800_000_000, 60


def opened(folder: Path, *, now: float = START) -> Store:
    return Store(
        folder / "ledger.db",
        load_signing(folder / "keys", now, create=True),
        base=ORIGIN,
        reserve_bytes=0,
        now=CLOCK.now,
        monotonic=CLOCK.monotonic,
        handed_over=partial(carried_out, folder / "keys"),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of two logs, and an order for its key to be rotated."""
    store = opened(tmp_path)
    append(store)
    append(store, "other")
    store.close()
    order_rotation(tmp_path / "keys", starts_at=START, overlap_seconds=OVERLAP)
    return tmp_path


def public_names(folder: Path) -> int:
    key = known_key(folder / "keys")
    assert key is not None
    assert verify_ledger(folder / "ledger.db", key).findings == []
    return len(key.line())


def test_nothing_is_handed_over_before_its_time(folder: Path) -> None:
    store = opened(folder, now=START - 1)
    append(store)
    store.close()
    assert public_names(folder) == 1
    assert load_signing(folder / "keys", START - 1).coming is not None


@pytest.mark.parametrize("rotations", [1, 3])
def test_keys_follow_each_other(folder: Path, rotations: int) -> None:
    for number in range(rotations):
        if number:
            order_rotation(folder / "keys", starts_at=START, overlap_seconds=OVERLAP)
        store = opened(folder)
        append(store)
        store.close()
    assert public_names(folder) == rotations + 1
    assert not {ORDER, NEXT_KEY} & {path.name for path in (folder / "keys").iterdir()}


def test_a_rotation_that_was_killed_before_the_keys_folder_knew_is_carried_on(folder: Path) -> None:
    kept = folder / "before"
    shutil.copytree(folder / "keys", kept)
    opened(folder).close()
    shutil.rmtree(folder / "keys")
    kept.rename(folder / "keys")  # the logs are of the new key, the folder knows nothing of it
    store = opened(folder)
    append(store)
    store.close()
    assert public_names(folder) == 2


def test_a_running_store_takes_a_rotation_up_once(folder: Path) -> None:
    store, keys = opened(folder, now=START - 1), KeyFolder(folder / "keys")
    assert not keys.due(START - 1)
    assert keys.due(START)
    store.hand_over(load_signing(folder / "keys", START))
    assert not keys.due(START)
    append(store)
    store.close()
    assert public_names(folder) == 2


def test_a_second_order_waits_for_the_first(folder: Path) -> None:
    with pytest.raises(ConfigError, match="not carried out"):
        order_rotation(folder / "keys", starts_at=START, overlap_seconds=OVERLAP)


@pytest.mark.parametrize(
    ("name", "value"), [("endorsement", "A" * 86), ("to", "x"), ("starts_at", None)]
)
def test_an_order_that_the_old_key_did_not_sign_is_refused(
    folder: Path, name: str, value: object
) -> None:
    path = folder / "keys" / ORDER
    order = json.loads(path.read_text())
    path.write_text(json.dumps({**order, name: value}))
    with pytest.raises(ConfigError, match=r"order of a rotation|key that it ends"):
        opened(folder)
    path.write_text(json.dumps(order))
    opened(folder).close()  # control


def test_a_key_that_nobody_ordered_is_not_gone_over_to(folder: Path) -> None:
    """A thief of the folder's write access puts an own key there: the logs are not its."""
    stranger = folder / "stranger"
    load_receipt_key(stranger, create=True)
    (folder / "keys" / ORDER).unlink()
    (folder / "keys" / "receipt.pem").write_bytes((stranger / "receipt.pem").read_bytes())
    line = load_signing(folder / "keys", START).line
    assert line is not None
    with (
        closing(sqlite3.connect(folder / "ledger.db")) as database,
        pytest.raises(LedgerCorrupt, match="no signature of this key"),
    ):
        load_logs(database, line)
