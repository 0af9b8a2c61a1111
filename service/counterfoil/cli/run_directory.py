"""The run directory: private, locked against a second service, and clean at each start.

Two locks (flock, which the kernel frees with the process that holds it):
`parent.lock` is the parent's alone, so a second `counterfoil serve` stops at once.
`children.lock` is shared by all children through an inherited descriptor. After a
`kill -9` of the parent the next start waits on it until the last old child is gone, so
old and new never serve, or write the ledger, side by side.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
from pathlib import Path
from typing import Final

from counterfoil.errors import ConfigError, CounterfoilError

METRICS_FOLDER: Final = "metrics"
CHILDREN_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.01  # flock has no time limit of its own; this runs only after a crash
# sun_path holds 108 bytes with the closing zero (unix(7)); the longest name of ours:
_MAX_PATH_BYTES: Final = 107 - len("/ledger.sock")


class AlreadyRunning(CounterfoilError):
    """Another service has this run directory."""

    code = "config.already_running"
    title = "Another Counterfoil runs here"
    solution = "Stop that one first, or give this one another server.run_directory."


class RunDirectory:
    """A run directory that this process owns for as long as it lives."""

    def __init__(self, path: Path) -> None:
        """Make it private, lock it, and clear what an earlier life left.

        Raises:
            ConfigError: the path cannot serve.
            AlreadyRunning: another parent holds it, or old children do not go away.
        """
        self.path = path
        _make_private(path)
        self._parent = _open(path / "parent.lock")
        self.children_lock = _open(path / "children.lock")
        try:
            self._take_locks()
        except AlreadyRunning:
            self.close()
            raise
        (path / "parent.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
        self.metrics = path / METRICS_FOLDER
        shutil.rmtree(self.metrics, ignore_errors=True)
        self.metrics.mkdir(mode=0o700)

    def close(self) -> None:
        """Give the locks up; children that live keep theirs."""
        os.close(self._parent)
        os.close(self.children_lock)

    def _take_locks(self) -> None:
        if not _lock(self._parent):
            raise AlreadyRunning(f"process {_holder(self.path)} already uses {self.path}")
        deadline = time.monotonic() + CHILDREN_SECONDS
        while not _lock(self.children_lock):
            if time.monotonic() > deadline:
                raise AlreadyRunning(f"children of an earlier service still use {self.path}")
            time.sleep(_POLL_SECONDS)


def _make_private(path: Path) -> None:
    """Whoever can write here can answer in OPA's or the writer's place."""
    setting = "server.run_directory"
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise ConfigError(
            f"{setting}: {path} is too long for unix sockets. "
            f"Name a folder of at most {_MAX_PATH_BYTES} bytes."
        )
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            f"{setting}: {path} cannot be used ({error.strerror}). "
            "Name a folder that this account may write."
        ) from error
    if status.st_uid != os.geteuid():
        raise ConfigError(f"{setting}: {path} belongs to another account. Name one of your own.")


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        return (path / "parent.pid").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return "unknown"
