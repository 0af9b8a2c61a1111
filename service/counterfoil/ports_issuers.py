"""What redeeming grants needs from outside (see `ports.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from counterfoil.core.issuing import Issuer
from counterfoil.core.revocation import Standing
from counterfoil.ports import StoredState


class Issuers(Protocol):
    """Authenticates credential issuers."""

    def authenticate(
        self, unverified_assertion: str | None, *, certificate: bytes | None, now: float
    ) -> Issuer:
        """Return the issuer that the assertion proves, or without one the certificate (DER).

        Raises:
            MissingCredential: neither came.
            IssuerRefused: it proves none; one answer for every cause.
            LedgerError: the assertion could not be spent.
            IdentityUnavailable: the issuer's keys were never readable.
        """


@dataclass(frozen=True, slots=True)
class Ended:
    """The revocation that ended a thing: its number, which grows, and when it was recorded."""

    number: int
    time: str


class LiveRevocations(Protocol):
    """What was revoked, for those who must not be a moment behind."""

    def covers_now(self, standing: Standing) -> bool:
        """As `Revocations.covers`, by a look that begins now and misses nothing committed.

        Raises:
            LedgerError: nobody knows now, so it must count as ended.
        """

    def ended_by(self, standing: Standing) -> Ended | None:
        """The first revocation that is known to end it and has its number; None: not yet.

        Raises:
            LedgerError: nobody knows.
        """


class OpenStates(Protocol):
    """The durable things of one kind that are open, and waiting for a change of anything."""

    def open_since(self, tenant: str, kind: str, *, expires_after: float) -> list[StoredState]:
        """Those that expire after this moment (seconds since the epoch); the last ones first.

        At most `ledger.states.MAX_OPEN_SINCE`.
        """

    def version(self) -> object:
        """Differs from an earlier one after any commit."""

    def wait_for_commit(self, version: object, *, deadline: float) -> bool:
        """Return at a commit after `version`, or at the deadline.

        False where nobody should wait any longer: at a stop, or where too many wait.
        """
