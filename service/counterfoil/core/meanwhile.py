"""Work that needs no answer, done while one is awaited.

Whoever sends the question runs it between sending and waiting, so that it costs the caller
no time. Where nobody did (no question went out, or it failed before), `value` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Meanwhile(Generic[T]):
    """One piece of work, done once. It must not wait for anything itself.

    Calling it never raises the work's own errors: they are the caller's, not the sender's,
    who may be another request's greenlet.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._values: list[T] = []
        self._error: Exception | None = None

    def __call__(self) -> None:
        """Do it, unless it is done."""
        work, self._work = self._work, None
        if work is None:
            return
        try:
            self._values.append(work())
        except Exception as error:  # noqa: BLE001 -- raised where the value is asked for
            self._error = error

    def value(self) -> T:
        """What the work returned.

        Raises:
            Exception: what the work raised.
        """
        self()
        if self._error is not None:
            raise self._error
        return self._values[0]


def together(works: Iterable[Callable[[], None] | None]) -> Callable[[], None]:
    """What all callers of a group have to do while its answer is awaited."""
    found = [work for work in works if work is not None]

    def run() -> None:
        for work in found:
            work()

    return run
