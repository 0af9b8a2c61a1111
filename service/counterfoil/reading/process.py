"""One reader child as the worker sees it: start, ask, kill."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.contract import Limits
from counterfoil.core.model import Command, Interpretation, Registered, Snapshot
from counterfoil.reading.framed import FramedChild
from counterfoil.reading.wire import (
    Packed,
    WireError,
    catalogue_frame,
    group_frame,
    held,
    registered_frame,
    unpack_interpretation,
)

ITEM_SECONDS: Final = 1.0
"""How long one command may take to read; the slowest of 362,335 mutated texts took 0.12 s."""
_NOTHING: Final = Registered()
NOT_BEGUN: Final = 255
"""On the progress page: the child has not begun the group; else the item it is at."""


@dataclass(frozen=True, slots=True)
class Item:
    """A command to read, encoded once; `deadline` is a reading of the monotonic clock."""

    index: int  # its place in the caller's list
    command: Command
    part: bytes
    deadline: float


class ReaderLost(Exception):
    """The child died or was too slow, and must be closed.

    `index` is the item it was reading, None where it had not begun: then no item is at
    fault. `answers` are those of the first items that had come back.
    """

    def __init__(self, code: str, index: int | None, answers: list[Interpretation]) -> None:
        super().__init__(code)
        self.code = code
        self.index = index
        self.answers = answers


class ReaderProcess:
    """A child process with its socket. Used by one caller at a time."""

    def __init__(
        self,
        limits: Limits,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        dialects: bool = False,
        registered: Registered = _NOTHING,
    ) -> None:
        self._catalogues: dict[str, Snapshot] = {}
        self._registered = registered
        self._told = not registered.resources
        page = os.memfd_create("counterfoil-progress")
        try:
            os.ftruncate(page, mmap.PAGESIZE)
            self._progress = mmap.mmap(page, mmap.PAGESIZE)
            self._progress[0] = NOT_BEGUN
            self._child = FramedChild(
                "counterfoil.reading.child",
                descriptors=(page,),
                options=(
                    f"--sql-bytes={limits.sql_bytes}",
                    f"--manifest-bytes={limits.manifest_bytes}",
                    *(("--dialects",) if dialects else ()),
                ),
                monotonic=monotonic,
            )
        finally:
            os.close(page)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def ask(self, items: Sequence[Item], *, deadline: float) -> list[Interpretation]:
        """Have the items' commands read; order and number are kept.

        Raises:
            ReaderLost: the child died, an item took longer than `ITEM_SECONDS`, or
                `deadline` passed.
        """
        answers: list[Interpretation] = []
        try:
            self._child.wait_ready(deadline)
            self._progress[0] = NOT_BEGUN
            self._hand_over(items)
            self._child.send(group_frame([item.part for item in items]), seconds=ITEM_SECONDS)
            while len(answers) < len(items):
                for group in self._child.receive(ITEM_SECONDS, deadline):
                    self._unpack(items, group, answers)
        except TimeoutError as error:
            raise self._lost("uncertain.reader_timeout", answers) from error
        except (OSError, WireError) as error:
            raise self._lost("uncertain.reader_failed", answers) from error
        return answers

    def _hand_over(self, items: Sequence[Item]) -> None:
        """Send what is registered, once, and the catalogues that the child does not hold.

        Each catalogue may push another out.
        """
        if not self._told:
            self._child.send(registered_frame(self._registered), seconds=ITEM_SECONDS)
            self._told = True
        needed = {
            item.command.catalogue.digest: item.command.catalogue
            for item in items
            if item.command.catalogue is not None
        }
        while missing := needed.keys() - self._catalogues.keys():
            for digest in sorted(missing):
                self._child.send(catalogue_frame(needed[digest]), seconds=ITEM_SECONDS)
                held(self._catalogues, needed[digest])

    def _unpack(self, items: Sequence[Item], group: Packed, answers: list[Interpretation]) -> None:
        if not group or len(answers) + len(group) > len(items):
            raise WireError("not as many answers as commands")
        for packed in group:
            answers.append(
                unpack_interpretation(items[len(answers)].command, packed, self._registered)
            )

    def _lost(self, code: str, answers: list[Interpretation]) -> ReaderLost:
        begun = self._progress[0]
        return ReaderLost(code, None if begun == NOT_BEGUN else max(begun, len(answers)), answers)

    def close(self) -> None:
        """End the child at once and reap it. May be called again."""
        self._child.close()
        self._progress.close()
