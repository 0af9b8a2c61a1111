"""Says in the log which rule refused a credential; the answer never does (rule 13).

Whoever sends rubbish must not fill the disk: so many lines a period, then only their number.
Thread safe; one per worker.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from counterfoil.errors import IdentityError

MAX_LINES: Final = 20
PERIOD_SECONDS: Final = 10.0
_log = logging.getLogger("counterfoil.identity")


class RefusalLog:
    """One line for each refused credential, within bounds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began = monotonic()  # guarded by _lock, like all below
        self._lines = 0
        self._unsaid = 0

    def note(self, error: IdentityError, request_id: str) -> None:
        """Write the rule and its reason, both ours: nothing of a token is in them."""
        with self._lock:
            unsaid = self._turn()
            say = self._lines < MAX_LINES
            self._lines += say
            self._unsaid += not say
        if unsaid:
            _log.warning("%d more credentials were refused without a line each", unsaid)
        if say:
            why = f": {error.detail}" if error.detail else ""
            _log.warning("request %s: refused by %s%s", request_id, error.rule or error.code, why)

    def _turn(self) -> int:
        """Begin a new period when the old one is over; what was not said in it."""
        now = self._monotonic()
        if now - self._began < PERIOD_SECONDS:
            return 0
        self._began, self._lines = now, 0
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid
