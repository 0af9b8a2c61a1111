"""Runs the demo as a process of its own, and finds what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOOKS = Path(__file__).resolve().parents[1]
EXAMPLES = HOOKS.parent / "examples"
SECONDS = 240.0  # a loaded machine; usually seven


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{HOOKS}",
        "PYTHONWARNINGS": "default",
        **more,
    }


def demo(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Let the demo run to its end, with its output in pipes."""
    return subprocess.run(
        [sys.executable, "-m", "demo", "--folder", str(folder), *words],
        env=environment(**more), cwd=folder.parent, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo; whatever the test does, it is gone afterwards."""
    # Who runs the tests in the background has Ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--folder", str(folder), *words],
        env=environment(), cwd=folder.parent, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What the demo prints, up to the line that holds `text`."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"{text!r} was not said:\n{said}")


def descendants(pid: int) -> set[int]:
    """All processes below this one, now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)):
            children.setdefault(parent, []).append(int(entry.name))
    found, left = set(), [pid]
    while left:
        below = children.get(left.pop(), [])
        found.update(below)
        left += below
    return found


def left_after(pids: set[int], seconds: float = 40.0) -> set[int]:
    """Which of these still run when they have had time to end."""
    end = time.monotonic() + seconds
    while (alive := {pid for pid in pids if _runs(pid)}) and time.monotonic() < end:
        time.sleep(0.05)
    return alive


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0  # it has ended


def _runs(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
