"""What every child of `reading/` gives up before it meets hostile input."""

from __future__ import annotations

import resource
import signal
from typing import Final

from counterfoil.processes import die_with_parent

MEMORY_BYTES: Final = 512 * 1024 * 1024


def confine(parent_pid: int) -> None:
    """Bound memory, leave no core file, die with the parent (0: with the socket alone)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold people's words
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    if parent_pid:
        die_with_parent(parent_pid)


def shut() -> None:
    """Open nothing any more: no file, connection or process. What is open works on.

    Without capabilities (CAP_SYS_RESOURCE) there is no way back. All code is loaded by now;
    a module that would be first imported later fails what asked for it.
    """
    for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, 0))
