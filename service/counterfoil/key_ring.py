"""Rotates the keys of grants and delegation tokens, with an overlap in which both count.

Beside `grant.pem` lies `grant.ring.json` once that key was rotated (`delegation` likewise): the
public halves that count, the new one's without an end, each earlier one's until a time. The
ring is written before the key changes, so the new key is published before anything is signed
with it: a running worker publishes the ring as it stands and signs on with the key that it
started with. Killed in between, the old key stays in use, and a public half without an owner
is in the ring until the next rotation ends it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterfoil.config_model import DELEGATION_JWKS_FILE
from counterfoil.errors import ConfigError
from counterfoil.keys import (
    DELEGATION_KEY_FILE,
    GRANT_KEY_FILE,
    JsonWebKey,
    jwks_document,
    load_es256_key,
    new_es256_key,
    public_jwk,
    read_private,
    write_private,
)

KEY_FILES: Final = {"grant": GRANT_KEY_FILE, "delegation": DELEGATION_KEY_FILE}
MIN_OVERLAP_SECONDS: Final = 1_200  # longer than any token or grant lives, leeway included
DEFAULT_OVERLAP_SECONDS: Final = 86_400
MAX_OVERLAP_SECONDS: Final = 2_592_000
MAX_KEYS: Final = 8  # a verifier tries none by trial; more only makes the documents long
_LOCK_FILE: Final = ".rotate.lock"
_MEMBERS: Final = frozenset({"crv", "kty", "x", "y", "kid", "use", "alg"})
_REMEDY: Final = "Restore it from the backup, or remove it: then the current key alone counts."


@dataclass(frozen=True, slots=True)
class RingKey:
    """A public key that counts; `until` is when it ends, None for the newest."""

    jwk: JsonWebKey
    until: int | None

    def counts(self, now: float) -> bool:
        """Whether it does at `now`."""
        return self.until is None or now < self.until


def ring_path(directory: Path, purpose: str) -> Path:
    """Where the ring of a purpose lies."""
    return directory / f"{purpose}.ring.json"


def read_ring(directory: Path, purpose: str) -> tuple[RingKey, ...]:
    """The keys of a ring, the newest first; none where nothing was ever rotated.

    Raises:
        ConfigError: the file is there and cannot be used.
    """
    path = ring_path(directory, purpose)
    if not path.exists():
        return ()
    data = read_private(path, "keys.directory", remedy=_REMEDY)
    try:
        items = json.loads(data)
        if not isinstance(items, list):
            raise ValueError("no list")  # noqa: TRY004 -- one answer to all that it is not
        ring = tuple(RingKey(_jwk(item["jwk"]), _end(item["until"])) for item in items)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"{path} is no ring of keys. {_REMEDY}", pointer="keys.directory"
        ) from error
    return ring


def rotate(directory: Path, purpose: str, *, now: float, overlap_seconds: int) -> RingKey:
    """Make a new key the one that signs from the next start; the end of the one before.

    Args:
        directory: the keys folder.
        purpose: `grant` or `delegation`.
        now: seconds since the epoch.
        overlap_seconds: how long what the earlier key signed counts.

    Raises:
        ConfigError: there is no key yet, the folder cannot be written, the overlap is out of
            bounds, or the key was rotated too often within its overlap.
    """
    if not MIN_OVERLAP_SECONDS <= overlap_seconds <= MAX_OVERLAP_SECONDS:
        raise ConfigError(
            f"An overlap is {MIN_OVERLAP_SECONDS} to {MAX_OVERLAP_SECONDS} seconds: shorter, and"
            " what was signed a moment ago would not count."
        )
    with _only_one(directory):
        path = directory / KEY_FILES[purpose]
        current = public_jwk(load_es256_key(path))
        end = int(now) + overlap_seconds
        earlier = [
            RingKey(key.jwk, end if key.until is None else key.until)
            for key in read_ring(directory, purpose)
            if key.counts(now) and key.jwk["kid"] != current["kid"]
        ]
        pem, fresh = new_es256_key()
        ring = (RingKey(fresh, None), RingKey(current, end), *earlier)
        if len(ring) > MAX_KEYS:
            raise ConfigError(
                f"The {purpose} key was rotated {len(ring) - 2} times within its overlaps. Wait"
                " until one has ended."
            )
        _write_ring(directory, purpose, ring)
        write_private(path, pem, replace=True)
        return ring[1]


def _write_ring(directory: Path, purpose: str, ring: Sequence[RingKey]) -> None:
    items = [{"jwk": key.jwk, "until": key.until} for key in ring]
    data = json.dumps(items, indent=1).encode("ascii")
    write_private(ring_path(directory, purpose), data, replace=True)
    if purpose == "delegation":  # the set that workers verify our own tokens by
        document = json.dumps(jwks_document([key.jwk for key in ring]), indent=1)
        write_private(directory / DELEGATION_JWKS_FILE, document.encode("ascii"), replace=True)


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Two rotations at once would forget one of the earlier keys."""
    try:
        descriptor = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{directory} cannot be written ({error.strerror}).", pointer="keys.directory"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _jwk(value: object) -> JsonWebKey:
    if not isinstance(value, dict) or value.keys() != _MEMBERS:
        raise ValueError("no public key of ours")
    if not all(isinstance(item, str) for item in value.values()):
        raise ValueError("no public key of ours")
    return {str(name): str(item) for name, item in value.items()}


def _end(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("no time")
