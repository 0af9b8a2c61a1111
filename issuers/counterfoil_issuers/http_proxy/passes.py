"""What holders may still have sent: one key a job, each of its requests once.

Kept in memory alone: a restart ends every key.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
from dataclasses import dataclass, field
from hashlib import sha256

from counterfoil.core.renderings.http import Right


@dataclass(kw_only=True, slots=True, eq=False)
class Pass:
    """One job's key, and the requests that it is for.

    `left` are those that were not sent yet; `refused` says what else was tried; `under_way`
    are the time limits of what is being sent, by which it is cut (the gateway's loop alone).
    """

    name: str
    key_sha256: bytes = field(repr=False)
    decided: frozenset[Right]
    deadline: int
    left: set[Right]
    refused: set[str] = field(default_factory=set)
    under_way: set[asyncio.Timeout] = field(default_factory=set)


def hidden(key: str) -> bytes:
    """What is kept of a key: it has 256 random bits, so one SHA-256 hides it."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


class Passes:
    """All that are live, by name. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, Pass] = {}
        self._ending: dict[str, Pass] = {}

    def add(self, made: Pass) -> None:
        """From now on it counts."""
        with self._lock:
            self._live[made.name] = made

    def known(self, key: str, now: float) -> Pass | None:
        """Whose key it is, if that one's deadline lies ahead; a key is `<name>.<random>`."""
        with self._lock:
            found = self._live.get(key.partition(".")[0])
        kept = found.key_sha256 if found else bytes(32)
        right = hmac.compare_digest(kept, hidden(key))
        return found if found and right and now < found.deadline else None

    def take(self, holder: Pass, request: Right) -> bool:
        """Use a request up; False where it is used, or its pass has ended since."""
        with self._lock:
            if self._live.get(holder.name) is not holder or request not in holder.left:
                return False
            holder.left.remove(request)
            return True

    def end(self, name: str) -> Pass | None:
        """Nothing is let through any more; what it was, until `gone`."""
        with self._lock:
            if name in self._live:
                self._ending[name] = self._live.pop(name)
            return self._ending.get(name)

    def gone(self, name: str) -> None:
        """Nothing of it is under way either."""
        with self._lock:
            self._ending.pop(name, None)

    def names(self) -> set[str]:
        """Which are live, or not gone."""
        with self._lock:
            return self._live.keys() | self._ending.keys()
