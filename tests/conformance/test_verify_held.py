"""What held evidence shows that a file alone cannot, and evidence that shows nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from counterfoil.core.canonical import b64url
from counterfoil.core.entry import receipt_message
from counterfoil.core.tree import Frontier
from counterfoil.ledger.held import InvalidEvidence
from counterfoil.ledger.keys import load_receipt_key
from counterfoil.ledger.verify import verify_ledger
from ledger_samples import Sample, closed_ledger, copy_of, receipt_files


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with closed_ledger(tmp_path_factory.mktemp("verify")) as made:
        yield made


@pytest.fixture
def sample(original: Sample, tmp_path: Path) -> Iterator[Sample]:
    with copy_of(original, tmp_path) as copied:
        yield copied


def cut(sample: Sample, size: int) -> None:
    """The best cut without the key: back to an older signed checkpoint, all traces removed."""
    number, frontier, note = next(
        row[1:2] + row[3:] for row in sample.rows("checkpoints") if row[0] == 1 and row[2] == size
    )
    assert isinstance(frontier, bytes)
    later = "SELECT seq FROM entries WHERE log = 1 AND idx >= ?"
    sample.edit(
        (f"DELETE FROM payloads WHERE seq IN ({later})", size),  # noqa: S608
        ("DELETE FROM entries WHERE log = 1 AND idx >= ?", size),
        ("DELETE FROM checkpoints WHERE log = 1 AND number > ?", number),
        (
            "UPDATE logs SET size = ?, frontier = ?, root = ?, note = ?, kept = ? WHERE log = 1",
            size,
            frontier,
            Frontier.from_bytes(size, frontier).root(),
            note,
            number,
        ),
    )
    left = [(new, row[0]) for new, row in enumerate(sample.rows("entries"), 1)]
    for table in ("entries", "payloads"):
        sample.edit(*((f"UPDATE {table} SET seq = ? WHERE seq = ?", *pair) for pair in left))  # noqa: S608


def test_a_cut_below_a_held_checkpoint_or_receipt_is_found(sample: Sample) -> None:
    cut(sample, size=1)
    assert sample.verify().findings == []  # alone, a cut tail leaves no trace: hence the holders
    kept = [receipt for receipt in sample.receipts if receipt.origin.endswith("/log/default")]
    assert len(kept) == 3
    assert sample.verify(receipts=receipt_files(kept[:1])).findings == []
    for receipt in kept[1:]:
        report = sample.verify(receipts=receipt_files([receipt]))
        assert "is gone" in report.findings[0].what
        assert receipt.event_id in report.findings[0].what
    for note in sample.checkpoints:
        size = int(note.split(b"\n")[1])
        longer = b"/log/default\n" in note and size > 1
        assert bool(sample.verify(notes=[note]).found) is longer


def test_a_log_taken_out_whole_is_found_by_whoever_holds_of_it(sample: Sample) -> None:
    sample.edit(
        ("DELETE FROM payloads WHERE seq IN (SELECT seq FROM entries WHERE log = 2)",),
        ("DELETE FROM entries WHERE log = 2",),
        ("DELETE FROM checkpoints WHERE log = 2",),
        ("DELETE FROM logs WHERE log = 2",),
    )
    assert sample.verify().found  # the file's own numbers have a gap
    held = [receipt for receipt in sample.receipts if receipt.origin.endswith("/log/other")]
    report = sample.verify(receipts=receipt_files(held))
    assert any("held evidence" in finding.what for finding in report.findings)


def test_evidence_that_is_not_signed_says_nothing(sample: Sample) -> None:
    forged = asdict(sample.receipts[0])
    for field in forged:
        value = forged[field]
        changed = {**forged, field: value[:-3] + ("AAA" if value[-3:] != "AAA" else "BBB")}
        with pytest.raises(InvalidEvidence):
            sample.verify(receipts=[json.dumps(changed).encode()])
    for note in (b"", b"x", sample.checkpoints[0].replace(b"\n1\n", b"\n2\n"), b"\xff" * 70_000):
        with pytest.raises(InvalidEvidence):
            sample.verify(notes=[note])
    for data in (b"", b"[]", b"7", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(InvalidEvidence):
            sample.verify(receipts=[data])


def test_a_file_that_is_no_ledger_is_a_finding(sample: Sample, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    for data in (b"", b"x" * 5_000, sample.path.read_bytes()[:30_000]):
        other.write_bytes(data)
        assert verify_ledger(other, sample.ledger.key).found
    with pytest.raises(OSError, match="No such file"):
        verify_ledger(tmp_path / "missing.db", sample.ledger.key)


def test_another_ledgers_key_finds_fault_with_everything(sample: Sample) -> None:
    key = sample.ledger.key
    assert verify_ledger(sample.path, key.named("ledger.example.test/another")).found


def test_two_signed_receipts_of_one_event_convict_the_log(sample: Sample) -> None:
    first = sample.receipts[0]
    other_hash = sample.receipts[1].leaf_hash
    message = receipt_message(first.origin, first.event_id, other_hash, first.time)
    signature = b64url(load_receipt_key(sample.ledger.keys, create=False).sign(message))
    second = replace(first, leaf_hash=other_hash, signature=signature)
    assert sample.verify(receipts=receipt_files([first, first])).findings == []  # control
    report = sample.verify(receipts=receipt_files([first, second]))
    assert "two signed receipts" in report.findings[0].what
