"""The one spelling of a time: RFC 3339 in UTC with microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_UTC = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(seconds: float) -> str:
    """`2026-11-24T03:10:00.000000Z`, rounded to the nearest microsecond."""
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{micros:06d}Z"


def rfc3339_second(seconds: float) -> str:
    """`2026-11-24T03:10:00Z`: a deadline, cut to the second before it."""
    return f"{_second(int(seconds))}Z"


def seconds_of(text: str) -> float:
    """The seconds of a time in UTC, `2026-11-24T03:10:00Z` with or without a fraction.

    Raises:
        ValueError: another form.
    """
    if not _UTC.fullmatch(text):
        raise ValueError("not an RFC 3339 time in UTC")
    return (datetime.fromisoformat(text) - _EPOCH) / timedelta(seconds=1)


@lru_cache(maxsize=64)  # a request writes several times of the same second, at 5 µs each
def _second(whole: int) -> str:
    return (_EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
