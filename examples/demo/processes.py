"""The demo's own processes: each ends with the demo, however that ends."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from demo.errors import DemoError

READY_SECONDS = 60.0  # a loaded machine; usually two
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02
_TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def bound_to_this_process(death_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child this signal when the demo is gone."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind() -> None:
        if prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(1)

    return bind


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
    death: signal.Signals = signal.SIGKILL,
) -> Iterator[Child]:
    """Keep a program running; it has its own process group, so Ctrl-C reaches the demo alone.

    Raises:
        DemoError: it cannot be started.
    """
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=bound_to_this_process(death),  # noqa: PLW1509  # no threads yet
                user=user,
                group=None if user is None else _group_of(user),
                extra_groups=None if user is None else [],
            )
        except (OSError, subprocess.SubprocessError) as error:
            remedy = "Run `make setup`, then `make demo` again."
            raise DemoError(f"{name} cannot be started: {error}", remedy=remedy) from error
    child = Child(name, process, log)
    try:
        yield child
    finally:
        child.stop(stop)


class Child:
    """One program of the demo."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        Raises:
            DemoError: it ended before, or takes too long; with the end of what it printed.
        """
        end = time.monotonic() + READY_SECONDS
        while not ready():
            if self._process.poll() is not None:
                raise DemoError(f"{self.name} ended before it was ready", shown=self.tail())
            if time.monotonic() > end:
                message = f"{self.name} was not ready after {READY_SECONDS:.0f} s"
                raise DemoError(message, shown=self.tail())
            time.sleep(_POLL_SECONDS)

    def finish(self) -> None:
        """Wait for a program that does one thing and ends.

        Raises:
            DemoError: it failed, or takes too long; with the end of what it printed.
        """
        try:
            code = self._process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{self.name} takes too long", shown=self.tail()) from error
        if code != 0:
            raise DemoError(f"{self.name} failed with code {code}", shown=self.tail())

    def hold(self) -> None:
        """See that it is still there.

        Raises:
            DemoError: it is not.
        """
        if self._process.poll() is not None:
            raise DemoError(f"{self.name} ended in the middle of the demo", shown=self.tail())

    def stop(self, how: signal.Signals) -> None:
        """Stop it, gently at first."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def tail(self) -> list[str]:
        """The end of what it printed."""
        return self.log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]


def free_port() -> int:
    """A port of this machine's loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _group_of(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
