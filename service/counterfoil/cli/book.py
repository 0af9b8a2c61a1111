"""A ledger opened for reading by a command that runs beside the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from counterfoil.config import Config
from counterfoil.ledger.keys import VERIFIER_KEY, load_master, read_verifier_key
from counterfoil.ledger.reader import Reader
from counterfoil.ledger.sealing import Master
from counterfoil.ledger.slices import Slices
from counterfoil.ledger.sources import source_of
from counterfoil.ports import StoredEvent
from counterfoil.ports_search import Choice

MOST_AT_ONCE = 512  # opened events held at a time


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that was recorded, opened."""

    reader: Reader
    slices: Slices

    def tenants(self, chosen: str | None) -> list[str]:
        """The tenant that was named, or all that have a log."""
        return [chosen] if chosen is not None else self.reader.tenants()

    def events(self, tenant: str, choose: Choice, *, after: int = -1) -> Iterator[StoredEvent]:
        """Chosen events in log order; a long log needs little memory.

        Raises:
            LedgerError: the ledger cannot be read, or a record is not what its receipt says.
        """
        place: int | None = after
        while place is not None:
            piece = self.slices.forwards(tenant, after=place, most=MOST_AT_ONCE, choose=choose)
            yield from piece.events
            place = piece.place

    def last(self, tenant: str) -> int:
        """The index of the newest event, -1 where there is none."""
        piece = self.slices.backwards(tenant, before=None, most=1, choose=lambda _: True)
        found = piece.events[0].index if piece.events else None
        return -1 if found is None else found


@contextmanager
def open_book(config: Config) -> Iterator[Book]:
    """Open the ledger of a configuration.

    Raises:
        ConfigError: a key cannot be read.
    """
    keys = config.keys.directory
    key = read_verifier_key(keys / VERIFIER_KEY)
    master = Master(load_master(keys, create=False))
    reader = Reader(source_of(config.ledger.place), master, lambda: key)
    try:
        yield Book(reader, Slices(reader, master))
    finally:
        reader.close()
