"""The lifecycle rules over a whole log, in bounded memory: recent trails are remembered.

What follows in a trail mostly follows soon. A trail that was forgotten is read back up to this
place by the index of the ledger. So is one that may have been met before; that it was not is
known for most by a Bloom filter, which never says so of one that was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress

from counterfoil.core.lifecycle import KINDS, Spending, Trail, allows
from counterfoil.core.lifecycle_templates import Answering, uses
from counterfoil.core.model import JsonObject
from counterfoil.core.privacy import HOLDS, Holding, erased_key
from counterfoil.core.retention import DROPPED, read_dropped, too_soon
from counterfoil.core.times import seconds_of

Earlier = Callable[[str, int], Iterable[JsonObject]]
"""(trail, index) → the leaves of a trail before an index, in order."""

MAX_TRAILS = 20_000
_BITS = 1 << 26  # 8 MiB: of a million trails one in a thousand is read back in vain
SKEW_SECONDS = 5.0
"""How far a record's clock may run behind an earlier one's: writers wait in line for less."""


class Stories:
    """One log's rules; `step` takes its leaves in order.

    Args:
        earlier: reads a trail back.
        whole: whether `step` is given every leaf from the first one on.
    """

    def __init__(self, earlier: Earlier, *, whole: bool = False) -> None:
        self._earlier = earlier
        self._met = _Met() if whole else None
        self._trails: OrderedDict[str, Trail] = OrderedDict()
        self._spending = Spending()
        self._answering = Answering()
        self._holding = Holding()
        self._latest = ""

    def step(self, index: int, leaf: JsonObject) -> str | None:
        """Take a leaf that fits the published schema; what is wrong with it, or None."""
        problem = None
        name = leaf["decision_id"]
        if leaf["event"] in KINDS:
            problem = "the event belongs to no trail"
            if isinstance(name, str):
                problem = self._trail(name, index).step(leaf)
        return (
            problem or self._kept(leaf) or self._spent(leaf, index) or self._answered(leaf, index)
        )

    def skipped(self) -> None:
        """A leaf is not given to `step`: from here on every trail is read back."""
        self._met = None

    def _kept(self, leaf: JsonObject) -> str | None:
        """Rules 8 to 10 of `core/lifecycle.py`."""
        if leaf["decision_id"] == HOLDS and isinstance(leaf["plain"], dict):
            return self._holding.step(str(leaf["event"]), leaf["plain"])
        key = erased_key(leaf)
        if key is not None and self._holding.over(key) is not None:
            return "a person was erased under a legal hold"
        return self._aged(leaf) if leaf["event"] == DROPPED else None

    def _aged(self, leaf: JsonObject) -> str | None:
        dropped = read_dropped(leaf)
        with suppress(ValueError):
            if dropped is None:
                return "a drop that names no range"
            if too_soon(dropped, str(leaf["time"])):
                return "payloads were dropped that are younger than six months"
            if self._holding.named(None) is not None:
                return "payloads were dropped under a legal hold"
            return None
        return "a drop that names no time"

    @property
    def whole(self) -> bool:
        """Whether nothing is open here: what comes next can be judged without what was."""
        due = self._spending.due or self._answering.due
        return not due and not self._holding.standing

    def _spent(self, leaf: JsonObject, index: int) -> str | None:
        problem = self._spending.step(leaf)
        plain = leaf["plain"]
        if problem is None or not isinstance(plain, dict):
            return problem
        # Its other half may lie before the place where this check began.
        granting = self._earlier(str(plain.get("granting_decision")), index)
        return None if any(allows(item, plain.get("approval")) for item in granting) else problem

    def _answered(self, leaf: JsonObject, index: int) -> str | None:
        """Rule 13, which joins two trails."""
        problem = self._answering.step(leaf)
        plain = leaf["plain"]
        if problem is None or not isinstance(plain, dict):
            return problem
        giving = self._earlier(str(plain.get("template_of")), index)
        return None if any(uses(item, plain) for item in giving) else problem

    def unanswered(self) -> list[str]:
        """At the end: the event of every use of a template that answered nothing."""
        return list(self._answering.due.values())

    def unspent(self) -> list[tuple[str, str]]:
        """At the end: (event id, approval) of every allow whose approval was never spent."""
        return [(event, pair[0]) for pair, event in self._spending.due.items()]

    def skew_seconds(self, leaf: JsonObject) -> float:
        """How far this record's time lies behind the latest before it, where that is much."""
        time = str(leaf["time"])
        if time >= self._latest:
            self._latest = time
            return 0.0
        try:
            behind = seconds_of(self._latest) - seconds_of(time)
        except ValueError:  # a 30th of February fits the schema's pattern
            return SKEW_SECONDS
        return behind if behind > SKEW_SECONDS else 0.0

    def _trail(self, name: str, index: int) -> Trail:
        trail = self._trails.get(name)
        if trail is not None:
            self._trails.move_to_end(name)
            return trail
        trail = Trail()
        if self._met is None or self._met.perhaps(name):
            for leaf in self._earlier(name, index):
                if leaf["event"] in KINDS:
                    trail.step(leaf)
        self._trails[name] = trail
        if len(self._trails) > MAX_TRAILS:
            self._trails.popitem(last=False)
        return trail


class _Met:
    """Names that were met: a Bloom filter of two bits each, by the keyed hash of Python."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def perhaps(self, name: str) -> bool:
        """Whether it may have been met before; it is from now on."""
        hashed, known = hash(name), True
        for place in (hashed % _BITS, (hashed >> 32) % _BITS):
            bit = 1 << (place & 7)
            known = known and bool(self._bits[place >> 3] & bit)
            self._bits[place >> 3] |= bit
        return known
