"""A command's auditor: a credential that the service would take, and the ledger behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from counterfoil.config import Config
from counterfoil.core.model import Caller
from counterfoil.errors import AgentNotAllowed, RoleRequired
from counterfoil.flows.access import AUDITOR
from counterfoil.flows.callers import LiveCallers
from counterfoil.identity.credentials import Verifier
from counterfoil.identity.delegation import delegation_signer
from counterfoil.ledger.channel import SOCKET_NAME
from counterfoil.ledger.client import LedgerClient
from counterfoil.system import RandomIds, SystemClock

RECORD_SECONDS = 10.0  # a command waits longer for the writer than a request may


@dataclass(frozen=True, slots=True)
class Auditor:
    """Who asks, and where the records are."""

    caller: Caller
    ledger: LedgerClient
    clock: SystemClock
    ids: RandomIds

    def deadline(self) -> float:
        """Until when the writer may take for one event."""
        return self.clock.monotonic() + RECORD_SECONDS


@contextmanager
def auditor_of(config: Config, unverified_token: str) -> Iterator[Auditor]:
    """The auditor of a credential, by the service's own rules; tokens bound to a key are refused.

    Raises:
        CounterfoilError: nobody, revoked, an agent's, or without the role; or the ledger's
            writer does not run.
    """
    clock = SystemClock()
    ledger = LedgerClient(
        socket_path=config.server.run_directory / SOCKET_NAME,
        place=config.ledger.place,
        keys_directory=config.keys.directory,
        clock=clock,
    )
    try:
        verifier = Verifier(config, None, delegation_signer(config))
        callers = LiveCallers(identity=verifier, revocations=ledger.revocations)
        caller = callers.verify(unverified_token, now=clock.now())
        if caller.actor is not None:
            raise AgentNotAllowed
        if AUDITOR not in caller.roles:
            raise RoleRequired
        yield Auditor(caller, ledger, clock, RandomIds())
    finally:
        ledger.close()
