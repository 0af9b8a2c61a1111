"""One call in flight, the rest collects: grouping for the policy, ledger and reader adapters.

A caller that finds the line idle sends at once, so a lone request loses nothing. Callers
that come while a call is out wait, and the next call takes them together. There is no
background thread: the caller whose turn it is sends for those behind it, and passes the
turn on as soon as its own items are answered (leader and followers).

Only plain `threading` locks are used, so it works alike under threads and under gevent.
Never share a `Grouper` across `fork`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


_LONELY_CALLS = 64
"""So many calls in a row without company, and nobody is waited for until somebody comes."""


class GroupLost(RuntimeError):
    """The caller that sent this item for the group died before its answer came."""


@dataclass(slots=True, eq=False)
class _Ticket(Generic[T, R]):
    """One call: its answers by position, and the gate its caller waits at.

    Everything but `gate` belongs to the grouper's lock; `awake` says that the gate was
    opened and not yet passed, so that it is never opened twice.
    """

    answers: list[R | Exception]
    left: int
    gate: threading.Lock | None = None
    awake: bool = False
    promoted: bool = False
    queued: int = 0


@dataclass(slots=True, eq=False)
class _Entry(Generic[T, R]):
    """One item in the queue; it knows whose it is and where its answer goes."""

    item: T
    key: Hashable
    ticket: _Ticket[T, R]
    position: int


class Grouper(Generic[T, R]):
    """Sends items of many callers in groups, and gives each caller its own answers.

    Args:
        send: sends 1 to `max_items` items of one key and returns as many answers in the
            same order; an answer may be an exception *value*, one object an item. It must
            be bounded by the earliest deadline of its items. What it raises reaches the
            caller that was sending; the others in its group get `GroupLost`.
        max_items: the largest group.
        key: items of different keys never share a group (the policy part: tenants).
        flights: how many calls may be out at once; more than one only after patience.
        patience_seconds: how long a caller waits behind a slow call before it starts
            another, where `flights` allows.
        monotonic: the clock that deadlines are readings of.
    """

    def __init__(
        self,
        send: Callable[[list[T]], list[R | Exception]],
        max_items: int,
        key: Callable[[T], Hashable] | None = None,
        *,
        flights: int = 1,
        patience_seconds: float = 0.02,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._max_items = max_items
        self._key = key
        self._flights = flights
        self._patience_seconds = patience_seconds if flights > 1 else float("inf")
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._queue: deque[_Entry[T, R]] = deque()
        self._flying = 0
        self._company = _LONELY_CALLS  # counts down while calls go out alone

    def call(self, items: Sequence[T], deadline: float) -> list[R | Exception]:
        """Send `items` and return their answers, in order and number.

        An item that is not answered by `deadline` gets a `TimeoutError`; it may have been
        sent, and its answer is then thrown away, never given to another.
        """
        if not items:
            return []
        ticket: _Ticket[T, R] = _Ticket([TimeoutError() for _ in items], len(items))
        key = self._key
        with self._lock:
            for position, item in enumerate(items):
                entry = _Entry(item, key(item) if key else None, ticket, position)
                self._queue.append(entry)
            ticket.queued = len(items)
            leads = self._flying == 0
            if leads:
                self._flying = 1
                self._company = max(0, self._company - 1)
            else:
                self._company = _LONELY_CALLS
        try:
            if leads:
                self._lead(ticket, deadline)
            while ticket.left and self._wait(ticket, deadline):
                self._lead(ticket, deadline)
        finally:
            # Killed while waiting, or answered by another flight after it got the turn:
            # nobody may be left behind a leader that is gone.
            if ticket.left or ticket.promoted:
                with self._lock:
                    self._leave(ticket)
        return ticket.answers

    def _wait(self, ticket: _Ticket[T, R], deadline: float) -> bool:
        """Wait for answers. True: this caller has become a leader. False: finished."""
        with self._lock:
            if not ticket.left:
                return False
            if self._takes_turn(ticket, waited=False):
                return True
            gate = ticket.gate = threading.Lock()
            gate.acquire()
            ticket.awake = False
        patience = self._monotonic() + self._patience_seconds
        while True:
            until = min(deadline, patience)
            passed = gate.acquire(timeout=max(0.0, until - self._monotonic()))
            with self._lock:
                if ticket.awake and not passed:  # opened between the time-out and our lock
                    gate.acquire()
                ticket.awake = False
                if not ticket.left:
                    return False
                if self._monotonic() >= deadline:
                    self._leave(ticket)
                    return False
                if self._takes_turn(ticket, waited=not passed):
                    return True
                patience = self._monotonic() + self._patience_seconds

    def _takes_turn(self, ticket: _Ticket[T, R], *, waited: bool) -> bool:
        if ticket.promoted:
            ticket.promoted = False
            return True
        if waited and ticket.queued and self._flying < self._flights:
            self._flying += 1
            return True
        return False

    def _leave(self, ticket: _Ticket[T, R]) -> None:
        """Take a late caller's items out of the queue; pass its turn on if it had one."""
        ticket.left = 0
        if ticket.queued:
            self._queue = deque(entry for entry in self._queue if entry.ticket is not ticket)
            ticket.queued = 0
        if ticket.promoted:
            ticket.promoted = False
            self._pass_on()

    def _lead(self, ticket: _Ticket[T, R], deadline: float) -> None:
        """Send groups until this caller's own items have left the queue; pass the turn on."""
        try:
            # Others that can run do so first and join this group. With one caller there is
            # never anybody, and looking costs a turn of the event loop.
            if self._company:
                time.sleep(0)
            while True:
                with self._lock:
                    if not ticket.queued:
                        return
                    if self._monotonic() >= deadline:
                        self._leave(ticket)
                        return
                    group = self._take(ticket)
                self._fly(group)
        finally:
            with self._lock:
                if ticket.queued:  # the sender raised: its other items go with it
                    self._leave(ticket)
                self._pass_on()

    def _take(self, ticket: _Ticket[T, R]) -> list[_Entry[T, R]]:
        """The leader's own items first, then others' of the same key in their order."""
        queue = self._queue
        key = next(entry.key for entry in queue if entry.ticket is ticket)
        same = [entry for entry in queue if entry.key == key]
        if len(same) > self._max_items:
            same.sort(key=lambda entry: entry.ticket is not ticket)  # stable
            del same[self._max_items :]
        if len(same) == len(queue):
            queue.clear()
        else:
            taken = set(map(id, same))
            self._queue = deque(entry for entry in queue if id(entry) not in taken)
        for entry in same:
            entry.ticket.queued -= 1
        return same

    def _fly(self, group: list[_Entry[T, R]]) -> None:
        answers: list[R | Exception] = []
        try:
            answers = self._send([entry.item for entry in group])
        finally:
            # Also when the sender was killed: its followers must not wait for ever, and a
            # wrong number of answers must never shift one person's answer to another.
            if len(answers) != len(group):
                answers = [GroupLost() for _ in group]
            with self._lock:
                for entry, answer in zip(group, answers, strict=True):
                    self._deliver(entry, answer)

    def _deliver(self, entry: _Entry[T, R], answer: R | Exception) -> None:
        ticket = entry.ticket
        if not ticket.left:  # its caller has left
            return
        ticket.answers[entry.position] = answer
        ticket.left -= 1
        if not ticket.left:
            self._wake(ticket)

    def _pass_on(self) -> None:
        """Give the turn to the caller at the head of the queue, or leave the line idle."""
        for entry in self._queue:
            ticket = entry.ticket
            if not ticket.promoted:
                ticket.promoted = True
                self._wake(ticket)
                return
        self._flying -= 1

    @staticmethod
    def _wake(ticket: _Ticket[T, R]) -> None:
        if ticket.gate is not None and not ticket.awake:
            ticket.awake = True
            ticket.gate.release()
