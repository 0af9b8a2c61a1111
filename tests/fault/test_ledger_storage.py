"""The disk under the ledger: full, failing, taken away. Never a receipt for what is not there."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.core.checkpoint import log_origin
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.client import LedgerClient
from counterfoil.ledger.database import StorageFailed, StorageUnavailable
from counterfoil.ledger.fields import DataKey
from counterfoil.ledger.frames import Value
from counterfoil.ledger.sealing import Master, seal_event
from counterfoil.ledger.store import WAL_BYTES, Store
from counterfoil.ports import Recorded
from ledgers import CLOCK, Ledger, event, open_store, running_ledger, soon

EXIT_STORAGE, EXIT_CONFIG = 74, 78
FAILING_SYNC = (
    sys.executable,
    "-I",
    str(Path(__file__).parent.parent / "simulators/failing_sync.py"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running_ledger(tmp_path) as started:
        yield started


class Hand:
    """What a worker sends, for a store in this process."""

    def __init__(self, store: Store) -> None:
        self._store, self._master = store, Master(bytes(32))
        lookup = self._master.lookup("default", None)
        name, wrapped = self._master.new_key(lookup)
        assert store.commit([["key", lookup, name, wrapped]]) == [["ok", name, wrapped]]
        self._key: DataKey = self._master.unwrap(name, lookup, wrapped)

    def append(self, **changes: object) -> Value:
        origin = log_origin(self._store.prefix, "default")
        sealed = seal_event(event(subject=None, **changes), origin, self._key, self._master)
        return ["append", [sealed.wire]]


def count(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        (found,) = database.execute("SELECT count(*) FROM entries").fetchone()
    database.close()
    return int(found)


def test_a_full_database_rolls_the_group_back_and_recovers_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    hand = Hand(store)
    store.commit([hand.append()])
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages + 4}")
    big = {"prompt": bytes(100_000)}
    with pytest.raises(StorageUnavailable, match="no space"):
        store.commit([hand.append(), hand.append(payload=big), hand.append()])
    assert count(tmp_path / "ledger.db") == 1  # nothing of the group, nothing torn
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.trouble() == ""
    answers = store.commit([hand.append(payload=big)])
    assert answers[0][0] == "ok"
    store.close()


def test_trouble_lasts_until_a_write_succeeds(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    hand = Hand(store)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="lock"):
        store.commit([hand.append()])
    assert "lock" in store.trouble()
    other.execute("ROLLBACK")
    other.close()
    assert store.trouble() == ""
    store.close()


def test_under_the_reserve_nothing_is_written_and_readiness_fails(tmp_path: Path) -> None:
    with running_ledger(tmp_path) as ledger:
        ledger.client().append([event()], deadline=soon())
        ledger.stop()
        ledger.arguments = [f"--reserve-bytes={2**62}"]
        ledger.launch()
        client = ledger.client()
        until = soon()
        while "reserve" not in client.health(deadline=soon()).detail:
            assert ledger.process is not None
            assert ledger.process.poll() is None
            assert CLOCK.monotonic() < until
        with pytest.raises(LedgerUnavailable, match="reserve"):
            client.append([event()], deadline=soon())
        ledger.stop()
        ledger.arguments = ["--reserve-bytes=0"]
        ledger.start()
        client.append([event()], deadline=soon())
        assert ledger.verify().entries == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place],  # noqa: S607
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("no right to mount; test_a_full_database_… holds the same without a mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)  # noqa: S607


def fill(path: Path) -> None:
    done = subprocess.run(["dd", "if=/dev/zero", f"of={path}"], check=False, capture_output=True)  # noqa: S607
    assert b"No space left" in done.stderr


def append_until_refused(client: LedgerClient, recorded: list[Recorded]) -> None:
    for _ in range(2_000):
        recorded += client.append([event(payload={"prompt": bytes(20_000)})], deadline=soon())


@pytest.mark.parametrize("reserve_bytes", [0, 65_536])
def test_a_full_disk_is_a_503_and_space_brings_it_back(
    small_disk: Path, reserve_bytes: int
) -> None:
    with running_ledger(small_disk, arguments=[f"--reserve-bytes={reserve_bytes}"]) as ledger:
        client = ledger.client()
        client.append([event()], deadline=soon())
        recorded: list[Recorded] = []
        fill(small_disk / "filler")
        with pytest.raises(LedgerUnavailable):
            append_until_refused(client, recorded)
        # Without a reserve a smaller event than the refused one may still fit.
        assert not (reserve_bytes and client.health(deadline=soon()).ready)
        (small_disk / "filler").unlink()
        if ledger.process is not None and ledger.process.poll() is not None:
            ledger.start()  # the parent's part, where the disk failed a sync
        until = soon()
        while not client.health(deadline=soon()).ready:
            assert CLOCK.monotonic() < until
        client.append([event()], deadline=soon())
        report = ledger.verify()
        assert (report.findings, report.entries) == ([], len(recorded) + 2)


def test_a_failed_write_ends_the_writer_and_is_never_tried_again(ledger: Ledger) -> None:
    client = ledger.client()
    client.append([event()], deadline=soon())
    assert ledger.process is not None
    size = ledger.database.with_name("ledger.db-wal").stat().st_size
    resource.prlimit(ledger.process.pid, resource.RLIMIT_FSIZE, (size + 4096, size + 4096))
    with pytest.raises(LedgerUnavailable):
        client.append([event(payload={"prompt": bytes(100_000)})], deadline=soon())
    assert ledger.wait() == EXIT_STORAGE
    ledger.start()
    client.append([event()], deadline=soon())
    assert ledger.verify().entries == 2


def test_a_failed_sync_gives_no_receipt_and_ends_the_writer(tmp_path: Path) -> None:
    with running_ledger(tmp_path, command=FAILING_SYNC) as ledger:
        client = ledger.client()
        (first,) = client.append([event()], deadline=soon())  # control: syncs work
        assert ledger.process is not None
        assert ledger.process.stderr is not None
        ledger.process.send_signal(signal.SIGUSR1)
        assert ledger.process.stderr.readline() == b"syncs fail now\n"
        with pytest.raises(LedgerUnavailable):
            client.append([event()], deadline=soon())
        assert ledger.wait() == EXIT_STORAGE
        ledger.start()
        (third,) = client.append([event()], deadline=soon())
        report = ledger.verify()
        assert report.findings == []
        stored = client.trail("default", first_decision(ledger, first.receipt.event_id))
        assert stored[0].receipt == first.receipt
        assert third.receipt.origin == first.receipt.origin


def first_decision(ledger: Ledger, event_id: str) -> str:
    with sqlite3.connect(f"file:{ledger.database}?mode=ro", uri=True) as database:
        (found,) = database.execute(
            "SELECT decision_id FROM entries WHERE event_id = ?", (event_id,)
        ).fetchone()
    database.close()
    return str(found)


def test_a_failed_sync_of_the_main_file_ends_the_writer_as_well(tmp_path: Path) -> None:
    with running_ledger(tmp_path, command=FAILING_SYNC) as ledger:
        ledger.client().append([event()], deadline=soon())
        assert ledger.process is not None
        ledger.process.send_signal(signal.SIGUSR1)
        assert ledger.wait() == EXIT_STORAGE  # at its next idle moment: the WAL is copied
        ledger.start()
        assert ledger.verify().entries == 1


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("deed", ["deleted", "replaced"])
def test_a_ledger_taken_away_gives_no_receipt_and_ends_the_writer(
    ledger: Ledger, suffix: str, deed: str
) -> None:
    client = ledger.client()
    client.append([event()], deadline=soon())
    path = ledger.database.with_name(f"ledger.db{suffix}")
    copy = path.with_suffix(".copy")
    shutil.copyfile(path, copy)
    path.unlink()
    if deed == "replaced":
        copy.rename(path)
    with pytest.raises(LedgerUnavailable):
        client.append([event()], deadline=soon())
    assert ledger.wait() == EXIT_STORAGE


def test_a_deleted_ledger_does_not_come_back_empty(ledger: Ledger) -> None:
    ledger.client().append([event()], deadline=soon())
    ledger.kill()
    for path in ledger.folder.glob("ledger.db*"):
        path.unlink()
    ledger.launch()
    assert ledger.wait() == EXIT_CONFIG
    assert "is gone" in ledger.said()
    (ledger.keys / "receipt.pub").unlink()  # control: said out loud, a new record begins
    ledger.start()


def test_a_file_deleted_during_the_commit_gives_no_receipt(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    hand = Hand(store)
    store.commit([hand.append()])  # control

    def delete_before_commit(statement: str) -> None:
        if statement == "COMMIT":
            (tmp_path / "ledger.db").unlink()

    store._db.set_trace_callback(delete_before_commit)
    with pytest.raises(StorageFailed, match="deleted"):
        store.commit([hand.append()])
    store._db.close()
    store._lock.close()


def test_a_foreign_write_ends_the_writer_before_it_signs(ledger: Ledger) -> None:
    client = ledger.client()
    client.append([event()], deadline=soon())
    with sqlite3.connect(ledger.database) as database:
        database.execute("UPDATE entries SET decision_id = NULL")
    database.close()
    with pytest.raises(LedgerUnavailable):
        client.append([event()], deadline=soon())
    assert ledger.wait() == EXIT_STORAGE
    assert "another process" in ledger.said()


def test_a_copied_log_is_written_again_from_its_start(tmp_path: Path) -> None:
    store, log = open_store(tmp_path), tmp_path / "ledger.db-wal"
    hand, half = Hand(store), {"prompt": bytes(WAL_BYTES // 2)}
    statements: list[str] = []
    store._db.set_trace_callback(statements.append)

    def fill() -> int:
        for _ in range(3):
            store.commit([hand.append(payload=half)])
            store.maintain(idle=False)
        return log.stat().st_size

    length = fill()
    assert length > WAL_BYTES
    assert [fill() for _ in range(3)] == [length] * 3
    copies = [text for text in statements if "wal_checkpoint" in text]
    assert len(copies) == 6  # not one a commit once it is long
    store.close()
    assert count(tmp_path / "ledger.db") == 12


def test_a_reader_that_holds_the_log_open_does_not_make_every_commit_copy_it(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    hand, half = Hand(store), {"prompt": bytes(WAL_BYTES // 2)}
    store.commit([hand.append()])
    reader = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    statements: list[str] = []
    store._db.set_trace_callback(statements.append)
    for _ in range(3):
        store.commit([hand.append(payload=half)])
        store.maintain(idle=False)
    tried = sum("wal_checkpoint" in text for text in statements)
    for _ in range(20):
        store.commit([hand.append()])
        store.maintain(idle=False)
    assert tried
    assert sum("wal_checkpoint" in text for text in statements) == tried
    reader.close()
    store.maintain(idle=True)  # control: the rest is copied once nobody holds it
    store.maintain(idle=True)
    assert sum("wal_checkpoint" in text for text in statements) == tried + 1
    store.close()
