"""What is printed and kept: tables, ratios, gates."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.harness.rounds import Series
from benchmarks.harness.stats import Gate, Spread, ratios, spread

BATCH = 16
ROLES = ("workers", "readers", "gunicorn master", "opa", "ledger writer", "parent", "generator")
# One caller with sixteen calls to make; and the machine when it has all it can do.
_BATCH_PAIRS = ((1, 1), (4, 16))
BATCH_CONNECTIONS = tuple(batches for batches, _ in _BATCH_PAIRS)
Results = Mapping[str, Series]


def machine() -> dict[str, Any]:
    """Where this was measured."""
    return {
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def table(results: Results) -> list[str]:
    """One line a contender: medians with the range over the rounds."""
    head = f"{'':24}{'requests/s':>24}{'p50 us':>22}{'p99 us':>24}"
    return [head, *(_row(name, series) for name, series in results.items() if series.runs)]


def cpu_table(results: Results) -> list[str]:
    """CPU microseconds a decision by process."""
    head = f"{'CPU us a decision':24}" + "".join(f"{role:>17}" for role in ROLES) + f"{'sum':>9}"
    return [head, *(_cpu_row(name, series) for name, series in results.items() if series.runs)]


def comparisons(results: Results) -> dict[str, Spread]:
    """Each ratio that is promised or of interest, round by round."""
    pairs: dict[str, Spread] = {}
    for connections in (1, 16):
        ours = results.get(f"service c={connections}")
        for rival in ("alone", "alone-tuned", "raw"):
            theirs = results.get(f"{rival} c={connections}")
            if ours and theirs and ours.runs and theirs.runs:
                pairs |= _against(ours, theirs, f"{rival} c={connections}")
    return pairs | _batch(results)


def gates(results: Results, pairs: Mapping[str, Spread], sync: float) -> list[Gate]:
    """The promises of DESIGN section 7 that this run can judge."""
    found = []
    name = "throughput / alone c=16"
    if name in pairs:
        found.append(Gate(name=name, value=pairs[name].median, limit=0.6))
    ours, theirs = results.get("service c=1"), results.get("alone c=1")
    if ours and theirs and ours.runs and theirs.runs:
        limit = 2 * median(theirs.values("p50_us")) + sync
        value = median(ours.values("p50_us"))
        found.append(Gate(name="p50 us c=1", value=value, limit=limit, at_least=False))
    # At equal concurrency. Sixteen single callers are grouped by the service itself: against
    # them a batch is a number to know, not a promise.
    name = _batch_name(1, 1)
    if name in pairs:
        found.append(Gate(name=name, value=pairs[name].median, limit=2.0))
    return found


def document(
    results: Results, pairs: Mapping[str, Spread], found: Sequence[Gate], sync: float
) -> dict[str, Any]:
    """Everything that was measured, for `var/bench/`."""
    return {
        "machine": machine(),
        "sync_us": sync,
        "contenders": {
            name: {"runs": [asdict(run) for run in series.runs], "cpu_us": series.cpu_us}
            for name, series in results.items()
        },
        "ratios": {name: asdict(value) for name, value in pairs.items()},
        "gates": {gate.name: {**asdict(gate), "met": gate.met} for gate in found},
    }


def ratio_lines(pairs: Mapping[str, Spread]) -> list[str]:
    """One line a ratio."""
    return [
        f"{name:44}{value.median:8.2f}   ({value.low:.2f} - {value.high:.2f})"
        for name, value in pairs.items()
    ]


def _against(ours: Series, theirs: Series, name: str) -> dict[str, Spread]:
    return {
        f"{label} / {name}": ratios(ours.values(quantity), theirs.values(quantity))
        for label, quantity in (("throughput", "throughput"), ("p50", "p50_us"), ("p99", "p99_us"))
    }


def _batch(results: Results) -> dict[str, Spread]:
    pairs = {}
    for batches, singles in _BATCH_PAIRS:
        batch, single = results.get(f"batch c={batches}"), results.get(f"service c={singles}")
        if single and batch and single.runs and batch.runs:
            decisions = [BATCH * value for value in batch.values("throughput")]
            pairs[_batch_name(batches, singles)] = ratios(decisions, single.values("throughput"))
    return pairs


def _batch_name(batches: int, singles: int) -> str:
    return f"decisions in batches c={batches} / singles c={singles}"


def _row(name: str, series: Series) -> str:
    cells = [spread(series.values(quantity)) for quantity in ("throughput", "p50_us", "p99_us")]
    texts = [f"{cell.median:.0f} ({cell.low:.0f}-{cell.high:.0f})" for cell in cells]
    late = f"   {series.late} x 503" if series.late else ""
    return f"{name:24}{texts[0]:>24}{texts[1]:>22}{texts[2]:>24}{late}"


def _cpu_row(name: str, series: Series) -> str:
    values = [median(split.get(role, 0.0) for split in series.cpu_us) for role in ROLES]
    cells = "".join(f"{value:17.0f}" if value else f"{'':17}" for value in values)
    return f"{name:24}{cells}{sum(values):9.0f}"
