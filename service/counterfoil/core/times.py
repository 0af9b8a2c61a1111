"""The one spelling of a time: RFC 3339 in UTC with microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(seconds: float) -> str:
    """`2026-11-24T03:10:00.000000Z`, rounded to the nearest microsecond."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{micros:06d}Z"


def rfc3339_second(seconds: float) -> str:
    """`2026-11-24T03:10:00Z`: a deadline, cut to the second before it."""
    return f"{_second(int(seconds))}Z"


@lru_cache(maxsize=64)  # a request writes several times of the same second, at 5 µs each
def _second(whole: int) -> str:
    return (_EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
