"""What a group of requests touches, read under its locks in a few queries, and written likewise.

A group on SQLite asks the file row by row; here each question is a journey, so the rows of
all requests come at once, `plan.py` decides in memory, and the changes go back at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from counterfoil.core.privacy import HOLD
from counterfoil.ledger.database import StorageUnavailable
from counterfoil.ledger.postgresql.connection import SETTINGS, Connection, check_durable

StateKey: TypeAlias = "tuple[str, str, str]"  # tenant, kind, key
Range: TypeAlias = "tuple[str, int, int]"  # tenant, from, below
Lock: TypeAlias = "tuple[int, bool]"  # its number, and whether others may hold it, too

_LOCK = """SELECT k, shared, CASE WHEN shared THEN pg_try_advisory_xact_lock_shared(k)
    ELSE pg_try_advisory_xact_lock(k) END
    FROM unnest(%b::bigint[], %b::boolean[]) AS u (k, shared)"""
# After the locks: the transaction gets its number here, so that what one writer did before
# another in the same matter is numbered before it, too. The time is the server's, one clock
# for all replicas: a replica that is ahead must not free what was spent.
_BEGIN = (
    f"{SETTINGS}, pg_current_xact_id()::text,"
    " extract(epoch FROM clock_timestamp())::double precision"
)
_ONCE = (
    "SELECT scope, body, state, deadline, expires_at, event_id, subject_key, answer FROM once"
    " WHERE scope = ANY(%b)"
)
_STATES = (
    "SELECT tenant, kind, key, version, state, open, name, owner, decision_id, expires_at"
    " FROM states WHERE {}"
)
_STATE_QUERIES = (
    _STATES.format(
        "(tenant, kind, key) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))"
    ),
    _STATES.format("open = 1 AND name = ANY(%b)"),
    _STATES.format("open = 1 AND owner = ANY(%b)"),
    _STATES.format(f"open = 1 AND kind = '{HOLD}' AND tenant = ANY(%s)"),
)
_RECORDS = """WITH new AS (
    INSERT INTO records (tenant, event_id, decision_id, leaf, signature)
    SELECT tenant, event_id, decision_id, leaf, signature
    FROM unnest(%s::text[], %s::text[], %s::text[], %b::bytea[], %b::bytea[])
        WITH ORDINALITY AS u (tenant, event_id, decision_id, leaf, signature, place)
    ORDER BY place ON CONFLICT (event_id) DO NOTHING RETURNING id, event_id
), payload AS (
    INSERT INTO sealed SELECT new.id, u.sealed FROM new
    JOIN unnest(%s::text[], %b::bytea[]) AS u (event_id, sealed) USING (event_id)
    WHERE u.sealed IS NOT NULL
) SELECT event_id FROM new"""
_ONCE_UPSERT = """INSERT INTO once SELECT * FROM unnest(%b::bytea[], %b::bytea[], %s::int[],
    %s::float8[], %s::float8[], %s::text[], %s::text[], %b::bytea[])
    ON CONFLICT (scope) DO UPDATE SET body = excluded.body, state = excluded.state,
    deadline = excluded.deadline, expires_at = excluded.expires_at,
    event_id = excluded.event_id, subject_key = excluded.subject_key, answer = excluded.answer"""
_STATE_UPSERT = """INSERT INTO states SELECT * FROM unnest(%s::text[], %s::text[], %s::text[],
    %s::bigint[], %s::text[], %s::int[], %b::bytea[], %b::bytea[], %s::text[], %s::float8[])
    ON CONFLICT (tenant, kind, key) DO UPDATE SET version = excluded.version,
    state = excluded.state, open = excluded.open"""
_RANGE = """SELECT p.idx, r.leaf, r.id, EXISTS (SELECT 1 FROM sealed s WHERE s.record = r.id)
    FROM positions p JOIN logs l ON l.log = p.log JOIN records r ON r.id = p.record
    WHERE l.tenant = %s AND p.idx >= %s AND p.idx < %s ORDER BY p.idx"""
_KEYS = "INSERT INTO subject_keys SELECT * FROM unnest(%s::text[], %b::bytea[], %b::bytea[])"


@dataclass(frozen=True, slots=True)
class StateRow:
    """A row of `states`."""

    version: int
    state: str
    open: bool
    name: bytes
    owner: bytes
    decision_id: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class OnceEntry:
    """A row of `once`, without its scope."""

    body: bytes
    state: int
    deadline: float
    expires_at: float
    event_id: str | None = None
    subject_key: str | None = None
    answer: bytes | None = None

    def row(self) -> tuple[Any, ...]:
        """As `once.standing_of` reads it."""
        return (
            *(self.body, self.state, self.deadline, self.expires_at),
            *(self.event_id, self.answer),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A new row of `records`, with its payload."""

    tenant: str
    event_id: str
    decision_id: str | None
    leaf: bytes
    signature: bytes
    sealed: bytes | None


