"""Erasing people from the record, and holding them in it (`ports.Ledger` beside it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from counterfoil.core.privacy import Holding
from counterfoil.core.retention import Dropped
from counterfoil.ports import Event, Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose data it is: a person at their issuer, in one tenant."""

    tenant: str
    issuer: str
    sub: str


class Privacy(Protocol):
    """What the record can do about a person's data."""

    def key_of(self, person: Person) -> str | None:
        """The id of their data key; None where none is (any more)."""

    def known_or_new_key(self, person: Person, *, deadline: float) -> str:
        """The id of their data key, made where there was none: who is held may be new here.

        Raises:
            LedgerError: not in time.
        """

    def holding(self, tenant: str) -> Holding:
        """The legal holds that stand in a tenant, from what was recorded.

        Raises:
            LedgerUnavailable, LedgerCorrupt: nobody knows.
        """

    def erase(
        self, person: Person, event: Event, holds: Sequence[str], *, deadline: float
    ) -> Recorded | None:
        """Destroy their data key and record it, in one commit; None where there is no key.

        Args:
            person: whose.
            event: `subject_erased`, which names the key that is there now.
            holds: names of states of the kind `hold` that would forbid it.
            deadline: by `Clock.monotonic()`.

        Raises:
            HoldInForce: one of those states stands.
            StateConflict: another key is there by now.
            LedgerError: not durable in time; it may be erased all the same.
        """


class Retention(Protocol):
    """Dropping sealed payloads by their age; leaves, receipts and checkpoints stay."""

    def next_range(self, tenant: str, cutoff: str, holding: Holding) -> tuple[Dropped | None, int]:
        """The next range of old records, what is held kept back; and how long the log is.

        None where nothing (more) is older than `cutoff`.

        Raises:
            LedgerUnavailable, LedgerCorrupt: it cannot be read.
        """

    def drop(
        self, dropped: Dropped, event: Event, holding: Holding, *, deadline: float
    ) -> Recorded:
        """Drop a range's payloads and record it, in one commit; fills in `event.plain`.

        Raises:
            HoldInForce: other holds stand by now than those that the range was chosen under.
            LedgerError: not durable in time, or something in it is too young.
        """
