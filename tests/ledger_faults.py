"""What tests of a failing PostgreSQL ask of a ledger on it: a record or a refusal, and recovery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.errors import LedgerUnavailable
from counterfoil.ledger.client import LedgerClient
from counterfoil.ports import Event
from ledgers import CLOCK, Ledger, event, soon


@contextmanager
def superuser(ledger: Ledger) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    place = ledger.place
    assert isinstance(place, PostgresqlPlace)
    with psycopg.connect(
        host=place.host,
        user="postgres",
        dbname=place.database,
        options="-c search_path=counterfoil",
        autocommit=True,
    ) as db:
        yield db


def ids(ledger: Ledger) -> list[str]:
    """Every event in the order of its number."""
    return [row[0] for row in ledger.rows("SELECT event_id FROM entries ORDER BY seq")]


def append(client: LedgerClient, sent: Event, seconds: float = 20.0) -> str:
    """The id of what is recorded, or the refusal."""
    try:
        (recorded,) = client.append([sent], deadline=soon(seconds))
    except LedgerUnavailable as error:
        return f"refused: {error.detail}"
    return recorded.receipt.event_id


def recovered(client: LedgerClient) -> str:
    """The id of the first event that is recorded again."""
    until = soon(60)
    while CLOCK.monotonic() < until:
        sent = event()
        if append(client, sent) == sent.event_id:
            return sent.event_id
    raise AssertionError("it did not recover")
