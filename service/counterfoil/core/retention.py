"""Which payloads may be dropped by their age, and what was: from leaves alone.

A range is a piece of one log from its beginning on. Its leaves, receipts and checkpoints stay,
so that the tree is proved as before; its sealed payloads go, but for those that are kept.

No clock is believed on its own. A record counts as old only where a later one, which no clock
says to be earlier, is old as well: a record that was written while a clock was set back stands
between younger ones, and stays with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.privacy import ERASURES, HOLDS
from counterfoil.core.revocation import ORDERS
from counterfoil.core.times import rfc3339, seconds_of

FLOOR_DAYS: Final = 184
"""Six months at their longest (EU AI Act, articles 19 and 26): nothing younger is ever dropped."""

FLOOR_SECONDS: Final = FLOOR_DAYS * 86_400.0
PIECE: Final = 1_000
"""Records of one range at most: some hundredths of a second of a writer."""

DROPS: Final = "ret_" + "0" * 26
"""The trail of what was dropped: `retention_dropped`."""

DROPPED: Final = "retention_dropped"

_STAY: Final = frozenset({ERASURES, HOLDS, DROPS, ORDERS})
"""What was done to the record itself, and what is in force, is told for ever."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """One range: from `start`, below `end`, but for `kept`; all older than `cutoff`."""

    start: int
    end: int
    kept: frozenset[int]
    cutoff: str

    def covers(self, index: int) -> bool:
        """Whether this record's payload was dropped."""
        return self.start <= index < self.end and index not in self.kept

    def plain(self) -> JsonObject:
        """As the leaf says it."""
        kept: Sequence[JsonValue] = sorted(self.kept)
        return {"start": self.start, "end": self.end, "kept": kept, "cutoff": self.cutoff}


def stays(decision_id: object) -> bool:
    """Whether a record of this trail keeps its payload whatever its age."""
    return decision_id in _STAY


def read_dropped(leaf: Mapping[str, JsonValue]) -> Dropped | None:
    """What a leaf says was dropped; None where it says no such thing."""
    if leaf.get("event") != DROPPED or leaf.get("decision_id") != DROPS:
        return None
    match leaf.get("plain"):
        case {"start": int(start), "end": int(end), "kept": list(kept), "cutoff": str(cutoff)} if (
            0 <= start < end <= start + PIECE
        ):
            return Dropped(start, end, frozenset(i for i in kept if isinstance(i, int)), cutoff)
        case _:
            return None


def too_soon(dropped: Dropped, recorded: str) -> bool:
    """Whether its cutoff lies less than the floor before the moment in which it was recorded.

    Raises:
        ValueError: one of the two is no time.
    """
    return seconds_of(dropped.cutoff) > seconds_of(recorded) - FLOOR_SECONDS


def cutoff_of(now: float, days: int) -> str:
    """What is older may go; never younger than the floor."""
    return rfc3339(now - max(days, FLOOR_DAYS) * 86_400.0)


def old_until(times: Sequence[str], cutoff: str, *, before: str = "") -> int:
    """How many of these, of the leaves from some place on in log order, are old for certain.

    Args:
        times: theirs.
        cutoff: what is old.
        before: the latest time below that place.
    """
    latest, old = before, 0
    for place, time in enumerate(times, 1):
        if time >= cutoff:
            break
        if time >= latest:
            latest, old = time, place
    return old


@dataclass(slots=True)
class Drops:
    """All ranges of one log; a range that was gone over again counts by what went in the end."""

    ranges: dict[int, list[Dropped]] = field(default_factory=dict)
    end: int = 0

    def add(self, dropped: Dropped) -> None:
        """Learn of one."""
        for piece in {dropped.start // PIECE, (dropped.end - 1) // PIECE}:
            known = self.ranges.setdefault(piece, [])
            if dropped not in known:
                known.append(dropped)
        self.end = max(self.end, dropped.end)

    def of(self, index: int) -> Dropped | None:
        """The range by which a record's payload went, None where it is to be there."""
        found: Iterable[Dropped] = self.ranges.get(index // PIECE, ())
        return next((item for item in found if item.covers(index)), None)

    def left(self) -> list[Dropped]:
        """Ranges that still have something that was kept back."""
        whole = {item for items in self.ranges.values() for item in items}
        return sorted(
            (item for item in whole if any(self.of(index) is None for index in item.kept)),
            key=lambda item: item.start,
        )
