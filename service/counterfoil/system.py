"""The machine's clock and randomness, behind the ports that the flows know."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """Implements `ports.Clock`."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()  # noqa: TID251 -- the one place where the product reads the time

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


class RandomIds:
    """Implements `ports.Ids`: 80 random bits behind four minutes' worth of time.

    The leading six digits only keep fresh rows together in an index; nothing is ordered
    by them.
    """

    def new(self, prefix: str) -> str:
        """`<prefix>_` and 26 hexadecimal digits."""
        window = int(time.time()) >> 8  # noqa: TID251 -- see above
        return f"{prefix}_{window & 0xFFFFFF:06x}{secrets.token_hex(10)}"
