"""The tables on PostgreSQL, in steps as `ledger/schema.py`'s, and who may do what with them.

`records` and `sealed` are only ever inserted into. `positions` gives records their place; the
views `entries` and `payloads` show the numbered ones as the tables of a SQLite ledger do, so
that the same checks read both.
"""

from __future__ import annotations

from typing import Final

FORMAT: Final = "postgresql-1"

NUMBERED: Final = {
    "entries": "SELECT p.seq, p.log, p.idx, r.event_id, r.decision_id, r.leaf, r.signature"
    " FROM positions p JOIN records r ON r.id = p.record",
    "payloads": "SELECT p.seq, s.sealed FROM positions p JOIN sealed s ON s.record = p.record",
}
"""What a SQLite ledger has as tables of these names."""

_RECORDS: Final = (
    "CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL)",
    # `xid` is the transaction that brought the record: (xid, id) is the order in which the
    # integrator numbers, and no later one can come in front of one that is numbered.
    """CREATE TABLE records (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant text NOT NULL, event_id text NOT NULL UNIQUE, decision_id text,
    leaf bytea NOT NULL, signature bytea NOT NULL)""",
    "CREATE INDEX records_order ON records (xid, id)",
    "CREATE INDEX records_decision ON records (decision_id) WHERE decision_id IS NOT NULL",
    "CREATE TABLE sealed (record bigint PRIMARY KEY, sealed bytea NOT NULL)",
    # Ciphertext: nothing to compress.
    "ALTER TABLE sealed ALTER COLUMN sealed SET STORAGE EXTERNAL",
    """CREATE TABLE logs (log bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL UNIQUE, size bigint NOT NULL, frontier bytea NOT NULL,
    root bytea NOT NULL, note bytea NOT NULL, kept bigint NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT '-infinity')""",
    """CREATE TABLE positions (seq bigint PRIMARY KEY, log bigint NOT NULL, idx bigint NOT NULL,
    record bigint NOT NULL UNIQUE, UNIQUE (log, idx))""",
    """CREATE TABLE checkpoints (log bigint NOT NULL, number bigint NOT NULL,
    size bigint NOT NULL, frontier bytea NOT NULL, note bytea NOT NULL,
    PRIMARY KEY (log, number))""",
    # One row: up to where all is numbered. Whoever holds its lock may sign. `system` is the
    # cluster in which the transaction numbers count.
    """CREATE TABLE head (one boolean PRIMARY KEY CHECK (one), xid xid8 NOT NULL,
    id bigint NOT NULL, seq bigint NOT NULL, system text NOT NULL)""",
    *(f"CREATE VIEW {name} AS {text}" for name, text in NUMBERED.items()),
    """CREATE TABLE subject_keys (id text PRIMARY KEY, lookup bytea NOT NULL UNIQUE,
    wrapped bytea NOT NULL)""",
    """CREATE TABLE once (scope bytea PRIMARY KEY, body bytea NOT NULL, state integer NOT NULL,
    deadline double precision NOT NULL, expires_at double precision NOT NULL, event_id text,
    subject_key text, answer bytea)""",
    "CREATE INDEX once_ends ON once ((CASE state WHEN 0 THEN deadline ELSE expires_at END))",
    """CREATE TABLE states (tenant text NOT NULL, kind text NOT NULL, key text NOT NULL,
    version bigint NOT NULL, state text NOT NULL, open integer NOT NULL, name bytea NOT NULL,
    owner bytea NOT NULL, decision_id text NOT NULL, expires_at double precision NOT NULL,
    PRIMARY KEY (tenant, kind, key))""",
    "CREATE INDEX states_open ON states (tenant, kind, expires_at) WHERE open = 1",
    "CREATE INDEX states_name ON states (name) WHERE open = 1",
    "CREATE INDEX states_owner ON states (owner, expires_at)",
)

_RETENTION: Final = (
    # The service may delete no payload; it may ask for those that are six months old by the
    # server's own clock, which is their owner's floor (`core/retention.py`).
    """CREATE FUNCTION drop_sealed(wanted bigint[]) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = counterfoil, pg_temp AS $$
    WITH gone AS (DELETE FROM sealed s USING records r WHERE s.record = r.id
        AND r.id = ANY(wanted) AND r.made_at < now() - interval '184 days' RETURNING 1)
    SELECT count(*) FROM gone $$""",
    "REVOKE ALL ON FUNCTION drop_sealed(bigint[]) FROM PUBLIC",
)

MIGRATIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("records", _RECORDS),
    ("retention", _RETENTION),
)
"""Version n is the first n steps. A step adds, and never changes what an earlier one made."""

COUNTER: Final = """CREATE TABLE migrations (version integer PRIMARY KEY, name text NOT NULL,
applied_at timestamptz NOT NULL DEFAULT now())"""

SERVICE_RIGHTS: Final = (
    ("SELECT", "meta, migrations, entries, payloads"),
    ("SELECT, INSERT", "records, sealed, positions, checkpoints"),
    ("SELECT, INSERT, DELETE", "subject_keys"),
    ("SELECT, INSERT, UPDATE", "logs, states"),
    ("SELECT, UPDATE", "head"),
    ("SELECT, INSERT, UPDATE, DELETE", "once"),
    ("EXECUTE", "FUNCTION drop_sealed(bigint[])"),
)
"""What a replica needs. No right to change or delete a record, a place or a checkpoint; a data
key it may delete: that is an erasure, and one without its event is found."""

_SHAPES: Final = {
    "checkpoints": "frontier bytea, log bigint, note bytea, number bigint, size bigint",
    "entries": (
        "decision_id text, event_id text, idx bigint, leaf bytea, log bigint, seq bigint, "
        "signature bytea"
    ),
    "head": "id bigint, one boolean, seq bigint, system text, xid xid8",
    "logs": (
        "frontier bytea, kept bigint, kept_at timestamp with time zone, log bigint, note "
        "bytea, root bytea, size bigint, tenant text"
    ),
    "meta": "name text, value text",
    "migrations": "applied_at timestamp with time zone, name text, version integer",
    "once": (
        "answer bytea, body bytea, deadline double precision, event_id text, expires_at "
        "double precision, scope bytea, state integer, subject_key text"
    ),
    "payloads": "sealed bytea, seq bigint",
    "positions": "idx bigint, log bigint, record bigint, seq bigint",
    "records": (
        "decision_id text, event_id text, id bigint, leaf bytea, made_at timestamp with "
        "time zone, signature bytea, tenant text, xid xid8"
    ),
    "sealed": "record bigint, sealed bytea",
    "states": (
        "decision_id text, expires_at double precision, key text, kind text, name bytea, "
        "open integer, owner bytea, state text, tenant text, version bigint"
    ),
    "subject_keys": "id text, lookup bytea, wrapped bytea",
}
COLUMNS: Final = tuple(
    f"{table}.{column}" for table, shape in _SHAPES.items() for column in shape.split(", ")
)
"""Every column of every table and view, and its type: what `verify` expects."""
