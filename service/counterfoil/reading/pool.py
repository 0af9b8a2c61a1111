"""The reader pool: reads commands in supervised children, and never fails its caller.

One pool a gunicorn worker, made after its fork. While one group is being read, waiting
commands collect and go together (`Grouper`); a second child takes over when the first is
slow, and a spare that has already started stands by for one that dies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from counterfoil.core.actions.contract import (
    DEFAULT_LIMITS,
    TOOL_FAMILY,
    Limits,
    tool_call,
    uncertain,
)
from counterfoil.core.model import Command, Interpretation, Registered, Resource, Snapshot
from counterfoil.grouping import Grouper
from counterfoil.reading.process import Item, ReaderLost, ReaderProcess
from counterfoil.reading.wire import WireError, pack_command, part

MAX_GROUP: Final = 16
PATIENCE_SECONDS: Final = 0.02
"""How long callers wait behind a slow group before the second child takes them."""
_MAX_BLAMELESS: Final = 3
"""How often a group goes to a fresh child when one died before it began."""

_FAILED: Final = "uncertain.reader_failed"
_TIMEOUT: Final = "uncertain.reader_timeout"


class Catalogues(Protocol):
    """What is known of registered resources."""

    def current(self, resource: Resource) -> Snapshot | None:
        """The catalogue to judge by now; None where there is none whose seal and age hold."""


class ReaderPool:
    """Implements `ports.Interpreter` with `children` processes and one spare.

    Args:
        children: how many groups may be read at once.
        limits: bounds on commands; tests raise them to see a parser die.
        catalogues: what is known of resources; None: nothing.
        dialects: whether SQL for MySQL and SQLite is read, too.
        registered: the resources that a command may name itself.
        monotonic: the clock that deadlines are readings of.
    """

    def __init__(
        self,
        children: int = 2,
        *,
        limits: Limits = DEFAULT_LIMITS,
        catalogues: Catalogues | None = None,
        dialects: bool = False,
        registered: Registered | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._catalogues = catalogues
        self._dialects = dialects
        self._registered = registered or Registered()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._closed = False
        # Belong to the lock. A child is in one of them, or in the hands of one caller.
        self._idle = [self._start() for _ in range(children)]
        self._spares = [self._start()]
        self._grouper: Grouper[Item, Interpretation] = Grouper(
            self._send,
            MAX_GROUP,
            flights=children,
            patience_seconds=PATIENCE_SECONDS,
            monotonic=monotonic,
        )

    def interpret(self, commands: Sequence[Command], *, deadline: float) -> list[Interpretation]:
        """Read each command. Never raises for any input: what fails is `uncertain`."""
        answers: dict[int, Interpretation] = {}
        items: list[Item] = []
        for index, command in enumerate(commands):
            if command.family == TOOL_FAMILY:
                answers[index] = tool_call(command)
                continue
            known = self._informed(command)
            try:
                items.append(Item(index, known, part(pack_command(known)), deadline))
            except WireError:
                answers[index] = uncertain("uncertain.too_deep", "the arguments")
        for item, answer in zip(items, self._grouper.call(items, deadline), strict=True):
            if isinstance(answer, Interpretation):
                answers[item.index] = answer
            else:
                code = _TIMEOUT if isinstance(answer, TimeoutError) else _FAILED
                answers[item.index] = uncertain(code)
        return [answers[index] for index in range(len(commands))]

    def _informed(self, command: Command) -> Command:
        """The command with what is known of its resource now."""
        if self._catalogues is None or command.resource is None:
            return command
        catalogue = self._catalogues.current(command.resource)
        return command if catalogue is None else replace(command, catalogue=catalogue)

    def pids(self) -> list[int]:
        """The process ids of the children that wait for work, the spare last."""
        with self._lock:
            return [child.pid for child in (*self._idle, *self._spares)]

    def close(self) -> None:
        """End all children. What is asked afterwards is `uncertain.reader_failed`."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._spares]
            self._idle, self._spares = [], []
        for child in children:
            child.close()

    def _send(self, items: list[Item]) -> list[Interpretation | Exception]:
        """Read one group. Where a child is lost, only the item at fault is in doubt.

        The others go again, to a fresh child.
        """
        answers: list[Interpretation | None] = [None] * len(items)
        left = list(range(len(items)))
        blameless = 0
        code = _FAILED
        while left and blameless < _MAX_BLAMELESS:
            group = [items[index] for index in left]
            deadline = max(item.deadline for item in group)
            if self._monotonic() >= deadline:
                code = _TIMEOUT
                break
            try:
                found = self._ask(group, deadline)
            except ReaderLost as lost:
                found, code = lost.answers, lost.code
                if lost.index is None:
                    blameless += 1
                elif lost.index < len(left):
                    answers[left[lost.index]] = uncertain(code)
            except OSError:  # no child can be started
                break
            for index, answer in zip(left, found, strict=False):
                answers[index] = answer
            left = [index for index in left if answers[index] is None]
        return [uncertain(code) if answer is None else answer for answer in answers]

    def _ask(self, group: list[Item], deadline: float) -> list[Interpretation]:
        child = self._take()
        sound = False
        try:
            found = child.ask(group, deadline=deadline)
            sound = True
        finally:
            # Also when this caller was killed in between: an answer that nobody waits for
            # must never be taken for the next group's.
            if sound:
                self._give_back(child)
            else:
                self._replace(child)
        return found

    def _take(self) -> ReaderProcess:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._closed:
                raise OSError("the pool is closed")
        return self._start()

    def _give_back(self, child: ReaderProcess) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(child)
                return
        child.close()

    def _replace(self, dead: ReaderProcess) -> None:
        """The spare steps in at once; then the next spare is started."""
        with self._lock:
            if self._spares:
                self._idle.append(self._spares.pop())
        dead.close()
        try:
            spare = self._start()
        except OSError:  # out of processes: `_take` tries again when one is needed
            return
        with self._lock:
            if not self._closed:
                self._spares.append(spare)
                return
        spare.close()

    def _start(self) -> ReaderProcess:
        return ReaderProcess(
            self._limits,
            self._monotonic,
            dialects=self._dialects,
            registered=self._registered,
        )
