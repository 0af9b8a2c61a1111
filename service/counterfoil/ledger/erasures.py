"""Which data keys were erased and what retention dropped, as one process knows it.

The truth is the events of one trail, each checked against its receipt. A missing key without
such an event is no erasure, and reading what it sealed is refused as damage.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final, Protocol, TypeAlias

from counterfoil.core.model import JsonObject
from counterfoil.core.privacy import ERASED, ERASURES
from counterfoil.core.retention import DROPS, Drops, read_dropped
from counterfoil.errors import LedgerError

WATCH_SECONDS: Final = 1.0
"""How long an erased person's key may lie open in a worker: the bound that is promised."""


class _Entry(Protocol):
    """`reader.Marked`, as far as it is read here."""

    @property
    def seq(self) -> int:
        """Its number."""

    @property
    def tenant(self) -> str:
        """In whose log."""

    @property
    def kind(self) -> str:
        """Which event."""

    @property
    def plain(self) -> JsonObject:
        """What it says."""


class _Marks(Protocol):
    """`reader.Reader`, as far as it is asked here."""

    def marked(self, trail: str, *, after: int) -> Iterable[_Entry]:
        """The next numbered entries of a trail."""

    def unnumbered(self, trail: str) -> Iterable[_Entry]:
        """Those that wait for their number."""


_LAST_LOOK_SECONDS: Final = 5.0  # a query has one at most; usually it sleeps

Listener: TypeAlias = Callable[[AbstractSet[str] | None], None]
"""Is told which keys were erased; None: nobody knows, so all that is open must go."""


class Erasures:
    """One per process, for threads and greenlets alike."""

    def __init__(self, marks: _Marks) -> None:
        self._marks = marks
        self._lock = threading.Lock()  # owns all below
        self._keys: set[str] = set()
        self._seen = 0
        self.listeners: list[Listener] = []  # filled before the first look

    def holds(self, key: str) -> bool:
        """Whether this data key was erased.

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """
        if key not in self._keys:
            self.look()
        return key in self._keys

    def look(self) -> None:
        """Read what came since, and tell of it.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `holds`.
        """
        with self._lock:
            # First those without a number: one that gets it in between is not missed.
            fresh = _keys(self._marks.unnumbered(ERASURES))
            while found := list(self._marks.marked(ERASURES, after=self._seen)):
                fresh |= _keys(found)
                self._seen = found[-1].seq
            fresh -= self._keys
            self._keys |= fresh
        if fresh:
            self.tell(fresh)

    def tell(self, keys: AbstractSet[str] | None) -> None:
        """Tell everybody who keeps what these keys open."""
        for listener in self.listeners:
            listener(keys)


class ErasureWatch:
    """Looks once a second, from the first key that this process opens until `close`."""

    def __init__(self, erasures: Erasures) -> None:
        self._erasures = erasures
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # owns `_thread`

    def begin(self) -> None:
        """Start, once."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End it, before what it reads by is closed: a look would open that again."""
        with self._lock:
            self._closed.set()
            thread = self._thread
        if thread is not None:
            thread.join(_LAST_LOOK_SECONDS)

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            try:
                self._erasures.look()
            except LedgerError:
                self._erasures.tell(None)


class KnownDrops:
    """What retention dropped, as one process knows it."""

    def __init__(self, marks: _Marks) -> None:
        self._marks = marks
        self._lock = threading.Lock()  # owns both below
        self._by_tenant: dict[str, Drops] = {}
        self._seen = 0

    def of(self, tenant: str) -> Drops:
        """All ranges of a tenant's log, as of now.

        Raises:
            LedgerUnavailable, LedgerCorrupt: it cannot be read.
        """
        with self._lock:
            self._learn(self._marks.unnumbered(DROPS))
            while found := list(self._marks.marked(DROPS, after=self._seen)):
                self._learn(found)
                self._seen = found[-1].seq
            return self._by_tenant.setdefault(tenant, Drops())

    def covers(self, tenant: str, index: int | None) -> bool:
        """Whether the payload at a place was dropped.

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """
        known = self._by_tenant.get(tenant, Drops())
        return index is not None and bool(known.of(index) or self.of(tenant).of(index))

    def _learn(self, entries: Iterable[_Entry]) -> None:
        for entry in entries:
            leaf: JsonObject = {
                "event": entry.kind,
                "decision_id": DROPS,
                "plain": entry.plain,
            }
            dropped = read_dropped(leaf)
            if dropped is not None:
                self._by_tenant.setdefault(entry.tenant, Drops()).add(dropped)


def _keys(entries: Iterable[_Entry]) -> set[str]:
    return {str(entry.plain.get("key")) for entry in entries if entry.kind == ERASED}
