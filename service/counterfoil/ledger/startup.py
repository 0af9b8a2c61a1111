"""What the writer checks before it signs anything: a log that contradicts itself stays unsigned."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from counterfoil.core.checkpoint import (
    KEY_ID_BYTES,
    InvalidNote,
    VerifierKey,
    log_origin,
    open_checkpoint,
    split_note,
)
from counterfoil.core.entry import ORIGIN
from counterfoil.core.tree import Frontier, leaf_hash
from counterfoil.errors import ConfigError, LedgerCorrupt
from counterfoil.ledger.keys import Verifier
from counterfoil.ledger.port import Database
from counterfoil.ledger.schema import COUNTED_FROM, FORMAT, MIGRATIONS, tables_of

TAIL_ENTRIES = 4_096  # recomputed at each start, shared by all logs; `verify` recomputes all
MAX_PREFIX_CHARACTERS = 120  # with the longest tenant, escaped, within an origin's 512
_TAIL_FLOOR = 32
REMEDY = "restore it, or remove receipt.pub from the keys folder to begin a new record"


@dataclass(slots=True)
class LogState:
    """One log as the writer holds it; `frontier` is owned by the transaction that grows it."""

    log: int
    tenant: str
    frontier: Frontier
    key: VerifierKey  # named by the log's origin
    key_id: bytes
    kept: int = 0
    kept_size: int = 0
    kept_at: float = float("-inf")

    def copy(self) -> LogState:
        """A state that a transaction may grow and throw away."""
        return replace(self, frontier=self.frontier.copy())


def create(db: sqlite3.Connection, base: str) -> str:
    """Make the tables of a new file and draw its origin prefix; returns the prefix.

    The random part means that a ledger made anew never speaks under an old one's name.

    Raises:
        ConfigError: the base cannot stand in an origin line.
    """
    prefix = new_prefix(base)
    db.execute("BEGIN IMMEDIATE")
    _take_steps(db, 0)
    rows = [("format", FORMAT), ("origin_prefix", prefix)]
    db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    db.execute("COMMIT")
    return prefix


def new_prefix(base: str) -> str:
    """Draw the name of a new ledger.

    Raises:
        ConfigError: as `create`.
    """
    prefix = f"{base}/{secrets.token_hex(8)}"
    if not base or not ORIGIN.fullmatch(prefix) or len(prefix) > MAX_PREFIX_CHARACTERS:
        raise ConfigError(f"{base!r} cannot begin the name of a log: too long, white space or +")
    return prefix


def read_prefix(db: sqlite3.Connection, base: str, expected: str | None) -> str | None:
    """The stored origin prefix, None for a new file.

    Raises:
        ConfigError: another format, another ledger than the keys folder knows, or one of
            another base: a development ledger stays one.
    """
    if db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
        if expected is not None:
            raise ConfigError(f"the ledger {expected} is gone: {REMEDY}")
        return None
    meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    if meta.get("format") != FORMAT:
        raise ConfigError(f"the ledger's format is {meta.get('format')}, not {FORMAT}")
    return checked_prefix(meta.get("origin_prefix"), base, expected)


def checked_prefix(prefix: object, base: str, expected: str | None) -> str:
    """The stored origin prefix, if it is this ledger's.

    Raises:
        ConfigError: as `read_prefix`.
    """
    if not isinstance(prefix, str) or prefix.rpartition("/")[0] != base:
        raise ConfigError(f"the ledger belongs to the origin {prefix}, not to {base}")
    if expected not in (None, prefix):
        raise ConfigError(f"the ledger is {prefix}, and not {expected}: {REMEDY}")
    return prefix


def migrate(db: sqlite3.Connection) -> None:
    """Give a ledger the tables that came after it was made.

    Raises:
        ConfigError: a newer release made it.
        LedgerCorrupt: its tables are those of no release.
    """
    version = version_of(db)
    if version < len(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        _take_steps(db, version)
        db.execute("COMMIT")


def version_of(db: Database) -> int:
    """How many steps of `schema.MIGRATIONS` a file has taken.

    Raises:
        ConfigError: more than this release knows.
        LedgerCorrupt: its tables or its own count are those of no version.
    """
    rows = db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    # A damaged or edited schema holds other types, which neither sort nor begin with a text.
    tables = sorted(row[0] for row in rows if isinstance(row[0], str))
    if len(tables) != len(rows):
        raise LedgerCorrupt("the definition of a table is no text")
    steps: list[tuple[object, ...]] = []
    if any(text.startswith("CREATE TABLE migrations ") for text in tables):
        steps = db.execute("SELECT version, name FROM migrations ORDER BY version").fetchall()
    if len(steps) > len(MIGRATIONS):
        raise ConfigError("a newer release made this ledger: use that one")
    known = [(number, name) for number, (name, _) in enumerate(MIGRATIONS, 1)]
    counted = [len(steps)] if steps else range(1, COUNTED_FROM)
    for version in counted:
        if tables == tables_of(version) and steps in ([], known[:version]):
            return version
    raise LedgerCorrupt(f"the tables are not exactly those of format {FORMAT}")


def _take_steps(db: sqlite3.Connection, version: int) -> None:
    for _, statements in MIGRATIONS[version:]:
        for statement in statements:
            db.execute(statement)
    already = 0 if version < COUNTED_FROM else version
    rows = [(n, name) for n, (name, _) in enumerate(MIGRATIONS, 1) if n > already]
    db.executemany("INSERT INTO migrations VALUES (?, ?)", rows)


def load_logs(db: Database, line: VerifierKey, *, signs: int = 1) -> dict[str, LogState]:
    """All logs by tenant, checked. Each is of the sign that its checkpoint is signed by.

    Args:
        db: the tables.
        line: the ledger's present name and key, with those before it.
        signs: how many of them a log may be signed by: while a rotation is carried out two,
            for a recovery all.

    Raises:
        LedgerCorrupt: a log is not what its signed checkpoint says.
    """
    rows = db.execute("SELECT log, tenant, size, frontier, root, note, kept FROM logs").fetchall()
    tail = max(_TAIL_FLOOR, TAIL_ENTRIES // max(1, len(rows)))
    logs = {}
    for log, tenant, size, frontier_bytes, root, note, kept in rows:
        known = line.named(log_origin(line.name, tenant)).line()
        key = signer_of(note, known[:signs])
        frontier = signed_frontier(key, size, frontier_bytes, note)
        if root != frontier.root():
            raise LedgerCorrupt(f"{key.name}: the stored root is not the signed one")
        base = _kept_frontier(db, log, known, below=size - tail)
        _check_tail(db, log, base, frontier, key.name)
        kept_size = _check_kept(db, log, kept, key.name)
        logs[tenant] = LogState(log, tenant, frontier, key, key.key_id(), kept, kept_size)
    return logs


def signer_of(note: bytes, signs: Sequence[VerifierKey]) -> VerifierKey:
    """Which of these a note names as its signer; the first one where it names none of them."""
    try:
        named = {(name, data[:KEY_ID_BYTES]) for name, data in split_note(note)[1]}
    except (InvalidNote, TypeError, AttributeError):
        return signs[0]
    return next((key for key in signs if (key.name, key.key_id()) in named), signs[0])


def signed_frontier(key: VerifierKey, size: int, frontier_bytes: bytes, note: bytes) -> Frontier:
    """A stored frontier, held against the signed checkpoint beside it.

    Raises:
        LedgerCorrupt: another size or root than is signed.
    """
    try:
        checkpoint = open_checkpoint(note, key, Verifier(key))
        frontier = Frontier.from_bytes(size, frontier_bytes)
    except (InvalidNote, ValueError) as error:
        raise LedgerCorrupt(f"{key.name}: the stored checkpoint: {error}") from error
    if checkpoint.size != size or checkpoint.root != frontier.root():
        raise LedgerCorrupt(f"{key.name}: the stored size and root are not the signed ones")
    return frontier


def _kept_frontier(db: Database, log: int, signs: Sequence[VerifierKey], *, below: int) -> Frontier:
    """The last kept checkpoint's frontier at or under a size; the empty one where none is."""
    row = db.execute(
        "SELECT size, frontier, note FROM checkpoints WHERE log = ? AND size <= ?"
        " ORDER BY number DESC LIMIT 1",
        (log, below),
    ).fetchone()
    return Frontier() if row is None else signed_frontier(signer_of(row[2], signs), *row)


def _check_tail(db: Database, log: int, replay: Frontier, frontier: Frontier, origin: str) -> None:
    """Recompute from an older signed frontier to the current one."""
    rows = db.execute(
        "SELECT idx, leaf FROM entries WHERE log = ? AND idx >= ? ORDER BY idx", (log, replay.size)
    )
    for index, leaf in rows:
        if index != replay.size:
            break
        replay.append(leaf_hash(leaf))
    if replay.size != frontier.size or replay.hashes != frontier.hashes:
        raise LedgerCorrupt(f"{origin}: the stored entries do not lead to the signed root")


def _check_kept(db: Database, log: int, kept: int, origin: str) -> int:
    row = db.execute(
        "SELECT number, size FROM checkpoints WHERE log = ? ORDER BY number DESC LIMIT 1", (log,)
    ).fetchone()
    if (0 if row is None else row[0]) != kept:
        raise LedgerCorrupt(f"{origin}: an older checkpoint is missing")
    return 0 if row is None else int(row[1])
