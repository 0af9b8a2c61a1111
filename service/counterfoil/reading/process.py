"""One reader child as the worker sees it: start, ask, kill."""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.core.actions.contract import Limits
from counterfoil.core.model import Command, Interpretation, Snapshot
from counterfoil.reading.wire import (
    Frames,
    Packed,
    WireError,
    catalogue_frame,
    group_frame,
    held,
    unpack_interpretation,
)

ITEM_SECONDS: Final = 1.0
"""How long one command may take to read; the slowest of 362,335 mutated texts took 0.12 s."""
START_SECONDS: Final = 10.0
"""How long a child may take to start; usually 0.06 s, more on a machine that is overrun."""
NOT_BEGUN: Final = 255
"""On the progress page: the child has not begun the group; else the item it is at."""
_READ_BYTES = 65_536


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

    def __init__(self, limits: Limits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ready = False
        self._timeout = 0.0
        self._frames = Frames()
        self._catalogues: dict[str, Snapshot] = {}
        page = os.memfd_create("counterfoil-progress")
        ours, theirs = socket.socketpair()
        try:
            os.ftruncate(page, mmap.PAGESIZE)
            self._progress = mmap.mmap(page, mmap.PAGESIZE)
            self._progress[0] = NOT_BEGUN
            self._process = subprocess.Popen(
                _arguments(theirs.fileno(), page, limits),
                pass_fds=(theirs.fileno(), page),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8"},  # nothing of the service's environment
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(page)
        self._socket = ours

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def ask(self, items: Sequence[Item], *, deadline: float) -> list[Interpretation]:
        """Have the items' commands read; order and number are kept.

        Raises:
            ReaderLost: the child died, an item took longer than `ITEM_SECONDS`, or
                `deadline` passed.
        """
        answers: list[Interpretation] = []
        try:
            self._wait_ready(deadline)
            self._progress[0] = NOT_BEGUN
            self._bound(ITEM_SECONDS)
            self._hand_over(items)
            self._socket.sendall(group_frame([item.part for item in items]))
            while len(answers) < len(items):
                for group in self._receive(ITEM_SECONDS, deadline):
                    self._unpack(items, group, answers)
        except TimeoutError as error:
            raise self._lost("uncertain.reader_timeout", answers) from error
        except (OSError, WireError) as error:
            raise self._lost("uncertain.reader_failed", answers) from error
        return answers

    def _hand_over(self, items: Sequence[Item]) -> None:
        """Send the catalogues that the child does not hold; each may push another out."""
        needed = {
            item.command.catalogue.digest: item.command.catalogue
            for item in items
            if item.command.catalogue is not None
        }
        while missing := needed.keys() - self._catalogues.keys():
            for digest in sorted(missing):
                self._socket.sendall(catalogue_frame(needed[digest]))
                held(self._catalogues, needed[digest])

    @staticmethod
    def _unpack(items: Sequence[Item], group: Packed, answers: list[Interpretation]) -> None:
        if not group or len(answers) + len(group) > len(items):
            raise WireError("not as many answers as commands")
        for packed in group:
            answers.append(unpack_interpretation(items[len(answers)].command, packed))

    def _wait_ready(self, deadline: float) -> None:
        while not self._ready:
            for group in self._receive(START_SECONDS, deadline):
                if group:
                    raise WireError("an answer to nothing")
                self._ready = True

    def _receive(self, seconds: float, deadline: float) -> list[Packed]:
        left = deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        self._bound(min(seconds, left))
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise WireError("the child ended")
        return list(self._frames.feed(data))

    def _bound(self, seconds: float) -> None:
        if seconds != self._timeout:  # each call is a system call
            self._timeout = seconds
            self._socket.settimeout(seconds)

    def _lost(self, code: str, answers: list[Interpretation]) -> ReaderLost:
        begun = self._progress[0]
        return ReaderLost(code, None if begun == NOT_BEGUN else max(begun, len(answers)), answers)

    def close(self) -> None:
        """End the child at once and reap it. May be called again."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._progress.close()


def _arguments(descriptor: int, page: int, limits: Limits) -> list[str]:
    arguments = [
        *(sys.executable, "-I", "-m", "counterfoil.reading.child", str(descriptor), str(page)),
        f"--sql-bytes={limits.sql_bytes}",
        f"--manifest-bytes={limits.manifest_bytes}",
    ]
    # The kernel's signal fires when the *thread* that forked ends (prctl(2)): ask for it
    # only from the main thread. Elsewhere the closed socket ends the child.
    if threading.get_native_id() == os.getpid():
        arguments.append(f"--die-with={os.getpid()}")
    return arguments
