"""The catalogues that a worker judges by: read where their files change, dropped when stale.

A file that is missing, broken, of another resource or location, or too old counts as none: the
reader then names coarser rights or doubts, and says so. It never counts as permission.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from counterfoil.catalogues.seal import (
    MAX_BYTES,
    BrokenSeal,
    Sealed,
    as_json,
    load_public_key,
    unseal,
)
from counterfoil.core.model import Resource, Snapshot
from counterfoil.ports import Clock

LOOK_SECONDS: Final = 5.0  # how often a file's change is looked for
FUTURE_SECONDS: Final = 300.0  # how far the snapshot's clock may be ahead of ours


@dataclass(slots=True)
class _Kept:
    looked_at: float
    stamp: tuple[int, int, int] | None = None
    sealed: Sealed | None = None
    snapshot: Snapshot | None = None


class CatalogueStore:
    """Implements `reading.pool.Catalogues`. Thread-safe; one a worker.

    Args:
        directory: holds one file for each resource, named by `file_of`.
        keys_directory: holds `catalogue.pub`; without it no catalogue counts.
        max_age_seconds: an older snapshot counts as none.
        clock: the time.
    """

    def __init__(
        self, directory: Path, keys_directory: Path, *, max_age_seconds: float, clock: Clock
    ) -> None:
        self._directory = directory
        self._keys = keys_directory
        self._max_age = max_age_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def current(self, resource: Resource) -> Snapshot | None:
        """The catalogue to judge by now, None where there is none that holds."""
        with self._lock:
            kept = self._kept.get(resource.id)
            now = self._clock.monotonic()
            if kept is None or now - kept.looked_at >= LOOK_SECONDS:
                kept = self._look(resource, kept, now)
            if kept.sealed is None or kept.snapshot is None:
                return None
            age = self._clock.now() - kept.sealed.taken_at
            return kept.snapshot if -FUTURE_SECONDS <= age <= self._max_age else None

    def state(self, resource: Resource) -> str:
        """For people: `current`, `stale`, `refused` (broken, another's, another key) or `none`."""
        if self.current(resource) is not None:
            return "current"
        with self._lock:
            kept = self._kept[resource.id]
            if kept.stamp is None:
                return "none"
            return "refused" if kept.sealed is None else "stale"

    def _look(self, resource: Resource, kept: _Kept | None, now: float) -> _Kept:
        path = file_of(self._directory, resource.id)
        kept = self._kept[resource.id] = kept or _Kept(now)
        kept.looked_at = now
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        except OSError:
            kept.stamp = kept.sealed = kept.snapshot = None
            return kept
        if stamp != kept.stamp:
            kept.stamp = stamp
            kept.sealed = self._read(path, resource)
            kept.snapshot = None
            if kept.sealed is not None:
                about: Mapping[str, str] = {k: str(v) for k, v in as_json(kept.sealed).items()}
                kept.snapshot = Snapshot(
                    digest=about["digest"], taken_at=about["taken_at"], body=kept.sealed.body
                )
        return kept

    def _read(self, path: Path, resource: Resource) -> Sealed | None:
        key = load_public_key(self._keys)
        if key is None:
            return None
        try:
            with path.open("rb") as file:
                sealed = unseal(file.read(2 * MAX_BYTES), key=key)
        except (OSError, BrokenSeal):
            return None
        same = (sealed.resource, sealed.location) == (resource.id, resource.location)
        return sealed if same else None


def file_of(directory: Path, resource_id: str) -> Path:
    """Where the catalogue of a resource lies; no id reaches another folder."""
    return directory / f"{quote(resource_id, safe='')}.catalogue"
