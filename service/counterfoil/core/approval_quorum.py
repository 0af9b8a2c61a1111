"""Whether those who approved are enough: how many people, and of which groups.

A person is a `sub`, whatever the issuer, and counts once: for the quorum, and for one of the
groups that must each send somebody. That somebody can be found for every group is Hall's
condition (P. Hall, 1935): any k of the groups hold k of the people together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TypeAlias

from counterfoil.core.model import ApprovalTerms

People: TypeAlias = Mapping[str, frozenset[str]]
"""Each person's groups, by `sub`."""


def people_of(answers: Iterable[tuple[str, Iterable[str]]]) -> People:
    """(sub, groups) of each answer, one entry a person."""
    found: dict[str, frozenset[str]] = {}
    for sub, groups in answers:
        found[sub] = found.get(sub, frozenset()) | frozenset(groups)
    return found


def enough(people: People, terms: ApprovalTerms) -> bool:
    """Whether these people are what the terms ask for."""
    return len(people) >= terms.quorum and one_from_each(people.values(), terms.each_from)


def one_from_each(people: Iterable[Iterable[str]], groups: Iterable[str]) -> bool:
    """Whether each group can be given a person of its own."""
    members = [frozenset(of) for of in people]
    wanted = tuple(groups)
    return all(
        sum(not of.isdisjoint(some) for of in members) >= size
        for size in range(1, len(wanted) + 1)
        for some in combinations(wanted, size)
    )
