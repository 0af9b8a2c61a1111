"""Decisions counted by what leaves show, without opening any of them. Values only.

A log only grows, so what was counted stays counted: a tally goes on where it ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from counterfoil.core.search import Filters

PEOPLE = 4_096
"""Data keys that are told apart in one tally; more count as others."""
OTHERS = ""


@dataclass(slots=True)
class Tally:
    """Counts up to the record `last`; `people` by the ids of their data keys."""

    last: int
    effects: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    samples: dict[str, str] = field(default_factory=dict)

    def take(self, leaf: Mapping[str, object], filters: Filters, subject_key: str | None) -> None:
        """Count a leaf, where it opens a decision that is wanted.

        `samples` keeps a decision of each person: who they are is read there.
        """
        if not filters.opens(leaf, subject_key):
            return
        plain = leaf.get("plain")
        assert isinstance(plain, Mapping)  # noqa: S101 -- `Filters.opens` saw it
        effect = "failed" if leaf.get("event") == "failed" else str(plain.get("effect"))
        self.effects[effect] += 1
        self.families[str(plain.get("family"))] += 1
        person = str(leaf.get("subject_key"))
        if person not in self.people and len(self.people) >= PEOPLE:
            person = OTHERS
        self.people[person] += 1
        self.samples[person] = str(leaf.get("decision_id"))

    @property
    def total(self) -> int:
        """All that were counted."""
        return self.effects.total()
