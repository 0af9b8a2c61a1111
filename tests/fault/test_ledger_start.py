"""What a writer checks before it signs: one writer, the right file, a log that adds up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from counterfoil.core.checkpoint import Checkpoint, log_origin, signed_note
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import LedgerCorrupt
from counterfoil.ledger import startup
from counterfoil.ledger.keys import load_receipt_key
from counterfoil.ledger.mark import SIGNED
from ledgers import Ledger, event, running_ledger, soon

EXIT_CORRUPT, EXIT_CONFIG = 65, 78


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Ledger]:
    """Six records in two logs, closed."""
    with running_ledger(tmp_path) as ledger:
        client = ledger.client()
        for tenant in ("default", "other", "default", "default", "other", "default"):
            client.append([event(tenant=tenant)], deadline=soon())
        client.close()
        assert ledger.stop() == 0
        yield ledger


def edit(ledger: Ledger, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(ledger.database)) as database, database:
        assert database.execute(sql, parameters).rowcount > 0


def refused(ledger: Ledger, code: int, text: str) -> None:
    """The writer does not start, says why, and has changed nothing."""
    before = ledger.database.read_bytes()
    ledger.launch()
    assert ledger.wait() == code
    assert text in ledger.said()
    assert ledger.database.read_bytes() == before


def test_an_untouched_ledger_starts_again(stopped: Ledger) -> None:
    stopped.start()
    stopped.client().append([event()], deadline=soon())
    assert (stopped.verify().findings, stopped.verify().entries) == ([], 7)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("UPDATE logs SET root = zeroblob(32) WHERE log = 2", "stored root"),
        ("UPDATE logs SET size = size - 1 WHERE log = 2", "signed ones"),
        ("UPDATE logs SET frontier = zeroblob(length(frontier)) WHERE log = 1", "signed ones"),
        (
            "UPDATE logs SET note = (SELECT note FROM logs WHERE log = 2) WHERE log = 1",
            "checkpoint",
        ),
        ("UPDATE logs SET kept = kept - 1 WHERE log = 1", "older checkpoint"),
        ("DELETE FROM checkpoints WHERE log = 1", "older checkpoint"),
        ("DELETE FROM entries WHERE log = 1 AND idx = 3", "do not lead"),
        (
            "UPDATE entries SET leaf = CAST(leaf || ' ' AS BLOB) WHERE log = 2 AND idx = 0",
            "do not lead",
        ),
        ("UPDATE entries SET idx = 10 WHERE log = 1 AND idx = 0", "do not lead"),
    ],
)
def test_a_log_that_contradicts_itself_is_not_signed_again(
    stopped: Ledger, sql: str, text: str
) -> None:
    edit(stopped, sql)
    refused(stopped, EXIT_CORRUPT, text)


def test_a_checkpoint_of_another_key_is_not_gone_on_from(stopped: Ledger) -> None:
    (stopped.keys / "receipt.pem").unlink()
    (stopped.keys / "receipt.pub").unlink()
    refused(stopped, EXIT_CORRUPT, "no signature of this key")


def test_a_rolled_back_log_row_does_not_hide_later_records(stopped: Ledger) -> None:
    """An older signed checkpoint put back in place, as after a partial restore."""
    with closing(sqlite3.connect(stopped.database)) as database, database:
        size, frontier, note = database.execute(
            "SELECT size, frontier, note FROM checkpoints WHERE log = 1 AND number = 1"
        ).fetchone()
        assert size < 4
        tree = Frontier.from_bytes(size, frontier)
        database.execute(
            "UPDATE logs SET size = ?, frontier = ?, root = ?, note = ? WHERE log = 1",
            (size, frontier, tree.root(), note),
        )
    refused(stopped, EXIT_CORRUPT, "do not lead")


def test_records_beyond_the_tail_are_checked_from_a_signed_base(
    stopped: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "TAIL_ENTRIES", 2)
    monkeypatch.setattr(startup, "_TAIL_FLOOR", 1)
    with closing(sqlite3.connect(stopped.database)) as database:
        assert set(startup.load_logs(database, stopped.key)) == {"default", "other"}
        database.execute("UPDATE checkpoints SET frontier = zeroblob(length(frontier))")
        with pytest.raises(LedgerCorrupt, match="signed ones"):
            startup.load_logs(database, stopped.key)


def test_a_second_writer_of_the_same_file_is_refused(tmp_path: Path) -> None:
    with running_ledger(tmp_path) as ledger:
        second = Ledger(tmp_path)
        try:
            second.launch()
            assert second.wait() == EXIT_CONFIG
            assert "another writer" in second.said()
        finally:
            second.close()
        ledger.client().append([event()], deadline=soon())  # control: the first goes on


def test_a_living_socket_is_not_taken_from_its_owner(tmp_path: Path) -> None:
    with running_ledger(tmp_path / "one") as ledger:
        second = Ledger(tmp_path / "two")
        second.socket.parent.rmdir()
        second.socket = ledger.socket
        second.launch()
        assert second.wait() == EXIT_CONFIG
        assert "serves" in second.said()
        assert second.process is not None
        assert second.process.stderr is not None
        second.process.stderr.close()
        ledger.client().append([event()], deadline=soon())  # control


def test_a_ledger_of_another_origin_is_refused(stopped: Ledger) -> None:
    """What began as development never becomes anything else."""
    stopped.arguments = ["--origin=ledger.example.test/production"]
    refused(stopped, EXIT_CONFIG, "belongs to the origin")


def test_another_ledger_in_place_of_the_known_one_is_refused(
    stopped: Ledger, tmp_path: Path
) -> None:
    with running_ledger(tmp_path / "other") as other:
        other.client().append([event()], deadline=soon())
        other.clients[0].close()
        other.stop()
        stopped.database.unlink()
        other.database.rename(stopped.database)
    refused(stopped, EXIT_CONFIG, "and not")


def test_an_origin_that_cannot_stand_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    for origin in ("two words", "a+b", "", "x" * 200):
        ledger = Ledger(tmp_path, arguments=[f"--origin={origin}"])
        ledger.launch()
        try:
            assert ledger.wait() == EXIT_CONFIG
        finally:
            ledger.close()


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 100)
    ledger = Ledger(tmp_path)
    ledger.launch()
    try:
        assert ledger.wait() != 0
        assert ledger.said()
    finally:
        ledger.close()


def test_the_signed_note_is_what_the_test_itself_can_make(stopped: Ledger) -> None:
    """Control for the attacks above: with the key, and only with it, a forged log would pass."""
    key = load_receipt_key(stopped.keys, create=False)
    named = stopped.key.named(log_origin(stopped.key.name, "default"))
    with closing(sqlite3.connect(stopped.database)) as database, database:
        leaves = database.execute("SELECT leaf FROM entries WHERE log = 1 ORDER BY idx").fetchall()
        tree = Frontier()
        for (leaf,) in leaves[:3]:
            tree.append(leaf_hash(leaf))
        text = Checkpoint(named.name, 3, tree.root()).text()
        database.execute("DELETE FROM entries WHERE log = 1 AND idx = 3")
        database.execute(
            "UPDATE logs SET size = 3, frontier = ?, root = ?, note = ? WHERE log = 1",
            (tree.to_bytes(), tree.root(), signed_note(text, named, key.sign(text.encode()))),
        )
    (stopped.keys / SIGNED).unlink()  # it would tell; this test is of the note
    stopped.start()
