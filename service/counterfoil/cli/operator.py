"""What an operator reads beside the service, with the sealing key, is recorded by it.

Whoever holds that key can read without these commands, so this keeps honest people's books and
stops nobody: where the service does not run, the command says that it left no record.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.config import Config
from counterfoil.core.canonical import canonical_bytes
from counterfoil.errors import CounterfoilError
from counterfoil.flows.reading_events import READ
from counterfoil.ledger.channel import SOCKET_NAME
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Event
from counterfoil.system import RandomIds, SystemClock

_RECORD_SECONDS: Final = 2.0
_MOST_NAMED: Final = 1_000  # of a leaf's 64 KiB; the count says how many there were


def note_reading(config: Config, via: str, read: Mapping[str, Sequence[str]]) -> None:
    """Record who reads what, before it is shown; say so where that is not possible.

    Args:
        config: of the service that runs here.
        via: the command.
        read: tenant → the decisions and runs that are shown of it; none where it is all.
    """
    clock, ids = SystemClock(), RandomIds()
    try:
        ledger = LedgerClient(
            socket_path=config.server.run_directory / SOCKET_NAME,
            place=config.ledger.place,
            keys_directory=config.keys.directory,
            clock=clock,
        )
        try:
            events = [
                _event(tenant, via, names, event_id=ids.new("evt"), now=clock.now())
                for tenant, names in read.items()
            ]
            if events:
                ledger.append(events, deadline=clock.monotonic() + _RECORD_SECONDS)
        finally:
            ledger.close()
    except CounterfoilError as error:
        print(f"counterfoil {via}: this reading is not recorded ({error})", file=sys.stderr)


def _event(tenant: str, via: str, names: Sequence[str], *, event_id: str, now: float) -> Event:
    return Event(
        kind=READ,
        event_id=event_id,
        time=now,
        tenant=tenant,
        subject=None,
        plain={"via": via, "decisions": list(names[:_MOST_NAMED]), "of": len(names), "about": None},
        payload={"reader": canonical_bytes({"account": _account(), "uid": os.getuid()})},
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, in a container
        return ""
