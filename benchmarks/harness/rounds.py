"""Interleaved rounds: A B C, C B A, … so that drift meets each rival alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.harness import cpu, load
from benchmarks.harness.load import Measured, Target

WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One line of the table: a target at one concurrency, and whose CPU it costs."""

    target: Target
    connections: int
    roles: Callable[[], dict[int, str]]
    decisions: int = 1
    settle: Callable[[], None] = lambda: None

    @property
    def key(self) -> str:
        """Its name in results: `alone c=16`."""
        return f"{self.target.name} c={self.connections}"


@dataclass(slots=True)
class Series:
    """All rounds of one contender."""

    runs: list[Measured] = field(default_factory=list)
    cpu_us: list[dict[str, float]] = field(default_factory=list)

    @property
    def late(self) -> int:
        """How many answers were an honest 503."""
        return sum(run.errors.get(load.LATE, 0) for run in self.runs)

    def values(self, name: str) -> list[float]:
        """One measured quantity, round by round."""
        return [float(getattr(run, name)) for run in self.runs]


def play(contenders: Sequence[Contender], *, rounds: int, seconds: float) -> dict[str, Series]:
    """Warm each up once, then measure all in every round.

    Raises:
        LoadError: an answer was not the good one; nothing else was measured.
    """
    results = {contender.key: Series() for contender in contenders}
    for contender in contenders:
        load.run(
            contender.target, connections=contender.connections, seconds=WARM_UP_SECONDS
        )  # answers of the first second are not judged: children are still starting
        contender.settle()
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            measured, split = _once(contender, seconds)
            results[contender.key].runs.append(measured)
            results[contender.key].cpu_us.append(split)
    return results


def _once(contender: Contender, seconds: float) -> tuple[Measured, dict[str, float]]:
    roles = contender.roles()
    before = cpu.read(roles)
    measured = load.run(contender.target, connections=contender.connections, seconds=seconds)
    after = cpu.read(roles)
    contender.settle()
    load.demand_good(contender.target, measured)
    split = cpu.spent(before, after, roles, measured.good * contender.decisions)
    return measured, split | {"generator": measured.cpu_us_per_request / contender.decisions}
