"""`verify --since` and `--resume`: what was checked before is not checked again, nor forgotten."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from counterfoil.cli import main, verify, verify_resume
from counterfoil.core.checkpoint import Checkpoint
from counterfoil.core.succession import Signs
from counterfoil.ledger import log_check
from counterfoil.ledger.evidence import LogName, StoredRecord, Verdict, check_record
from counterfoil.ledger.held import InvalidEvidence, read_note, split_notes
from counterfoil.ledger.report import Report
from counterfoil.ledger.verify import verify_ledger
from many_records import Many, ledger_of

RECORDS = 2_500  # two commits, so one kept checkpoint at 2,000


@pytest.fixture
def made(tmp_path: Path) -> Many:
    return ledger_of(tmp_path / "ledger", RECORDS)


def kept_note(made: Many) -> bytes:
    with closing(sqlite3.connect(made.database)) as database:
        sql = "SELECT note FROM checkpoints WHERE size < 2500 ORDER BY number LIMIT 1"
        (note,) = database.execute(sql).fetchone()
    assert isinstance(note, bytes)
    return note


def checkpoint(made: Many) -> Checkpoint:
    return read_note(kept_note(made), made.key).checkpoint


def edit(made: Many, sql: str) -> None:
    with closing(sqlite3.connect(made.database, isolation_level=None)) as database:
        database.execute(sql)


def test_only_what_is_new_is_checked_record_by_record(
    made: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    check = check_record

    def watched(
        record: StoredRecord, log: LogName, signs: Signs, *, dropped: bool = False
    ) -> Verdict:
        seen.append(record.index)
        return check(record, log, signs, dropped=dropped)

    monkeypatch.setattr(log_check, "check_record", watched)
    report = verify_ledger(made.database, made.key, checked=[checkpoint(made)])
    assert (report.findings, report.entries, report.held_checkpoints) == ([], RECORDS, 1)
    # The first record says by which key the log began.
    assert seen == [0, *range(2_000, RECORDS)]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entries SET leaf = (SELECT leaf FROM entries WHERE seq = 8) WHERE seq = 7",
        "UPDATE entries SET leaf = x'7b7d' WHERE seq = 7",
        "DELETE FROM entries WHERE seq = 7",
        "UPDATE entries SET leaf = x'7b7d' WHERE seq = 2400",
        "DELETE FROM payloads WHERE seq = 2400",
        "DELETE FROM payloads WHERE seq = 7",
    ],
)
def test_a_change_is_found_on_both_sides_of_the_checkpoint(made: Many, sql: str) -> None:
    since = checkpoint(made)
    assert verify_ledger(made.database, made.key, checked=[since]).findings == []  # control
    edit(made, sql)
    found = bool(verify_ledger(made.database, made.key, checked=[since]).found)
    assert found is not (sql == "DELETE FROM payloads WHERE seq = 7")  # as --since says of itself
    assert verify_ledger(made.database, made.key).found


def test_a_checkpoint_that_the_log_no_longer_holds_is_a_finding(made: Many, tmp_path: Path) -> None:
    since = tmp_path / "since"
    since.write_bytes(kept_note(made) + b"\n" + kept_note(made))
    command = [
        "verify",
        str(made.database),
        f"--key={made.keys / 'receipt.pub'}",
        f"--since={since}",
    ]
    assert main(command) == 0  # control
    short = ledger_of(tmp_path / "short", 10)
    edit(short, "UPDATE meta SET value = value")
    assert main([*command[:1], str(short.database), *command[2:]]) == 1
    since.write_bytes(kept_note(made).replace(b"\n2000\n", b"\n2001\n"))
    assert main(command) == 2  # it is not signed, so it is no evidence


def test_notes_in_one_file_are_told_apart(made: Many) -> None:
    note = kept_note(made)
    assert split_notes(note) == [note]
    assert split_notes(note + b"\n" + note) == [note, note]


def test_a_check_that_was_broken_off_goes_on(
    made: Many, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_resume, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(log_check, "_REACHED", 1_000)
    place = tmp_path / "resume.json"
    command = ["verify", str(made.database), f"--key={made.keys / 'receipt.pub'}"]

    class Interrupted(KeyboardInterrupt):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(sys.stderr, "isatty", lambda: True)
        patch.setattr(verify, "_bar", interrupt)
        assert main([*command, f"--resume={place}"]) == 130
    (size, _root) = next(iter(json.loads(place.read_text())["logs"].values()))
    assert size == 1_000
    assert main([*command, f"--resume={place}"]) == 0
    assert not place.exists()


def test_what_is_resumed_is_another_ledgers_or_not_so_is_said(made: Many, tmp_path: Path) -> None:
    report = Report(made.key.name)
    report.reached["x"] = Checkpoint("x", 5, bytes(32))
    resume = verify_resume.Resume(tmp_path / "r", made.key.name, report)
    resume.save(now=True)
    assert [item.size for item in resume.load()] == [5]
    with pytest.raises(InvalidEvidence):
        verify_resume.Resume(tmp_path / "r", "another", report).load()
    (tmp_path / "r").write_text("[]")
    with pytest.raises(InvalidEvidence):
        resume.load()


def test_a_resumed_place_that_is_not_so_is_a_finding(made: Many) -> None:
    false = Checkpoint(checkpoint(made).origin, 1_000, bytes(32))
    report = verify_ledger(made.database, made.key, checked=[false])
    assert "another root" in report.findings[0].what
