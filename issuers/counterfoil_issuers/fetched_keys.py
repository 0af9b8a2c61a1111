"""The service's keys from its `jwks_uri`, kept in a file beside the state.

A request waits for a fetch only where it names an unknown key, or the keys have grown old, and
then a bounded time, at most once per `COOL_DOWN_SECONDS` whoever asks: nobody can have the
service asked for keys by sending requests with made-up names. While the service is down the
last good keys stay, for a day.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.identity.jwks import KeyFile, KeySet, MalformedKeySet, read_key_set
from counterfoil.identity.published import MAX_STALE_SECONDS

COOL_DOWN_SECONDS: Final = 5.0
REFRESH_SECONDS: Final = 300.0
_log = logging.getLogger(__name__)


class KeysNotFetched(Exception):
    """No complete answer came in time."""


class FetchedKeys(KeyFile):
    """As `KeyFile`, of a file that this object renews. Thread safe.

    Args:
        path: where they are kept.
        fetch: fetches the bytes of the set, in bounded time; raises `KeysNotFetched`.
    """

    def __init__(self, path: Path, fetch: Callable[[], bytes]) -> None:
        super().__init__(path, max_age_seconds=MAX_STALE_SECONDS)
        self._kept, self._fetch = path, fetch
        self._asking = threading.Lock()
        self._asked_at: float | None = None  # guarded by _asking

    def current(self, now: float) -> KeySet:
        """The keys, renewed first where they are missing or old."""
        try:
            old = now - self._kept.stat().st_mtime > REFRESH_SECONDS
        except OSError:
            old = True
        if old:
            self._renew(now)
        return super().current(now)

    def renewed(self, now: float) -> KeySet:
        """The keys, fetched now unless that was tried just before."""
        self._renew(now)
        return super().current(now)

    def _renew(self, now: float) -> None:
        with self._asking:
            asked_at = self._asked_at
            if asked_at is not None and 0 <= now - asked_at < COOL_DOWN_SECONDS:
                return
            self._asked_at = now
            try:
                data = self._fetch()
                read_key_set(data)
                fresh = self._kept.with_suffix(".new")
                fresh.write_bytes(data)
                os.utime(fresh, (now, now))  # its age is counted by the same clock
                fresh.replace(self._kept)
            except (KeysNotFetched, MalformedKeySet, OSError) as error:
                _log.warning("the service's keys could not be renewed: %s", error)
                return
        self.look(now)
