"""A power cut at any moment: pages that were not synced are gone, and nothing acknowledged is.

The writer is real, and so is its SQLite; the disk is what it was told to keep (`recorded_disk`).
"""

from __future__ import annotations

import random
import sqlite3
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import evidence
from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger import database
from counterfoil.ledger.verify import verify_ledger
from ledgers import Ledger, event, soon
from simulators.recorded_disk import disk_at, steps

CALLERS = 4
SMALL, LARGE = 12, 250
SIMULATOR = Path(__file__).parents[1] / "simulators" / "recorded_disk.py"


@dataclass
class Recorded:
    """The journal of a disk, and what was acknowledged when it was so long."""

    journal: bytes
    key: VerifierKey
    acknowledged: list[tuple[int, str]] = field(default_factory=list)

    def lost(self, folder: Path, cut: int, chance: random.Random | None) -> list[str]:
        """What a disk cut there lacks of what had been acknowledged, or says wrongly."""
        files = disk_at(self.journal, cut, chance)
        for path in folder.glob("ledger.db*"):
            path.unlink()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        due = {event_id for length, event_id in self.acknowledged if length <= cut}
        path = folder / "ledger.db"
        if not due:
            return []
        if not path.exists():
            return sorted(due)
        with closing(sqlite3.connect(path)) as opened:
            try:
                there = {row[0] for row in opened.execute("SELECT event_id FROM entries")}
            except sqlite3.Error as error:
                return [str(error)]
        report = verify_ledger(path, self.key)
        return sorted(due - there) + [finding.what for finding in report.findings]


def recorded(folder: Path, each: int, *arguments: str) -> Recorded:
    """A writer that takes events of some callers at once, its disk written down."""
    journal = folder / "journal"
    command: Sequence[str] = (sys.executable, str(SIMULATOR), str(journal))
    ledger = Ledger(folder, command=command, arguments=("--reserve-bytes=0", *arguments))
    told: list[tuple[int, str]] = []
    try:
        ledger.start()

        def append() -> None:
            client = ledger.client()
            for _ in range(each):
                sent = event(plain={"effect": "deny"})
                client.append([sent], deadline=soon(60))
                told.append((journal.stat().st_size, sent.event_id))

        callers = [threading.Thread(target=append) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert ledger.stop() == 0
        return Recorded(journal.read_bytes(), ledger.key, told)
    finally:
        ledger.close()


def cuts(made: Recorded, most: int) -> list[int]:
    """Ends of steps, from the first acknowledgement on."""
    first = min(length for length, _ in made.acknowledged)
    ends = [end for end, _ in steps(made.journal) if end >= first]
    return random.Random(7).sample(ends, min(most, len(ends)))  # noqa: S311 (not for secrets)


def losses(made: Recorded, folder: Path, most: int) -> dict[str, int]:
    """How many cuts there were, and how many of them lost something."""
    chance, counted = random.Random(11), {"cuts": 0, "cuts_that_lost": 0}  # noqa: S311
    folder.mkdir()
    for cut in cuts(made, most):
        for luck in (None, chance):
            counted["cuts"] += 1
            counted["cuts_that_lost"] += bool(made.lost(folder, cut, luck))
    return counted


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    made = recorded(tmp_path, SMALL)
    assert len(made.acknowledged) == SMALL * CALLERS
    counted = losses(made, tmp_path / "cut", 25)
    assert counted["cuts"] >= 50
    assert counted["cuts_that_lost"] == 0


def test_the_model_finds_what_a_lesser_setting_loses(tmp_path: Path) -> None:
    """The control: in the same model, `synchronous=NORMAL` loses what it acknowledged."""
    weak = tmp_path / "weak.py"
    text = SIMULATOR.read_text()
    replaced = text.replace(
        "        os._exit(writer.main(arguments))",
        "        from counterfoil.ledger import database\n"
        "        database._SETTINGS = tuple((n, 'NORMAL', 1) if n == 'synchronous' else (n, v, e)"
        " for n, v, e in database._SETTINGS)\n"
        "        os._exit(writer.main(arguments))",
    )
    assert replaced != text
    assert ("synchronous", "FULL", 2) in database._SETTINGS
    weak.write_text(replaced)
    journal = tmp_path / "journal"
    ledger = Ledger(tmp_path, command=(sys.executable, str(weak), str(journal)))
    try:
        ledger.start()
        client, told = ledger.client(), []
        for _ in range(SMALL):
            sent = event(plain={"effect": "deny"})
            client.append([sent], deadline=soon(60))
            told.append((journal.stat().st_size, sent.event_id))
        assert ledger.stop() == 0
        made = Recorded(journal.read_bytes(), ledger.key, told)
    finally:
        ledger.close()
    assert losses(made, tmp_path / "cut", 10)["cuts_that_lost"] > 0


@pytest.mark.prove
def test_power_cuts_over_a_thousand_records_lose_none(tmp_path: Path) -> None:
    made = recorded(tmp_path, LARGE)
    counted = losses(made, tmp_path / "cut", 150)
    evidence.record(
        "ledger_power_loss",
        "power cuts over a recorded disk",
        acknowledged=len(made.acknowledged),
        **counted,
    )
    assert counted["cuts_that_lost"] == 0
