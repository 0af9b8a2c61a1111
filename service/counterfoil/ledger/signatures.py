"""Receipts' signatures, checked beside the walk over the log: two thirds of the work are Ed25519.

Failures come back in the order in which the signatures were given, at `drain`, so that whoever
drains before each finding still names the first bad record first.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from counterfoil.core.checkpoint import VerifierKey
from counterfoil.ledger.keys import Verifier
from counterfoil.processes import die_with_parent

Signed: TypeAlias = "tuple[bytes, bytes, bytes]"
"""Public key, signature and message."""

_BATCH = 512
_AHEAD = 16  # batches in the hands of helpers, who are kept busy and never waited for


@dataclass(slots=True)
class _Batch:
    """What was given together, and the places of those that failed."""

    names: list[str]
    signed: list[Signed]
    future: Future[list[int]]


class Signatures:
    """Signatures of a log. Without helpers each is checked at `drain`, here."""

    def __init__(self, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool
        self._names: list[str] = []
        self._batch: list[Signed] = []
        self._out: deque[_Batch] = deque()
        self._failed: list[str] = []

    def add(self, name: str, signed: Signed) -> None:
        """Give one signature; `name` says whose it is."""
        self._names.append(name)
        self._batch.append(signed)
        if len(self._batch) >= _BATCH:
            self._send()

    def drain(self) -> list[str]:
        """The names of those that failed since the last time, in order.

        What helpers have not begun is done here, from the end, while they go on from the front:
        waiting for them would leave a processor idle at each place where a check can go on.
        """
        if self._batch:
            self._send()
        for batch in reversed(self._out):
            if batch.future.cancel():
                batch.future = _done(batch.signed)
        while self._out:
            self._take()
        failed, self._failed = self._failed, []
        return failed

    def _send(self) -> None:
        names, batch = self._names, self._batch
        self._names, self._batch = [], []
        while self._out and self._out[0].future.done():
            self._take()
        if self._pool is None or len(batch) < _BATCH or len(self._out) >= _AHEAD:
            future = _done(batch)  # they have enough to do: so do this one
        else:
            future = self._pool.submit(_failures, batch)
        self._out.append(_Batch(names, batch, future))

    def _take(self) -> None:
        batch = self._out.popleft()
        self._failed += [batch.names[place] for place in batch.future.result()]


@contextmanager
def helpers(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes that check signatures; None for a count of zero. They die with this one."""
    if count <= 0:
        yield None
        return
    context = multiprocessing.get_context("fork")  # of a command, before it has any thread
    end = partial(die_with_parent, os.getpid())
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=end)
    list(pool.map(abs, range(count)))  # forked now, while there is nothing of the ledger to copy
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _done(batch: list[Signed]) -> Future[list[int]]:
    """Checked here."""
    future: Future[list[int]] = Future()
    future.set_result(_failures(batch))
    return future


def _failures(batch: list[Signed]) -> list[int]:
    keys = {public: Verifier(VerifierKey("", public)) for public in {item[0] for item in batch}}
    return [
        place
        for place, (public, signature, message) in enumerate(batch)
        if not keys[public](signature, message)
    ]
