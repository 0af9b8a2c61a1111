"""The tables of a SQLite ledger, format 1, and how they came to be.

Steps are only ever added, at the end: the writer takes those that a file lacks and writes
them into table `migrations`. `verify` refuses a file whose tables are those of no step.
"""

from __future__ import annotations

FORMAT = "1"

STATES = (
    # Where durable things stand (`states.py`). No evidence: the events are. `name` and
    # `owner` are keyed hashes; at most one open, unexpired row has the same name.
    """CREATE TABLE states (tenant TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    version INTEGER NOT NULL, state TEXT NOT NULL, open INTEGER NOT NULL, name BLOB NOT NULL,
    owner BLOB NOT NULL, decision_id TEXT NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (tenant, kind, key)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX states_open ON states (tenant, kind, expires_at) WHERE open = 1",
    "CREATE INDEX states_name ON states (name) WHERE open = 1",
    "CREATE INDEX states_owner ON states (owner, expires_at)",
)

_BASE = (
    # format, origin_prefix: this ledger's own name, drawn once and never changed
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # One Merkle log per tenant; the empty tenant's is `system`. `note` is the signed
    # checkpoint of exactly this size; `kept` counts the rows in `checkpoints`.
    """CREATE TABLE logs (log INTEGER PRIMARY KEY, tenant TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL, frontier BLOB NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
    kept INTEGER NOT NULL) STRICT""",
    # `seq` numbers all entries of the file without a gap (a cursor for shipping); `idx` is
    # the place in the log, which order and proofs rest on. `leaf` is hashed as it stands;
    # event_id and decision_id repeat it. `signature` is the receipt's: key id ‖ Ed25519.
    """CREATE TABLE entries (seq INTEGER PRIMARY KEY, log INTEGER NOT NULL, idx INTEGER NOT NULL,
    event_id TEXT NOT NULL UNIQUE, decision_id TEXT, leaf BLOB NOT NULL,
    signature BLOB NOT NULL, UNIQUE (log, idx)) STRICT""",
    "CREATE INDEX entries_decision ON entries (decision_id) WHERE decision_id IS NOT NULL",
    # The sealed fields of one entry, a msgpack map in the leaf's order. Apart, so that a
    # retention can drop them and keep the leaf.
    "CREATE TABLE payloads (seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
    # Older signed checkpoints, about one a second; numbered without a gap.
    """CREATE TABLE checkpoints (log INTEGER NOT NULL, number INTEGER NOT NULL,
    size INTEGER NOT NULL, frontier BLOB NOT NULL, note BLOB NOT NULL,
    PRIMARY KEY (log, number)) STRICT, WITHOUT ROWID""",
    # Data keys, wrapped. `lookup` is a keyed hash of (tenant, issuer, sub): with the row
    # goes the only way from a leaf back to a person, and every payload of theirs.
    """CREATE TABLE subject_keys (id TEXT PRIMARY KEY, lookup BLOB NOT NULL UNIQUE,
    wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID""",
    # What happens once. `scope` and `body` are keyed hashes, `answer` is sealed under
    # `subject_key`, so that it dies with it. state: 0 claimed until `deadline`, 1 done.
    """CREATE TABLE once (scope BLOB PRIMARY KEY, body BLOB NOT NULL, state INTEGER NOT NULL,
    deadline REAL NOT NULL, expires_at REAL NOT NULL, event_id TEXT, subject_key TEXT,
    answer BLOB) STRICT, WITHOUT ROWID""",
    "CREATE INDEX once_ends ON once (CASE state WHEN 0 THEN deadline ELSE expires_at END)",
)

MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("records", _BASE),
    ("states", STATES),
    (
        "migrations",
        (
            """CREATE TABLE migrations (version INTEGER PRIMARY KEY,
            name TEXT NOT NULL) STRICT, WITHOUT ROWID""",
        ),
    ),
)
"""Version n is the first n steps: a name, and its statements. A step adds, and never changes."""

COUNTED_FROM = 3  # files of the versions before have no table `migrations`


def tables_of(version: int) -> list[str]:
    """Every statement of a file of this version, sorted."""
    return sorted(text for _, statements in MIGRATIONS[:version] for text in statements)
