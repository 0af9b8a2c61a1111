"""Finds and kills the processes of a started service, by what they are."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

DEADLINE_SECONDS = 30.0
_STEP_SECONDS = 0.01  # /proc has no events
KINDS = ("opa", "ledger", "http", "worker", "reader")  # of every service


def children_of(pid: int) -> list[int]:
    """The running children of a process, of all its threads; zombies left out."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except (OSError, ValueError):
            continue  # the thread ended just now
    return [child for child in found if alive(child)]


def command_of(pid: int) -> str:
    """The command line, words parted by spaces; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def family(parent: int) -> dict[str, list[int]]:
    """Process ids by kind, under one `counterfoil serve`."""
    kinds: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for child in children_of(parent):
        command = command_of(child)
        if "counterfoil.ledger.writer" in command:
            kinds["ledger"].append(child)
        elif "counterfoil.app_providers" in command:
            kinds.setdefault("providers", []).append(child)
        elif "counterfoil.cli.gunicorn_app" in command:
            kinds["http"].append(child)
            for worker in children_of(child):
                kinds["worker"].append(worker)
                kinds["reader"] += children_of(worker)
        elif "opa" in command:
            kinds["opa"].append(child)
    return kinds


def everyone(parent: int) -> list[int]:
    """All processes of a service, the parent first."""
    return [parent, *(pid for pids in family(parent).values() for pid in pids)]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def kill(pid: int) -> None:
    """SIGKILL, as the kernel's out-of-memory killer would."""
    os.kill(pid, signal.SIGKILL)


def eventually(holds: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until `holds()`; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(_STEP_SECONDS)
