"""What is said about a person's data in the record: erased, held, dropped by age.

The trails are fixed, one of each kind in every tenant, as those of revocations are: a worker,
a reader and `verify` find all of them by one index. The leaves name a person by the id of
their data key alone, which is a hash of what is gone after an erasure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from counterfoil.core.model import JsonObject, JsonValue

ERASURES: Final = "ers_" + "0" * 26
"""The trail of what was erased: `subject_erased`, with the data key that was destroyed."""

HOLDS: Final = "hld_" + "0" * 26
"""The trail of legal holds: `hold_set` and `hold_released`."""

ERASED: Final = "subject_erased"
HELD: Final = "hold_set"
RELEASED: Final = "hold_released"
HOLD: Final = "hold"
"""The kind of the state that finds a hold, and that an erasure is held against."""


def erased_key(leaf: Mapping[str, JsonValue]) -> str | None:
    """The id of the data key that a leaf says was destroyed; None where it says no such thing."""
    plain = leaf.get("plain")
    if leaf.get("event") != ERASED or leaf.get("decision_id") != ERASURES:
        return None
    key = plain.get("key") if isinstance(plain, dict) else None
    return key if isinstance(key, str) else None


@dataclass(slots=True)
class Holding:
    """Which holds stand, by what was recorded; `step` takes the events of `HOLDS` in order.

    `about` is the id of the held person's data key, None for all of the tenant.
    """

    standing: dict[str, str | None] = field(default_factory=dict)

    def step(self, kind: str, plain: JsonObject) -> str | None:
        """Take one; what is wrong with it, or None."""
        name, about = plain.get("hold"), plain.get("about")
        if not isinstance(name, str) or not (about is None or isinstance(about, str)):
            return "a hold without a name"
        if kind == HELD:
            if name in self.standing:
                return "a hold is set twice"
            self.standing[name] = about
        elif kind == RELEASED and self.standing.pop(name, _NONE) is _NONE:
            return "a hold is released that does not stand"
        return None

    def over(self, key: str) -> str | None:
        """A hold that stands over what this data key opens, or None."""
        return next((n for n, about in self.standing.items() if about in {None, key}), None)

    def named(self, about: str | None) -> str | None:
        """The hold that names exactly this, or None."""
        return next((n for n, of in self.standing.items() if of == about), None)


_NONE: Final = "no such hold"


def held_by(events: Iterable[tuple[str, JsonObject]]) -> Holding:
    """The holds that stand after (kind, plain) of these, in order; what makes no sense counts not.

    Of two that came together in another order (records without a number) the release wins
    nothing: it names a hold that was recorded before it was made.
    """
    holding = Holding()
    for kind, plain in events:
        holding.step(kind, plain)
    return holding
