"""Table `once`: what happens once, inside the writer's transaction.

A row is claimed (`reserve`) until its deadline; done (with its event, or spent without one) or
taken (done, and its answer handed out for good) until it expires; past that it counts as
absent. Scope and body are keyed hashes here: the writer cannot read them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

PENDING, DONE, TAKEN = 0, 1, 2
_PRUNED_AT_ONCE = 500  # keeps the pause short


class Standing(Enum):
    """How a scope and body stand to what is stored."""

    FREE = "free"
    CLAIMED = "claimed"
    DONE = "done"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class OnceRow:
    """A stored row, as far as a repetition needs it."""

    standing: Standing
    event_id: str = ""
    answer: bytes = b""


FREE = OnceRow(Standing.FREE)


def look_up(db: sqlite3.Connection, scope: bytes, body: bytes, now: float) -> OnceRow:
    """How `scope` stands for this `body`."""
    row = db.execute(
        "SELECT body, state, deadline, expires_at, event_id, answer FROM once WHERE scope = ?",
        (scope,),
    ).fetchone()
    return FREE if row is None else standing_of(row, body, now)


def standing_of(row: Sequence[Any], body: bytes, now: float) -> OnceRow:
    """How (body, state, deadline, expires_at, event_id, answer) stands for this `body`."""
    stored_body, state, deadline, expires_at, event_id, answer = row
    if (deadline if state == PENDING else expires_at) <= now:
        return FREE
    if stored_body != body or state == TAKEN:
        return OnceRow(Standing.CONFLICT)
    return (
        OnceRow(Standing.CLAIMED) if state == PENDING else OnceRow(Standing.DONE, event_id, answer)
    )


def answer_to_reserve(row: OnceRow) -> list[Any] | None:
    """What a reservation is told of a scope that is not free; None where it is."""
    match row.standing:
        case Standing.CONFLICT:
            return ["conflict", ""]
        case Standing.CLAIMED:
            return ["in_progress", ""]
        case Standing.DONE:
            return ["done", row.answer]
        case Standing.FREE:
            return None


def claim(db: sqlite3.Connection, scope: bytes, body: bytes, until: float) -> None:
    """Write a claim over a free scope."""
    db.execute(
        "INSERT OR REPLACE INTO once (scope, body, state, deadline, expires_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (scope, body, PENDING, until, until),
    )


def complete(
    db: sqlite3.Connection,
    scope: bytes,
    body: bytes,
    *,
    expires_at: float,
    event_id: str,
    subject_key: str | None,
    answer: bytes,
) -> None:
    """Write the event's row over a free or claimed scope."""
    db.execute(
        "INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (scope, body, DONE, expires_at, expires_at, event_id, subject_key, answer),
    )


def spend(db: sqlite3.Connection, scope: bytes, until: float, now: float) -> bool:
    """Write a row that stands for nothing but its scope; False where there is one."""
    if look_up(db, scope, b"", now).standing is not Standing.FREE:
        return False
    db.execute(
        "INSERT OR REPLACE INTO once (scope, body, state, deadline, expires_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (scope, b"", DONE, until, until),
    )
    return True


def take(db: sqlite3.Connection, scope: bytes, body: bytes, now: float) -> bytes | None:
    """Hand out the answer of a done row and destroy it; None where there is none for `body`."""
    row = look_up(db, scope, body, now)
    if row.standing is not Standing.DONE:
        return None
    db.execute("UPDATE once SET state = ?, answer = NULL WHERE scope = ?", (TAKEN, scope))
    return row.answer


def release(db: sqlite3.Connection, scope: bytes, body: bytes) -> None:
    """Take a claim back; a done row stays."""
    db.execute(
        "DELETE FROM once WHERE scope = ? AND body = ? AND state = ?", (scope, body, PENDING)
    )


def prune(db: sqlite3.Connection, now: float) -> int:
    """Delete some rows that ended; how many."""
    ended = "CASE state WHEN 0 THEN deadline ELSE expires_at END"
    cursor = db.execute(
        f"DELETE FROM once WHERE scope IN (SELECT scope FROM once WHERE {ended} <= ? LIMIT ?)",  # noqa: S608 (a constant)
        (now, _PRUNED_AT_ONCE),
    )
    return cursor.rowcount
