"""Medians, spreads and gates. Pure: numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a few runs, with the least and the greatest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Summarise runs.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("nothing was measured")
    return Spread(median(values), min(values), max(values))


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of all do not exceed (nearest rank).

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("nothing was measured")
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """`ours / theirs`, round by round: what drifts between rounds cancels within one.

    Raises:
        ValueError: different numbers of rounds, or a rival that did nothing.
    """
    if len(ours) != len(theirs) or not all(theirs):
        raise ValueError("each round needs both rivals")
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A promise about speed, and what this run says of it."""

    name: str
    value: float
    limit: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the value lies on the right side of the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        """One printed line."""
        verdict = "met" if self.met else "NOT MET"
        sign = ">=" if self.at_least else "<="
        return f"{self.name}: {self.value:.2f} {sign} {self.limit:.2f}: {verdict}"
