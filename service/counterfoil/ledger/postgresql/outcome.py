"""What became of a commit whose answer was lost: asked by its transaction's number and events."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum
from typing import Final

import psycopg

from counterfoil.config_ledger import PostgresqlPlace
from counterfoil.ledger.postgresql.connection import connect

ASK_SECONDS: Final = 2.0  # a caller waits no longer by default
_PAUSE_SECONDS: Final = 0.02


class Outcome(Enum):
    """In words for the answer."""

    COMMITTED = "it was recorded"
    ABORTED = "nothing was recorded"
    UNKNOWN = "it may have been recorded; ask again with the same Idempotency-Key"


def outcome_of(place: PostgresqlPlace, xid: str, event_ids: Sequence[str]) -> Outcome:
    """Ask a fresh connection until it is known, for two seconds at most.

    The server may still be carrying the transaction out, or not have seen yet that its
    client is gone. Numbers alone would do on one server; where another one has taken over,
    they may be somebody else's, so the events must be there as well.
    """
    until = time.monotonic() + ASK_SECONDS
    while time.monotonic() < until:
        try:
            with connect(place, "writer asks") as db:
                row = db.execute("SELECT pg_xact_status(%s::text::xid8)", (xid,)).fetchone()
                status = row[0] if row else None
                if status == "aborted":
                    return Outcome.ABORTED
                if status != "in progress":
                    return _by_events(db, event_ids, committed=status == "committed")
        except psycopg.Error:
            pass  # down, or starting: ask again while there is time
        time.sleep(_PAUSE_SECONDS)
    return Outcome.UNKNOWN


def _by_events(
    db: psycopg.Connection[tuple[object, ...]], event_ids: Sequence[str], *, committed: bool
) -> Outcome:
    if not event_ids:
        return Outcome.COMMITTED if committed else Outcome.UNKNOWN
    found = db.execute(
        "SELECT count(*) FROM records WHERE event_id = ANY(%s)", (list(event_ids),)
    ).fetchone()
    return Outcome.COMMITTED if found == (len(event_ids),) else Outcome.ABORTED
