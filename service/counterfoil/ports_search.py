"""Reading many events of one tenant: what searches, exports and reports need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from counterfoil.ports import StoredEvent

Choice: TypeAlias = Callable[[Mapping[str, object]], bool]
"""Whether an event is wanted, by the fields of its leaf; they were not judged yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some chosen events of a log, opened and judged.

    `place` is the index that the next slice goes on from, None at the log's end; `last` the
    last index that was passed; `newest` and `oldest` bound the times that were passed.
    """

    events: list[StoredEvent]
    place: int | None
    last: int
    newest: str = ""
    oldest: str = ""


class Searches(Protocol):
    """Events of one tenant, never another's."""

    def subject_key(self, tenant: str, subject: tuple[str, str]) -> str | None:
        """The id of a person's data key as leaves name it; None where there is none (any more)."""

    def backwards(self, tenant: str, *, before: int | None, most: int, choose: Choice) -> Slice:
        """At most `most` chosen events below `before` (None: the end), the newest first.

        Passes a bounded number of events.

        Raises:
            LedgerUnavailable: the record cannot be read.
            LedgerCorrupt: a chosen event is not what its receipt says.
        """

    def forwards(self, tenant: str, *, after: int, most: int, choose: Choice) -> Slice:
        """At most `most` chosen events above `after` (-1: all), the oldest first.

        Raises:
            LedgerUnavailable, LedgerCorrupt: as `backwards`.
        """
