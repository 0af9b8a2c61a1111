"""Every record of a ledger goes out, in each of the formats that whole ledgers are exported in.

`tests/export_once.py` does it in a process of its own and prints time and memory, for ledgers
of any size (`many_records.kept_ledger`).
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import evidence
from evidence import ROOT
from many_records import Many, kept_ledger, ledger_of

_MEASURE = ROOT / "tests" / "export_once.py"


def measured(many: Many, form: str, output: Path, *, opened: bool) -> dict[str, float]:
    """One export in a process of its own."""
    flags = ["open"] if opened else []
    done = subprocess.run(
        [sys.executable, str(_MEASURE), str(many.folder), form, str(output), *flags],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'service'}"},
        check=True,
        capture_output=True,
        text=True,
    )
    for path in output.parent.glob(output.name + "*"):
        path.unlink()
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    return ledger_of(tmp_path_factory.mktemp("many") / "ledger", 1_500)


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_every_record_goes_out(
    many: Many,
    tmp_path: Path,
    form: str,
    opened: bool,  # noqa: FBT001
) -> None:
    assert measured(many, form, tmp_path / "out", opened=opened)["records"] == 1_500


@pytest.mark.prove
def test_a_million_records_go_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints and records what it took; what is asserted is that all of them went out."""
    made, numbers = kept_ledger(1_000_000), {}
    for form, opened in itertools.product(("jsonl", "parquet"), (False, True)):
        took = measured(made, form, made.folder / "out", opened=opened)
        assert took["records"] == 1_000_000
        numbers[f"{form}_{'opened' if opened else 'closed'}"] = {
            name: round(value, 1) for name, value in took.items()
        }
    load = [round(item, 1) for item in os.getloadavg()]
    evidence.record("export", "export of a million records", **numbers, load_average=load)
    with capsys.disabled():
        print(numbers)  # noqa: T201  # the numbers are what the proof is run for