@dataclass(slots=True)
class Wants:
    """Which rows some requests touch."""

    scopes: set[bytes] = field(default_factory=set)
    key_ids: set[str] = field(default_factory=set)
    lookups: set[bytes] = field(default_factory=set)
    states: set[StateKey] = field(default_factory=set)
    names: set[bytes] = field(default_factory=set)
    owners: set[bytes] = field(default_factory=set)
    doomed: set[str] = field(default_factory=set)  # data keys that are to go
    ranges: set[Range] = field(default_factory=set)  # of payloads that are to go
    holding: set[str] = field(default_factory=set)  # tenants whose holds matter or change

    def locks(self) -> set[Lock]:
        """Numbers that two writers have in common where they touch the same row.

        Many append under one data key at a time; only its erasure wants it alone, so that no
        record is committed under a key that is gone.
        """
        named = [
            *((b"scope", scope) for scope in self.scopes),
            *((b"lookup", lookup) for lookup in self.lookups),
            *((b"state", "\0".join(key).encode()) for key in self.states),
            *((b"name", name) for name in self.names),
            *((b"owner", owner) for owner in self.owners),
            *((b"key", name.encode()) for name in self.doomed),
            *((b"holds", tenant.encode()) for tenant in self.holding),
        ]
        alone = {(_number(kind, name), False) for kind, name in named}
        return alone | {(_number(b"key", name.encode()), True) for name in self.key_ids}


@dataclass(slots=True)
class World:
    """The rows as they stand, and as the group changes them."""

    now: float
    xid: str
    once: dict[bytes, OnceEntry] = field(default_factory=dict)
    keys: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)  # by lookup
    key_ids: set[str] = field(default_factory=set)
    states: dict[StateKey, StateRow] = field(default_factory=dict)
    events: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)  # leaf, signature
    records: dict[str, Record] = field(default_factory=dict)
    changed_once: set[bytes] = field(default_factory=set)
    changed_states: set[StateKey] = field(default_factory=set)
    new_keys: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    erased: set[bytes] = field(default_factory=set)  # lookups of keys that go
    ranges: dict[Range, list[tuple[int, bytes, int, bool]]] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)  # records whose payloads go

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.records or self.changed_once or self.changed_states or self.new_keys)


def try_locks(db: Connection, locks: Iterable[Lock]) -> set[Lock]:
    """Which of these locks this transaction holds now. Never waits."""
    rows = db.execute(_LOCK, _columns(sorted(locks)) or [[], []]).fetchall()
    return {(int(key), bool(shared)) for key, shared, held in rows if held}


def _number(kind: bytes, name: bytes) -> int:
    hashed = hashlib.blake2b(name, digest_size=8, person=kind).digest()
    return int.from_bytes(hashed, "big", signed=True)


