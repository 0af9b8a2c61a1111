from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.harness import cpu, hook, page, report
from benchmarks.harness.load import Measured
from benchmarks.harness.rounds import Series
from benchmarks.harness.stats import Gate, Spread, quantile, ratios, spread


def _run(*, throughput: float, p50: float = 1000.0) -> Measured:
    return Measured(
        connections=16,
        seconds=1.0,
        good=100,
        throughput=throughput,
        p50_us=p50,
        p90_us=p50,
        p99_us=2 * p50,
        max_us=3 * p50,
        cpu_us_per_request=20.0,
        errors={},
        first_error="",
    )


def _series(*throughputs: float, p50: float = 1000.0) -> Series:
    return Series(runs=[_run(throughput=value, p50=p50) for value in throughputs], cpu_us=[{}])


def test_spread_is_median_with_range() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)


def test_quantile_is_a_value_that_was_measured() -> None:
    values = [float(one) for one in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert quantile([7.0], 0.99) == 7.0


def test_nothing_measured_is_an_error_and_not_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_ratio_cancels_drift_that_meets_both_rivals() -> None:
    # the machine halves its speed between the rounds; the ratio stays what it is
    assert ratios([800.0, 400.0], [1000.0, 500.0]) == Spread(0.8, 0.8, 0.8)


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [1.0, 2.0]), ([1.0], [0.0])])
def test_ratio_without_a_partner_in_each_round_is_an_error(
    ours: list[float], theirs: list[float]
) -> None:
    with pytest.raises(ValueError, match="each round needs both rivals"):
        ratios(ours, theirs)


@pytest.mark.parametrize(
    ("value", "at_least", "met"),
    [(0.6, True, True), (0.59, True, False), (0.6, False, True), (0.61, False, False)],
)
def test_gate_is_met_on_its_own_side_only(*, value: float, at_least: bool, met: bool) -> None:
    gate = Gate(name="speed", value=value, limit=0.6, at_least=at_least)
    assert gate.met is met
    assert gate.line().endswith(": met" if met else ": NOT MET")


def test_gates_judge_throughput_latency_and_batch() -> None:
    results = {
        "service c=1": _series(500.0, p50=1300.0),
        "service c=16": _series(1500.0),
        "alone c=1": _series(1000.0, p50=600.0),
        "alone c=16": _series(2000.0),
        "batch c=1": _series(200.0),
    }
    pairs = report.comparisons(results)
    found = {gate.name: gate for gate in report.gates(results, pairs, sync=150.0)}
    assert found["throughput / alone c=16"].value == 0.75
    assert found["throughput / alone c=16"].met
    assert found["p50 us c=1"].limit == 2 * 600.0 + 150.0
    assert found["p50 us c=1"].met
    batch = found["decisions in batches c=1 / singles c=1"]
    assert batch.value == pytest.approx(16 * 200.0 / 500.0)
    assert batch.met


def test_batch_that_gains_nothing_misses_its_gate() -> None:
    results = {"service c=1": _series(1600.0), "batch c=1": _series(100.0)}
    gates = report.gates(results, report.comparisons(results), sync=0.0)
    assert [(gate.value, gate.met) for gate in gates] == [(1.0, False)]


def test_cpu_is_split_by_role_and_counts_only_this_run() -> None:
    roles = {11: "workers", 12: "workers", 13: "opa"}
    split = cpu.spent({11: 1.0, 12: 2.0, 13: 5.0}, {11: 1.5, 12: 2.1, 13: 5.2}, roles, 1000)
    assert split == pytest.approx({"workers": 600.0, "opa": 200.0})


def test_tables_name_every_contender_that_ran() -> None:
    results = {"service c=16": _series(1500.0, 1700.0, 1600.0), "raw c=16": Series()}
    assert [line.split()[:3] for line in report.table(results)[1:]] == [["service", "c=16", "1600"]]


def test_page_keeps_its_words_and_replaces_only_what_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    file.write_text(f"words\n{page.BEGIN}\nold\n{page.END}\nmore words\n", "utf-8")
    results = {"service c=16": _series(1500.0), "alone c=16": _series(2000.0)}
    pairs = report.comparisons(results)
    page.write(file, results, pairs, report.gates(results, pairs, 1.0), 1.0)
    first = file.read_text("utf-8")
    page.write(file, results, pairs, report.gates(results, pairs, 1.0), 1.0)
    assert file.read_text("utf-8") == first
    assert first.startswith("words\n")
    assert first.endswith("\nmore words\n")
    assert "old" not in first
    assert "| throughput / alone c=16 | 0.75 |" in first


def test_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    file.write_text("words", "utf-8")
    with pytest.raises(ValueError, match="lacks the marks"):
        page.write(file, {}, {}, [], 1.0)
    assert file.read_text("utf-8") == "words"


def test_cost_of_the_hook_has_its_own_place_on_the_page(tmp_path: Path) -> None:
    cases = {
        "stock": {"clock": 30.2, "cpu": 29.0},
        "guarded": {"clock": 1500.4, "cpu": 1300.0},
        "guarded, 16 at a time": {"clock": 1600.0, "cpu": 1550.0},
    }
    found = {"guard alone": cases, "whole": cases}
    file = tmp_path / "performance.md"
    file.write_text(f"{page.BEGIN}\nkept\n{page.END}\n{hook.BEGIN}\nold\n{hook.END}\n", "utf-8")
    hook.document(file, found)
    text = file.read_text("utf-8")
    assert "kept" in text
    assert "old" not in text
    assert "| without a guard | 30 | 29 |" in text
    assert "| guard alone | 1500 | 1300 |" in text
    assert "| whole, 16 at a time | 1600 | 1550 |" in text
    assert hook.table(found)[1].split()[-2:] == ["30", "29"]
