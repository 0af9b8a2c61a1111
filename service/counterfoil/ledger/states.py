"""Table `states`: where durable things stand, one step per event, in the event's transaction.

States find things and let one of two rivals win; they are no evidence. What happened is in
the events, and whoever acts on a state reads those. So an edited or rolled back row opens
nothing: the version that a step expects comes from the events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.ledger.frames import Value
from counterfoil.ports import StoredState

MAX_LISTED = 100  # of one owner; older ones are found by their own id
MAX_OPEN_SINCE = 4_096  # of one kind: those that end last
MAX_OPEN_LISTED = 2_000  # of one tenant: bounded work, and more than people can read

_SHOWN = "SELECT key, version, state, decision_id, expires_at FROM states"
ONE = f"{_SHOWN} WHERE tenant = ? AND kind = ? AND key = ?"
OPEN = (
    f"{_SHOWN} WHERE open = 1 AND tenant = ? AND kind = ?"
    f" ORDER BY expires_at, key LIMIT {MAX_OPEN_LISTED}"
)
OPEN_BY_NAME = f"{_SHOWN} WHERE open = 1 AND tenant = ? AND kind = ? AND name = ? ORDER BY key"
OPEN_BY_OWNER = f"{_SHOWN} WHERE open = 1 AND tenant = ? AND kind = ? AND owner = ? ORDER BY key"
OPEN_SINCE = (
    f"{_SHOWN} WHERE open = 1 AND tenant = ? AND kind = ?"
    " AND expires_at > CAST(? AS DOUBLE PRECISION)"
    f" ORDER BY expires_at DESC, key LIMIT {MAX_OPEN_SINCE}"
)
OWNED = (
    f"{_SHOWN} WHERE tenant = ? AND kind = ? AND owner = ?"
    f" ORDER BY expires_at DESC, key LIMIT {MAX_LISTED}"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A change as the writer gets it: name and owner are keyed hashes."""

    kind: str
    key: str
    expect_version: int | None
    state: str
    open: bool
    name: bytes
    owner: bytes
    expires_at: float
    most_open: int


def read_step(value: Value) -> Step:
    """A step out of a request.

    Raises:
        ValueError: malformed.
    """
    match value:
        case [
            str(kind),
            str(key),
            (int() | None) as expected,
            str(state),
            bool(is_open),
            bytes(name),
            bytes(owner),
            float(expires_at),
            int(most_open),
        ]:
            return Step(kind, key, expected, state, is_open, name, owner, expires_at, most_open)
        case _:
            raise ValueError("malformed change")


def take_steps(
    db: sqlite3.Connection, steps: Sequence[tuple[str, str | None, Step]], now: float
) -> bool:
    """Take all steps in order, each (tenant, decision id, step); or none, and say so.

    Runs inside the writer's transaction; a savepoint takes a refused request's steps back
    without touching anybody else's.
    """
    db.execute("SAVEPOINT steps")
    taken = all(_take(db, tenant, decision, step, now) for tenant, decision, step in steps)
    if not taken:
        db.execute("ROLLBACK TO steps")
    db.execute("RELEASE steps")
    return taken


def _take(
    db: sqlite3.Connection, tenant: str, decision_id: str | None, step: Step, now: float
) -> bool:
    if step.expect_version is None:
        return _make(db, tenant, decision_id, step, now)
    changed = db.execute(
        "UPDATE states SET version = version + 1, state = ?, open = ?"
        " WHERE tenant = ? AND kind = ? AND key = ? AND version = ?",
        (step.state, step.open, tenant, step.kind, step.key, step.expect_version),
    )
    return changed.rowcount == 1


def _make(
    db: sqlite3.Connection, tenant: str, decision_id: str | None, step: Step, now: float
) -> bool:
    rival = db.execute(
        "SELECT 1 FROM states WHERE open = 1 AND tenant = ? AND kind = ? AND name = ?"
        " AND expires_at > ?",
        (tenant, step.kind, step.name, now),
    ).fetchone()
    if rival is not None or decision_id is None:
        return False
    (count,) = db.execute(
        "SELECT count(*) FROM states WHERE open = 1 AND tenant = ? AND kind = ? AND owner = ?"
        " AND expires_at > ?",
        (tenant, step.kind, step.owner, now),
    ).fetchone()
    if count >= step.most_open:
        return False
    made = db.execute(
        "INSERT OR IGNORE INTO states VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
        (
            *(tenant, step.kind, step.key, step.state, step.open),
            *(step.name, step.owner, decision_id, step.expires_at),
        ),
    )
    return made.rowcount == 1


def stands(db: sqlite3.Connection, tenant: str, kind: str, name: bytes) -> bool:
    """Whether anything of this name is open, whenever it would expire."""
    found = db.execute(
        "SELECT 1 FROM states WHERE open = 1 AND tenant = ? AND kind = ? AND name = ?",
        (tenant, kind, name),
    ).fetchone()
    return found is not None


def keys_of(db: sqlite3.Connection, tenant: str, kind: str) -> set[str]:
    """Of all that is open."""
    rows = db.execute(
        "SELECT key FROM states WHERE open = 1 AND tenant = ? AND kind = ?", (tenant, kind)
    )
    return {key for (key,) in rows}


def stored_state(row: tuple[object, ...]) -> StoredState:
    """A row of the queries above.

    Raises:
        ValueError: another shape.
    """
    match row:
        case (str(key), int(version), str(state), str(decision_id), float(expires_at)):
            return StoredState(
                key=key,
                version=version,
                state=state,
                decision_id=decision_id,
                expires_at=expires_at,
            )
        case _:
            raise ValueError("a state has another shape")
