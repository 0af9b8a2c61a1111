"""Reading where durable things stand, and waiting for a change (`ports.States`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from counterfoil.ledger import states
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from counterfoil.ports import Clock, StoredState

MAX_WAITERS: Final = 256  # of one worker; one more is answered at once and may ask again
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.25


class StateReader:
    """One per worker, for threads and greenlets alike.

    No event crosses from the writer's process to a waiter, so a waiter asks SQLite whether
    anything was committed (`PRAGMA data_version`, 5 µs) and looks at its row only then. The
    pause between is cooperative: a waiter holds its connection and nothing else.
    """

    def __init__(self, reader: Reader, master: Master, clock: Clock) -> None:
        self._reader, self._master, self._clock = reader, master, clock
        self._stopping = threading.Event()
        self._waiters = 0
        self._lock = threading.Lock()  # owns `_waiters`

    def state(self, tenant: str, kind: str, key: str) -> StoredState | None:
        """Where the thing stands, None where there is none.

        Raises:
            LedgerUnavailable, LedgerCorrupt: the file cannot be read.
        """
        found = self._reader.states(states.ONE, tenant, kind, key)
        return found[0] if found else None

    def open_states(
        self, tenant: str, kind: str, *, name: str | None = None, owner: str | None = None
    ) -> list[StoredState]:
        """Things that are open: of the tenant, or of that name, or of that owner.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `state`.
        """
        if name is not None:
            hashed = self._master.state_name(name)
            return self._reader.states(states.OPEN_BY_NAME, tenant, kind, hashed)
        if owner is not None:
            hashed = self._master.state_name(owner)
            return self._reader.states(states.OPEN_BY_OWNER, tenant, kind, hashed)
        return self._reader.states(states.OPEN, tenant, kind)

    def owned_states(self, tenant: str, kind: str, owner: str) -> list[StoredState]:
        """The newest things of an owner, open or not.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `state`.
        """
        return self._reader.states(states.OWNED, tenant, kind, self._master.state_name(owner))

    def open_since(self, tenant: str, kind: str, *, expires_after: float) -> list[StoredState]:
        """Open things of a kind that expire after a moment (`ports_issuers.OpenStates`).

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `state`.
        """
        return self._reader.states(states.OPEN_SINCE, tenant, kind, repr(expires_after))

    def version(self) -> object:
        """Differs from an earlier one after any commit.

        Raises:
            LedgerUnavailable: as `state`.
        """
        return self._reader.version()

    def wait_for_commit(self, version: object, *, deadline: float) -> bool:
        """Return at a commit after `version`, or the deadline (`ports_issuers.OpenStates`).

        It looks once in `_LONGEST_PAUSE_SECONDS`: who waits reads many rows when it returns.

        Raises:
            LedgerUnavailable: as `state`.
        """
        with self._waiting() as admitted:
            while admitted and not self._stopping.is_set():
                left = deadline - self._clock.monotonic()
                if left <= 0 or self._reader.version() != version:
                    return True
                self._stopping.wait(min(_LONGEST_PAUSE_SECONDS, left))
        return False

    def wait_for_state(
        self, tenant: str, kind: str, key: str, *, version: int, deadline: float
    ) -> None:
        """Return when the thing's version is another one, at the deadline, or at a stop.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `state`.
        """
        with self._waiting() as admitted:
            if admitted:
                self._wait(tenant, kind, key, version, deadline)

    @contextmanager
    def _waiting(self) -> Iterator[bool]:
        """Be one of those who wait; False where there are too many."""
        with self._lock:
            admitted = self._waiters < MAX_WAITERS
            self._waiters += admitted
        try:
            yield admitted
        finally:
            with self._lock:
                self._waiters -= admitted

    def stop_waiting(self) -> None:
        """End all waits now: the process is asked to stop."""
        self._stopping.set()

    def _wait(self, tenant: str, kind: str, key: str, version: int, deadline: float) -> None:
        pause, seen = _FIRST_PAUSE_SECONDS, self._reader.version()
        while True:
            found = self.state(tenant, kind, key)
            if found is None or found.version != version:
                return
            while (now := self._reader.version()) == seen:
                left = deadline - self._clock.monotonic()
                if left <= 0 or self._stopping.wait(min(pause, left)):
                    return
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            seen = now
