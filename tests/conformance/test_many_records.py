"""The generated ledgers that speed is measured on are ledgers: whole, of the asked size."""

from __future__ import annotations

from pathlib import Path

from counterfoil.ledger.verify import verify_ledger
from many_records import ledger_of


def test_a_generated_ledger_is_whole_and_has_all_its_records(tmp_path: Path) -> None:
    made = ledger_of(tmp_path, 345, tenants=("default", "other"))
    report = verify_ledger(made.database, made.key)
    assert report.findings == []
    assert (report.entries, len(report.logs)) == (345, 2)