def load(db: Connection, wants: Wants) -> World:
    """Read what the requests touch.

    Raises:
        psycopg.Error: the server failed.
        NotDurable: a setting was changed while it ran.
    """
    *settings, xid, now = db.execute(_BEGIN.encode()).fetchone() or ()
    check_durable(settings)
    world = World(now=now, xid=xid)
    if wants.scopes:
        for scope, *row in db.execute(_ONCE, (list(wants.scopes),)).fetchall():
            world.once[scope] = OnceEntry(*row)
    if wants.lookups:
        sql = "SELECT lookup, id, wrapped FROM subject_keys WHERE lookup = ANY(%b)"
        rows = db.execute(sql, (list(wants.lookups),)).fetchall()
        world.keys = {lookup: (name, wrapped) for lookup, name, wrapped in rows}
    if wants.key_ids:
        sql = "SELECT id FROM subject_keys WHERE id = ANY(%s)"
        world.key_ids = {name for (name,) in db.execute(sql, (list(wants.key_ids),)).fetchall()}
    for part in wants.ranges:  # index, leaf, record, whether its payload is there
        world.ranges[part] = db.execute(_RANGE, part).fetchall()
    if wants.states or wants.names or wants.ranges:
        _load_states(db, wants, world)
    stored = [entry.event_id for entry in world.once.values() if entry.event_id is not None]
    if stored:
        sql = "SELECT event_id, leaf, signature FROM records WHERE event_id = ANY(%s)"
        rows = db.execute(sql, (stored,)).fetchall()
        world.events = {event_id: (leaf, signature) for event_id, leaf, signature in rows}
    return world


def _load_states(db: Connection, wants: Wants, world: World) -> None:
    columns = _columns(list(wants.states)) or [[], [], []]
    asked: list[list[Any]] = [
        columns,
        [list(wants.names)],
        [list(wants.owners)],
        [list(wants.holding)],
    ]
    for sql, parameters in zip(_STATE_QUERIES, asked, strict=True):
        for tenant, kind, key, version, state, is_open, *rest in db.execute(
            sql.encode(), parameters
        ).fetchall():
            world.states[tenant, kind, key] = StateRow(version, state, bool(is_open), *rest)


def store(db: Connection, world: World) -> bool:
    """Write the changes; False where an event id exists already (roll back then).

    Raises:
        psycopg.Error: the server failed.
        StorageUnavailable: the server does not drop what it finds too young.
    """
    if world.records:
        records = list(world.records.values())
        names = ("tenant", "event_id", "decision_id", "leaf", "signature", "event_id", "sealed")
        made = db.execute(_RECORDS, [_column(records, name) for name in names]).fetchall()
        if len(made) != len(records):
            return False
    if world.dropped:
        (gone,) = db.execute("SELECT drop_sealed(%s)", (list(world.dropped),)).fetchone() or (0,)
        if gone != len(world.dropped):
            raise StorageUnavailable("a payload is too young to be dropped by the server's clock")
    if world.erased:
        db.execute("DELETE FROM subject_keys WHERE lookup = ANY(%b)", (list(world.erased),))
    if world.new_keys:
        keys = [(name, lookup, wrapped) for lookup, (name, wrapped) in world.new_keys.items()]
        db.execute(_KEYS, _columns(keys))
    _store_once(db, world)
    if world.changed_states:
        steps = [_state_columns(key, world.states[key]) for key in world.changed_states]
        db.execute(_STATE_UPSERT, _columns(steps))
    return True


def _state_columns(key: StateKey, row: StateRow) -> tuple[Any, ...]:
    moved = (row.version, row.state, int(row.open))
    return (*key, *moved, row.name, row.owner, row.decision_id, row.expires_at)


def _store_once(db: Connection, world: World) -> None:
    gone = [scope for scope in world.changed_once if scope not in world.once]
    if gone:
        db.execute("DELETE FROM once WHERE scope = ANY(%b)", (gone,))
    rows = [
        (scope, e.body, e.state, e.deadline, e.expires_at, e.event_id, e.subject_key, e.answer)
        for scope in world.changed_once
        if (e := world.once.get(scope))
    ]
    if rows:
        db.execute(_ONCE_UPSERT, _columns(rows))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _column(records: Sequence[Record], name: str) -> list[Any]:
    return [getattr(record, name) for record in records]
