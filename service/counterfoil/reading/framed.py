"""A child process that is spoken with in frames over its own socket: start, send, receive, kill.

What all children of `reading/` share. Used by one caller at a time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from counterfoil.reading.wire import Frames, Packed, WireError

START_SECONDS: Final = 10.0
"""How long a child may take to start; usually 0.1 s, more on a machine that is overrun."""
_READ_BYTES = 65_536


class FramedChild:
    """`python -m <module> <socket> [<descriptors>] [<options>]` and the socket to it."""

    def __init__(
        self,
        module: str,
        *,
        descriptors: Sequence[int] = (),
        options: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._ready = False
        self._timeout = 0.0
        self._frames = Frames()
        ours, theirs = socket.socketpair()
        fds = (theirs.fileno(), *descriptors)
        arguments = [sys.executable, "-I", "-m", module, *map(str, fds), *options]
        # The kernel's signal fires when the *thread* that forked ends (prctl(2)): ask for it
        # only from the main thread. Elsewhere the closed socket ends the child.
        if threading.get_native_id() == os.getpid():
            arguments.append(f"--die-with={os.getpid()}")
        try:
            self._process = subprocess.Popen(
                arguments,
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8"},  # nothing of the service's environment
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def send(self, data: bytes, *, seconds: float) -> None:
        """Send a whole frame.

        Raises:
            TimeoutError: not taken in time.
            OSError: the child is gone.
        """
        self._bound(seconds)
        self._socket.sendall(data)

    def wait_ready(self, deadline: float) -> None:
        """Return when the child has said that it started.

        Raises:
            TimeoutError, OSError, WireError: as `receive`.
        """
        while not self._ready:
            for group in self.receive(START_SECONDS, deadline):
                if group:
                    raise WireError("an answer to nothing")
                self._ready = True

    def receive(self, seconds: float, deadline: float) -> list[Packed]:
        """The messages that came, after a wait of at most `seconds` and not past `deadline`.

        Raises:
            TimeoutError: nothing came.
            OSError, WireError: the child ended, or said what is no message.
        """
        left = deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        self._bound(min(seconds, left))
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise WireError("the child ended")
        return list(self._frames.feed(data))

    def close(self) -> None:
        """End the child at once and reap it. May be called again."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def _bound(self, seconds: float) -> None:
        if seconds != self._timeout:  # each call is a system call
            self._timeout = seconds
            self._socket.settimeout(seconds)
