"""What operators hear of exports, above all when nobody says anything any more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from counterfoil.cli.children import BUDGET_DEATHS, Child, ChildSpec
from counterfoil.export_status import (
    SILENT_SECONDS,
    STATUS_FOLDER,
    ExportStatus,
    alarms,
    metrics_text,
    read_status,
    write_status,
)

NOW = 1_767_225_600.0


def test_a_shipper_that_falls_silent_is_an_alarm(tmp_path: Path) -> None:
    assert read_status(tmp_path, "siem", now=NOW).alarm == "the shipper has said nothing yet"
    told = ExportStatus(shipped=7, behind=2)
    write_status(tmp_path, "siem", told)
    file = tmp_path / STATUS_FOLDER / "siem.json"
    os.utime(file, (NOW, NOW))
    assert read_status(tmp_path, "siem", now=NOW + SILENT_SECONDS) == told  # control
    silent = read_status(tmp_path, "siem", now=NOW + SILENT_SECONDS + 1)
    assert (silent.shipped, silent.alarm) == (7, "the shipper has said nothing for 61 s")


@pytest.mark.parametrize("torn", ["", "[]", '{"shipped": 1', '{"made_up": 1}'])
def test_a_torn_status_is_an_alarm_and_no_failure(tmp_path: Path, torn: str) -> None:
    write_status(tmp_path, "siem", ExportStatus())
    (tmp_path / STATUS_FOLDER / "siem.json").write_text(torn)
    assert read_status(tmp_path, "siem", now=NOW).alarm


def test_metrics_and_readiness_tell_of_each_export() -> None:
    statuses = {
        "siem": ExportStatus(shipped=7, rejected=1, behind=2, alarm="nothing delivered for 12 s"),
        "shelf": ExportStatus(shipped=9),
    }
    text = metrics_text(statuses)
    for line in (
        'counterfoil_export_alarm{export="siem"} 1',
        'counterfoil_export_alarm{export="shelf"} 0',
        'counterfoil_export_behind{export="siem"} 2',
        'counterfoil_export_shipped_total{export="shelf"} 9',
        'counterfoil_export_rejected_total{export="siem"} 1',
    ):
        assert f"\n{line}\n" in text
    assert alarms(statuses) == "siem: nothing delivered for 12 s"
    assert metrics_text({}) == alarms({"shelf": ExportStatus()}) == ""


def test_a_child_that_nobody_needs_to_decide_never_brings_the_others_down() -> None:
    for vital in (True, False):  # the first is the control
        child = Child(ChildSpec(name="shipper", command=(), environment={}, vital=vital))
        pauses = [child.died(NOW, lived=0.0) for _ in range(3 * BUDGET_DEATHS)]
        assert (None in pauses) is vital
