"""Waiting that gives way to a cancellation, whoever cancels and from whichever thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Token(Protocol):
    """What the frameworks' cancellation tokens have in common."""

    def is_cancelled(self) -> bool:
        """Whether it was cancelled."""
        ...

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Call back when it is cancelled, at once if it already is."""
        ...


class CancelledRunError(Exception):
    """The run was cancelled while we waited."""


class Cancel:
    """A cancellation token as a future of the running loop."""

    def __init__(self, token: Token | None) -> None:
        loop = asyncio.get_running_loop()
        self._set: asyncio.Future[None] = loop.create_future()
        if token is not None:
            # the token calls back under its own lock, maybe from another thread
            token.add_callback(partial(_call_soon, loop, self._mark))
            if token.is_cancelled():
                self._mark()
        self._token = token

    def _mark(self) -> None:
        if not self._set.done():
            self._set.set_result(None)

    @property
    def is_set(self) -> bool:
        """Whether the run was cancelled."""
        return self._set.done() or (self._token is not None and self._token.is_cancelled())

    async def first(self, task: asyncio.Future[T]) -> bool:
        """Wait for the task or the cancellation; True if the task is done.

        Raises:
            asyncio.CancelledError: the waiting itself was cancelled.
        """
        both: set[asyncio.Future[Any]] = {task, self._set}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return task.done()

    async def race(self, work: Awaitable[T]) -> T:
        """Return what `work` gives, unless the run is cancelled first.

        Raises:
            CancelledRunError: it was; the work is cancelled too.
        """
        task = asyncio.ensure_future(work)
        try:
            if self.is_set or not await self.first(task):
                raise CancelledRunError
            return task.result()
        finally:
            task.cancel()

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless the run is cancelled first.

        Raises:
            CancelledRunError: it was.
        """
        await asyncio.wait({self._set}, timeout=seconds)
        if self.is_set:
            raise CancelledRunError


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():  # a token can outlive the loop it was used on
        loop.call_soon_threadsafe(callback)
