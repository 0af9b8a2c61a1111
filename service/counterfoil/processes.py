"""Ties the life of a child process to its parent's, so that no `kill -9` leaves an orphan.

`PR_SET_PDEATHSIG` (prctl(2)) fires when the *thread* that forked the child ends: spawn
from the main thread only. The kernel keeps the setting across `execve`, so a program
that knows nothing of it (OPA) is covered when it is set between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

# Resolved at import: between fork and exec nothing may be looked up or allocated at length.
_libc = ctypes.CDLL(None, use_errno=True)
_prctl = _libc.prctl
_prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def die_with_parent(
    parent_pid: int | None = None, *, death_signal: signal.Signals = signal.SIGKILL
) -> None:
    """Have the kernel kill this process when its parent dies; at once if that already happened.

    SIGKILL by default: a child that takes its time to stop would hold the port against
    the next start, and nothing that was acknowledged depends on a clean stop.

    Args:
        parent_pid: the parent as it was known before the fork. Without it a parent that
            died before this call is noticed only by init having adopted this process.
        death_signal: what the kernel sends.

    Raises:
        OSError: the kernel refuses; the caller must not go on unprotected.
    """
    if _prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    # The parent may have died between fork and prctl; then no signal will ever come.
    adopted = os.getppid() != parent_pid if parent_pid is not None else os.getppid() == 1
    if adopted and os.getpid() != 1:
        os._exit(128 + death_signal)


def bound_to_this_process(
    death_signal: signal.Signals = signal.SIGKILL,
) -> Callable[[], None]:
    """A `preexec_fn` for `subprocess.Popen` that ties the child to the calling process."""
    parent_pid = os.getpid()

    def bind() -> None:
        die_with_parent(parent_pid, death_signal=death_signal)

    return bind
