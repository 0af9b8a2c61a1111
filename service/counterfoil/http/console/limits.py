"""How often somebody may do a thing at one worker: a bucket each, filled anew within a minute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from counterfoil.errors import TooManyRequests

MAX_KEPT: Final = 8_192
_MINUTE_SECONDS: Final = 60.0


class RateLimit:
    """At most `per_minute` at once, and so many a minute after that. Thread safe."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._most, self._monotonic = float(per_minute), monotonic
        self._lock = threading.Lock()
        self._left: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def take(self, who: tuple[str, ...]) -> None:
        """Count one.

        Raises:
            TooManyRequests: it would be one too many.
        """
        now = self._monotonic()
        with self._lock:
            left, at = self._left.pop(who, (self._most, now))
            left = min(self._most, left + (now - at) * self._most / _MINUTE_SECONDS)
            self._left[who] = (max(left - 1.0, 0.0) if left >= 1.0 else left, now)
            if len(self._left) > MAX_KEPT:
                self._left.popitem(last=False)
        if left < 1.0:
            raise TooManyRequests
