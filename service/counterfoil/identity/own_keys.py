"""The service's own public keys: what it publishes, and what its own tokens are verified by.

Both follow the rings of `key_ring.py`, so that a rotation needs no restart to be known, and a
key that has ended counts no more, whatever else still names it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from counterfoil.errors import ConfigError
from counterfoil.identity.jwks import RELOAD_INTERVAL_SECONDS, KeyFile, KeySet
from counterfoil.key_ring import RingKey, read_ring
from counterfoil.keys import JsonWebKey

_log = logging.getLogger(__name__)


class Ring:
    """The ring of one purpose, looked at once an interval. Thread safe.

    While it cannot be read the last good one stays.
    """

    def __init__(self, directory: Path, purpose: str) -> None:
        self._directory, self._purpose = directory, purpose
        self._lock = threading.Lock()
        self._keys: tuple[RingKey, ...] = ()  # guarded by _lock, like all below
        self._looked_at: float | None = None
        self._failing = False

    def keys(self, now: float) -> tuple[RingKey, ...]:
        """All keys of the ring, also those that have ended."""
        with self._lock:
            looked_at = self._looked_at
            if looked_at is None or not 0 <= now - looked_at < RELOAD_INTERVAL_SECONDS:
                self._look()
                self._looked_at = now
            return self._keys

    def _look(self) -> None:
        try:
            self._keys, self._failing = read_ring(self._directory, self._purpose), False
        except ConfigError as error:
            if not self._failing:
                _log.error("the last good ring stays: %s", error.detail)
            self._failing = True


class PublishedOwnKeys:
    """What `/.well-known/jwks.json` says: the keys that sign here, and those that still count.

    Args:
        directory: the keys folder.
        signing: by purpose, the public key that this process signs with.
    """

    def __init__(self, directory: Path, signing: Mapping[str, JsonWebKey]) -> None:
        self._signing = dict(signing)
        self._rings = {purpose: Ring(directory, purpose) for purpose in signing}

    def keys(self, now: float) -> list[JsonWebKey]:
        """The public keys at `now`, each once, the signing ones first."""
        found = {jwk["kid"]: jwk for jwk in self._signing.values()}
        for ring in self._rings.values():
            for key in ring.keys(now):
                if key.counts(now):
                    found.setdefault(key.jwk["kid"], key.jwk)
        return list(found.values())


class RingedKeyFile(KeyFile):
    """A key file, of which what the ring has ended counts no more."""

    def __init__(self, path: Path, ring: Ring) -> None:
        super().__init__(path)
        self._ring = ring
        self._seen: tuple[KeySet, frozenset[str], KeySet] | None = None

    def current(self, now: float) -> KeySet:
        """As `KeyFile.current`; the same object until the keys that count are other ones."""
        whole = super().current(now)
        ended = frozenset(k.jwk["kid"] for k in self._ring.keys(now) if not k.counts(now))
        seen = self._seen
        if seen is not None and seen[0] is whole and seen[1] == ended:
            return seen[2]
        left = {kid: key for kid, key in whole.keys.items() if kid not in ended}
        counted = whole if len(left) == len(whole.keys) else KeySet(left)
        self._seen = (whole, ended, counted)
        return counted
