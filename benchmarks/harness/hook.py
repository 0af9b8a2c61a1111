"""What the hook for AutoGen adds to one tool call, measured in the hook's own environment.

`guard alone` is against a service that answers at once, so it is the hook's own share;
`whole` is against the service of this run. Both report an outcome for each call.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness import page
from benchmarks.harness.paths import ROOT

PYTHON = ROOT / ".venv-hooks" / "bin" / "python"
SCRIPT = ROOT / "hooks" / "tools" / "overhead.py"
BEGIN = "<!-- measured: the hook, benchmarks/run.py --document -->"
END = "<!-- end of measured: the hook -->"
_SECONDS = 300.0
Overhead = Mapping[str, Mapping[str, Mapping[str, float]]]


def measured(address: str, token: str, folder: Path, *, calls: int = 320) -> dict[str, Any]:
    """Return microseconds a tool call, `{guard alone | whole: {case: {clock, cpu}}}`.

    Raises:
        RuntimeError: it could not be measured, or an outcome was lost.
    """
    file = folder / "hook.token"
    file.write_text(token, "ascii")
    done = subprocess.run(
        [
            str(PYTHON),
            str(SCRIPT),
            f"--service=http://{address}",
            f"--token-file={file}",
            f"--calls={calls}",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the hook could not be measured:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    if any(part.pop("outcomes lost") for part in found.values()):
        raise RuntimeError("outcomes were lost while the hook was measured")
    return found


def table(found: Overhead) -> list[str]:
    """One line a case, for the terminal."""
    head = f"{'us a tool call':40}{'clock':>10}{'CPU of the agent':>20}"
    return [head, *(f"{name:40}{clock:10.0f}{cpu:20.0f}" for name, clock, cpu in _rows(found))]


def document(path: Path, found: Overhead) -> None:
    """Replace the hook's part of docs/performance.md.

    Raises:
        ValueError: the page lacks a mark.
    """
    rows = [[name, f"{clock:.0f}", f"{cpu:.0f}"] for name, clock, cpu in _rows(found)]
    lines = page.table(["µs a tool call", "clock", "CPU of the agent's process"], rows)
    load = f"Load average {os.getloadavg()[0]:.1f} at the end, on the machine above.\n"
    page.replace(path, BEGIN, END, [load, *lines])


def _rows(found: Overhead) -> Iterator[tuple[str, float, float]]:
    stock = found["guard alone"]["stock"]
    yield "without a guard", stock["clock"], stock["cpu"]
    for part, cases in found.items():
        for case, spent in cases.items():
            if case != "stock":
                name = f"{part}{case.removeprefix('guarded')}"
                yield name, spent["clock"], spent["cpu"]
