"""CPU accounts from /proc: which process of a rival spent how much during a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")

Roles = Mapping[int, str]
Account = dict[int, float]


def read(pids: Roles) -> Account:
    """User plus system seconds of each process so far; a dead one is left out."""
    account = {}
    for pid in pids:
        seconds = _seconds(pid)
        if seconds is not None:
            account[pid] = seconds
    return account


def spent(before: Account, after: Account, roles: Roles, requests: int) -> dict[str, float]:
    """CPU microseconds a request by role; processes of one role are added up."""
    split: dict[str, float] = {}
    for pid, seconds in after.items():
        share = (seconds - before.get(pid, 0.0)) * 1e6 / requests
        split[roles[pid]] = split.get(roles[pid], 0.0) + share
    return split


def tree(root: int) -> list[tuple[int, int]]:
    """`(pid, depth)` of a process and all its descendants."""
    found = [(root, 0)]
    for pid, depth in found:  # grows while it is walked
        found.extend((child, depth + 1) for child in _children(pid))
    return found


def command_line(pid: int) -> str:
    """The command of a process, words joined by blanks; empty where it is gone."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in (PROC / str(pid) / "task").iterdir():
            children += [int(word) for word in (thread / "children").read_text().split()]
    except OSError:
        return children  # the process ended while it was read
    return children


def _seconds(pid: int) -> float | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command in brackets may hold blanks; utime and stime are fields 14 and 15 (proc(5)).
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS
