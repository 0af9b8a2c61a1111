"""What one durable write costs here: the ledger's promise in its smallest coin."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

_BLOCK = b"\0" * 4096


def sync_us(folder: Path, *, times: int = 100) -> float:
    """Median microseconds of appending 4 KiB and `fdatasync` in this file system."""
    path = folder / "sync.probe"
    taken = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            start = time.perf_counter()
            os.write(descriptor, _BLOCK)
            os.fdatasync(descriptor)
            taken.append((time.perf_counter() - start) * 1e6)
    finally:
        os.close(descriptor)
        path.unlink()
    return median(taken)
