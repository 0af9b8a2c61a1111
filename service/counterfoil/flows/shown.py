"""What a worker showed to whom: a view that is polled is recorded where it shows something new."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from counterfoil.core.model import Caller

MAX_REMEMBERED: Final = 65_536
"""Pairs of a person and a decision; the oldest are forgotten, and recorded again if shown again."""

_Pair: TypeAlias = tuple[str, str, str, str]


@dataclass(slots=True)
class Shown:
    """One per worker, for threads and greenlets alike."""

    _pairs: OrderedDict[_Pair, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self, caller: Caller, decisions: Iterable[str]) -> list[str]:
        """Those that were not shown to this person before."""
        with self._lock:
            return [name for name in decisions if _pair(caller, name) not in self._pairs]

    def note(self, caller: Caller, decisions: Iterable[str]) -> None:
        """They are recorded as shown."""
        with self._lock:
            for name in decisions:
                self._pairs[_pair(caller, name)] = None
            while len(self._pairs) > MAX_REMEMBERED:
                self._pairs.popitem(last=False)


def _pair(caller: Caller, decision: str) -> _Pair:
    return (caller.tenant, caller.subject.issuer, caller.subject.sub, decision)
