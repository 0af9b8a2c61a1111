"""Keeps child processes running: starts, restarts within a budget, stops in order.

One thread, one event loop: `PR_SET_PDEATHSIG` belongs to the thread that forks, and a fork
beside other threads may inherit their locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.cli.output import relay
from counterfoil.processes import bound_to_this_process

BUDGET_DEATHS: Final = 20  # of one child, within …
BUDGET_SECONDS: Final = 60.0  # … this long: more is not bad luck any more
STEADY_SECONDS: Final = 5.0  # a child that lived this long comes back at once
FIRST_DELAY_SECONDS: Final = 0.05
MAX_DELAY_SECONDS: Final = 2.0
EXIT_CHILD_LOST: Final = 70  # EX_SOFTWARE: a child could not be kept alive


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How one child is run. `final_codes` are exits that a restart would only repeat.

    One that is not `vital` never brings the others down, however often it dies: nobody who
    decides needs it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    stop_seconds: float = 5.0
    final_codes: frozenset[int] = frozenset()
    vital: bool = True


class Child:
    """One child over all its lives. Owned by the supervisor's loop."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self._deaths: deque[float] = deque()
        self._short_lives = 0

    @property
    def up(self) -> bool:
        """Whether the process runs."""
        return self.process is not None

    def start(self) -> subprocess.Popen[bytes]:
        """Spawn it: own process group (a terminal's Ctrl-C is the parent's to hear), no stdin.

        Raises:
            OSError: the program cannot be run.
            SubprocessError: it cannot be tied to this process.
        """
        self.process = subprocess.Popen(
            self.spec.command,
            env=dict(self.spec.environment),
            pass_fds=self.spec.descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=bound_to_this_process(),  # noqa: PLW1509  # one thread: see the module's text
        )
        return self.process

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    def died(self, now: float, *, lived: float) -> float | None:
        """Note a death; the seconds to wait before the next start, None when that was too many."""
        self._deaths.append(now)
        while self._deaths[0] < now - BUDGET_SECONDS:
            self._deaths.popleft()
        if len(self._deaths) > BUDGET_DEATHS:
            if self.spec.vital:
                return None
            self._deaths.popleft()
        if lived >= STEADY_SECONDS:
            self._short_lives = 0
            return 0.0
        self._short_lives += 1
        return min(FIRST_DELAY_SECONDS * 2.0 ** (self._short_lives - 1), MAX_DELAY_SECONDS)


class Supervisor:
    """Runs children until told to stop or until one cannot be kept alive."""

    def __init__(self, specs: Sequence[ChildSpec], *, say: Callable[[str], None]) -> None:
        self.children = [Child(spec) for spec in specs]
        self._say = say
        self.stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Start all, keep them, and stop them in reverse order; the exit code."""
        keepers = {child: asyncio.create_task(self._keep(child)) for child in self.children}
        for keeper in keepers.values():
            keeper.add_done_callback(self._keeper_ended)
        await self.stopping.wait()
        for child in reversed(self.children):
            await self._stop_child(child, keepers[child])
        return self._code

    def stop(self, code: int = 0) -> None:
        """Begin to stop; asked again, kill at once."""
        if self.stopping.is_set():
            self._hurry.set()
            return
        self._code = code
        self.stopping.set()

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        """A child that nobody keeps any more must not be missed in silence."""
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._say(f"a child cannot be watched any more ({error!r}); stopping everything")
            self.stop(EXIT_CHILD_LOST)

    async def _keep(self, child: Child) -> None:
        """Run one child again and again."""
        loop = asyncio.get_running_loop()
        while not self.stopping.is_set():
            started = loop.time()
            code = await self._live(child)
            if self.stopping.is_set():
                return
            self._say(f"{child.spec.name} {_ended(code)}")
            if code in child.spec.final_codes:
                self.stop(code or EXIT_CHILD_LOST)
                return
            delay = child.died(loop.time(), lived=loop.time() - started)
            if delay is None:
                self._say(f"{child.spec.name} died too often; stopping everything")
                self.stop(EXIT_CHILD_LOST)
                return
            await asyncio.sleep(delay)
            child.restarts += 1

    async def _live(self, child: Child) -> int | None:
        """One life: its exit code, negative for a signal, None when it could not be started."""
        try:
            process = child.start()
        except (OSError, subprocess.SubprocessError) as error:
            self._say(f"{child.spec.name} cannot be started: {error}")
            return None
        relaying = asyncio.create_task(relay(process, child.spec.name, self._say))
        try:
            await _exit_of(process.pid)
        finally:
            if process.poll() is None:  # it cannot be watched, so it must not go on
                process.kill()
            code = process.wait()
            child.process = None
            # What it said last is in the pipe; a grandchild that holds it open is not waited for.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(relaying, timeout=0.2)
        return code

    async def _stop_child(self, child: Child, keeper: asyncio.Task[None]) -> None:
        """Ask, wait, kill."""
        child.signal(signal.SIGTERM)
        if child.process is None:
            keeper.cancel()  # it waits for its next start
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait(
            {keeper, hurry},
            timeout=child.spec.stop_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        hurry.cancel()
        if not keeper.done():
            self._say(f"{child.spec.name} did not stop in time; killing it")
            child.signal(signal.SIGKILL)
        await asyncio.wait({keeper})  # its own error, if any, was said by _keeper_ended


async def _exit_of(pid: int) -> None:
    """Wait until a child of ours has exited, without a thread and without polling."""
    loop = asyncio.get_running_loop()
    exited = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    try:
        loop.add_reader(descriptor, exited.set)
        await exited.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _ended(code: int | None) -> str:
    if code is None:
        return "did not start"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}; starting it again"
    return f"ended with exit code {code}; starting it again"
