"""Writes the measured part of docs/performance.md, so that no number there is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.harness.report import ROLES, Results, machine
from benchmarks.harness.stats import Gate, Spread

BEGIN = "<!-- measured: benchmarks/run.py --document -->"
END = "<!-- end of measured -->"


def write(
    page: Path, results: Results, pairs: Mapping[str, Spread], gates: Sequence[Gate], sync: float
) -> None:
    """Replace what stands between the two marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    lines = [_machine(sync), *_throughput(results), *_cpu(results), *_ratios(pairs), *_gates(gates)]
    replace(page, BEGIN, END, lines)


def replace(page: Path, begin: str, end: str, lines: Sequence[str]) -> None:
    """Put `lines` between two marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} lacks the marks of the measured part")
    page.write_text("\n".join([before + begin, "", *lines, end + after]), "utf-8")


def _machine(sync: float) -> str:
    here = machine()
    return (
        f"{here['cpus']} cores shared by everything, Python {here['python']}, "
        f"Linux {here['kernel']}, load average {here['load_average']:.1f} at the end, "
        f"one disk sync {sync:.0f} µs.\n"
    )


def _throughput(results: Results) -> list[str]:
    rows = [
        [name, *(f"{median(series.values(quantity)):.0f}" for quantity in _QUANTITIES)]
        for name, series in results.items()
        if series.runs
    ]
    return table(["", "requests/s", "p50 µs", "p99 µs"], rows)


def _cpu(results: Results) -> list[str]:
    rows = []
    for name, series in results.items():
        if series.runs:
            values = [median(split.get(role, 0.0) for split in series.cpu_us) for role in ROLES]
            cells = [f"{value:.0f}" if value else "" for value in values]
            rows.append([name, *cells, f"**{sum(values):.0f}**"])
    return table(["CPU µs a decision", *ROLES, "sum"], rows)


def _ratios(pairs: Mapping[str, Spread]) -> list[str]:
    rows = [
        [name, f"{value.median:.2f}", f"{value.low:.2f} to {value.high:.2f}"]
        for name, value in pairs.items()
    ]
    return table(["ratio, round by round", "median", "range"], rows)


def _gates(gates: Sequence[Gate]) -> list[str]:
    return [*(f"- {gate.line()}" for gate in gates), ""]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, and an empty one; none without rows."""
    if not rows:
        return []
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


_QUANTITIES = ("throughput", "p50_us", "p99_us")
