"""What the shipper says of each `[[export]]`: a small file that the other processes read.

The shipper talks to collectors; nobody who decides ever waits for it, or for this file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

STATUS_FOLDER: Final = "exports"
SILENT_SECONDS: Final = 60.0  # the shipper writes at least every fifteen


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStatus:
    """Counts are of records, `shipped` and `rejected` since the cursor was made.

    `alarm` is empty, or what an operator has to do something about.
    """

    shipped: int = 0
    rejected: int = 0
    behind: int = 0
    alarm: str = ""


def write_status(run_directory: Path, name: str, status: ExportStatus) -> None:
    """Leave the status of one export for the others.

    Raises:
        OSError: it cannot be written.
    """
    folder = run_directory / STATUS_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    written = folder / f"{name}.new"
    written.write_text(json.dumps(asdict(status)), encoding="utf-8")
    written.replace(folder / f"{name}.json")


def read_status(run_directory: Path, name: str, *, now: float) -> ExportStatus:
    """The last status; an alarm where there is none, or none any more."""
    path = run_directory / STATUS_FOLDER / f"{name}.json"
    try:
        with path.open(encoding="utf-8") as file:
            status = ExportStatus(**json.load(file))
            age = now - os.fstat(file.fileno()).st_mtime
    except (OSError, ValueError, TypeError):
        return ExportStatus(alarm="the shipper has said nothing yet")
    if age <= SILENT_SECONDS:
        return status
    told = asdict(status) | {"alarm": f"the shipper has said nothing for {age:.0f} s"}
    return ExportStatus(**told)


def alarms(statuses: Mapping[str, ExportStatus]) -> str:
    """One sentence for operators; empty where all is well."""
    return "; ".join(f"{name}: {status.alarm}" for name, status in statuses.items() if status.alarm)


def metrics_text(statuses: Mapping[str, ExportStatus]) -> str:
    """The text format of all exports, nothing where there are none."""
    if not statuses:
        return ""
    items = statuses.items()
    return "".join(
        (
            _family(
                "counterfoil_export_alarm",
                "gauge",
                "Whether an export needs somebody: it cannot deliver, or falls behind.",
                ((name, int(bool(status.alarm))) for name, status in items),
            ),
            _family(
                "counterfoil_export_behind",
                "gauge",
                "Records that wait for their export.",
                ((name, status.behind) for name, status in items),
            ),
            _family(
                "counterfoil_export_shipped_total",
                "counter",
                "Records that were delivered.",
                ((name, status.shipped) for name, status in items),
            ),
            _family(
                "counterfoil_export_rejected_total",
                "counter",
                "Records that the collector took and rejected, by its own word.",
                ((name, status.rejected) for name, status in items),
            ),
        )
    )


def _family(name: str, kind: str, text: str, values: Iterable[tuple[str, int]]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f'{name}{{export="{export}"}} {value}' for export, value in values]
    return "\n".join(lines) + "\n"
